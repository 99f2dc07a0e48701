"""What the server asks of a CustomResourceDefinition, as far as it decides whether the resource can be served.

Not all of the server's rules: those about names, scope, versions and the outline of structural schemas
(k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from podfence.lab.apiserver.crds.expressions import syntax_fault
from podfence.manifests.validation.cause import Cause, invalid, not_supported, required
from podfence.manifests.validation.names import dns_label_complaints, dns_subdomain_complaints

Object = dict[str, Any]

_RULE: Final = "definition"
_ROOT: Final = "must not be empty at the root"
_FIELD: Final = "must not be empty for specified object fields"
_ITEM: Final = "must not be empty for specified array items"


def with_names(crd: Object) -> Object:
    """Fill in the names that follow from the kind, as the server's defaults do."""
    spec = dict(crd.get("spec") or {})
    names = dict(spec.get("names") or {})
    kind = names.get("kind", "")
    if kind:
        names["singular"] = names.get("singular") or kind.lower()
        names["listKind"] = names.get("listKind") or f"{kind}List"
    return {**crd, "spec": {**spec, "names": names}}


def validate_crd(crd: Object) -> Iterator[Cause]:
    """Judge a definition."""
    spec = crd["spec"]
    group, names = spec.get("group", ""), spec.get("names") or {}
    wanted = f"{names.get('plural', '')}.{group}"
    if crd["metadata"].get("name") != wanted:
        yield invalid(
            "metadata.name", crd["metadata"].get("name", ""), 'must be spec.names.plural+"."+spec.group', _RULE
        )
    yield from _group(group)
    if not spec.get("scope"):
        yield required("spec.scope", "", _RULE)
    elif spec["scope"] not in {"Cluster", "Namespaced"}:
        yield not_supported("spec.scope", spec["scope"], ("Cluster", "Namespaced"), _RULE, named_type=True)
    yield from _versions(spec.get("versions") or ())
    yield from _names(names)


def _group(group: str) -> Iterator[Cause]:
    if not group:
        yield required("spec.group", "", _RULE)
        return
    for complaint in dns_subdomain_complaints(group):
        yield invalid("spec.group", group, complaint, _RULE)
    if "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot", _RULE)


def _names(names: Object) -> Iterator[Cause]:
    for name in ("plural", "singular", "kind", "listKind"):
        if not names.get(name):
            yield required(f"spec.names.{name}", "", _RULE)
            continue
        for complaint in dns_label_complaints(names[name].lower()):
            yield invalid(f"spec.names.{name}", names[name], complaint, _RULE)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same", _RULE)


def _versions(versions: Any) -> Iterator[Cause]:  # noqa: ANN401 (a list of objects)
    seen: set[str] = set()
    for index, version in enumerate(versions):
        field = f"spec.versions[{index}]"
        name = version.get("name", "")
        for complaint in dns_label_complaints(name):
            yield invalid(f"{field}.name", name, complaint, _RULE)
        if name in seen:
            yield invalid("spec.versions", name, "must contain unique version names", _RULE)
        seen.add(name)
        yield from _schema(version, field, is_only=len(versions) == 1)
    if sum(bool(version.get("storage")) for version in versions) != 1:
        names = [version.get("name", "") for version in versions]
        yield invalid("spec.versions", names, "must have exactly one version marked as storage version", _RULE)


def _schema(version: Object, field: str, *, is_only: bool) -> Iterator[Cause]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    where = f"{field}.schema.openAPIV3Schema"
    if schema is None:
        yield required(where, "schemas are required", _RULE)
        return
    if schema.get("type") not in {None, "", "object"}:
        yield invalid(f"{where}.type", schema["type"], "must be object at the root", _RULE)
    yield from _outline(schema, where, _ROOT)
    yield from _rules(schema, "spec.validation.openAPIV3Schema" if is_only else where)


def _rules(schema: Object, where: str) -> Iterator[Cause]:
    """Judge the texts of the rules in CEL, whether or not they are enforced."""
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        path = f"{where}.x-kubernetes-validations[{index}]"
        text, message = rule.get("rule", ""), rule.get("message", "")
        if not text.strip():
            yield required(f"{path}.rule", "rule is not specified", _RULE)
        elif fault := syntax_fault(text):
            yield invalid(f"{path}.rule", _as_go(rule), fault, _RULE)
        if "\n" in message:
            yield invalid(f"{path}.message", message, "must not contain line breaks", _RULE)
        elif "\n" in text.strip() and not message:
            why = "message must be specified if rule contains line breaks"
            yield required(f"{path}.message", why, _RULE)
    for name, field in (schema.get("properties") or {}).items():
        yield from _rules(field, f"{where}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _rules(schema[name], f"{where}.{name}")


def _as_go(rule: Object) -> Object:
    """Write a rule as the server's own struct is shown."""
    texts = {name: rule.get(name[0].lower() + name[1:], "") for name in ("Rule", "Message", "MessageExpression")}
    return {**texts, "Reason": rule.get("reason"), "FieldPath": rule.get("fieldPath", ""), "OptionalOldSelf": None}


def _outline(schema: Object, where: str, why: str) -> Iterator[Cause]:
    """Ask for a type everywhere, but where the value may be anything."""
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and (not free or why == _ROOT):
        yield required(f"{where}.type", why, _RULE)
    for name, field in (schema.get("properties") or {}).items():
        yield from _outline(field, f"{where}.properties[{name}]", _FIELD)
    if isinstance(schema.get("items"), dict):
        yield from _outline(schema["items"], f"{where}.items", _ITEM)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _outline(schema["additionalProperties"], f"{where}.additionalProperties", _FIELD)
