"""Metadata of a policy: what the server asks of names, labels, annotations, owners and finalizers.

The functions take the decoded ``metadata`` (see ``decoding``), so types are right and nulls gone (facts:
semantics 1.3 and 1.5; k8s.io/apimachinery pkg/api/validation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from podfence.manifests.validation.cause import Cause, forbidden, invalid, required, shown, too_long
from podfence.manifests.validation.names import (
    byte_length,
    dns_label_complaints,
    dns_subdomain_complaints,
    label_key_complaints,
    label_value_complaints,
)

Metadata = Mapping[str, Any]

MAX_ANNOTATIONS_BYTES = 256 * 1024
MAX_GENERATED_BASE = 58
GENERATED_SUFFIX = "xxxxx"
"""Stands for the five random characters that the server adds to ``generateName``."""

NOT_NEGATIVE = "must be greater than or equal to 0"

STANDARD_FINALIZERS = frozenset({"orphan", "foregroundDeletion", "kubernetes"})
IMMUTABLE = ("name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds")
"""What an update may not change; a creationTimestamp is not compared but put back."""


def with_generated_name(metadata: Metadata) -> dict[str, Any]:
    """Give metadata the name that the server would make from ``generateName``, cut to 58 characters."""
    named = dict(metadata)
    base = named.get("generateName", "")
    if base and not named.get("name"):
        named["name"] = base.encode()[:MAX_GENERATED_BASE].decode(errors="ignore") + GENERATED_SUFFIX
    return named


NameRule = Callable[[str], tuple[str, ...]]
"""Gives the server's complaints about the name of an object."""


def validate_metadata(
    metadata: Metadata, *, namespaced: bool, builtin: bool, name_rule: NameRule = dns_subdomain_complaints
) -> Iterator[Cause]:
    """Judge the metadata of a new object, in the server's order.

    ``builtin`` is true for kinds of Kubernetes itself, whose bare finalizer names must be standard ones; for custom
    resources the server only warns (``finalizer_warnings``).
    """
    yield from _names(metadata, name_rule)
    if namespaced:
        yield from _namespace(metadata.get("namespace") or "")
    elif metadata.get("namespace"):
        yield forbidden("metadata.namespace", "not allowed on this type", "metadata-namespace")
    yield from _content(metadata)
    finalizers = metadata.get("finalizers") or ()
    yield from _finalizers(finalizers)
    if builtin:
        yield from _finalizer_names(finalizers)


def validate_metadata_update(
    new: Metadata, old: Metadata, *, builtin: bool, again: bool = True, bare_finalizers: bool = False
) -> Iterator[Cause]:
    """Judge the metadata of a changed object: identity may not change, the rest as on create (facts: 1.5).

    The server judges metadata once for all kinds and, with ``again``, once more for the kind itself, and lists both
    results. ``bare_finalizers`` is for the few built-in kinds of which an update may have finalizers without a domain.
    """
    yield from _content(new)
    yield from _finalizers(new.get("finalizers") or ())
    yield from _changes(new, old, builtin=builtin)
    if again:
        yield from _changes(new, old, builtin=builtin)
    if builtin and again and not bare_finalizers:
        yield from _finalizer_names(new.get("finalizers") or ())


def _content(metadata: Metadata) -> Iterator[Cause]:
    yield from labels(metadata.get("labels") or {}, "metadata.labels", "metadata-labels")
    yield from validate_annotations(metadata.get("annotations") or {})
    yield from _owner_references(metadata.get("ownerReferences") or ())


def _changes(new: Metadata, old: Metadata, *, builtin: bool) -> Iterator[Cause]:
    if old.get("deletionTimestamp"):
        yield from _no_new_finalizers(new, old)
    if not builtin and not new.get("resourceVersion"):
        yield invalid("metadata.resourceVersion", "", "must be specified for an update", "metadata-immutable")
    for name in IMMUTABLE:
        # The server fills in what an update leaves out, except the name, which is part of the request's path.
        if new.get(name) not in {None, ""} and new[name] != old.get(name):
            yield invalid(f"metadata.{name}", new[name], "field is immutable", "metadata-immutable")
    yield from _content(new)


def _no_new_finalizers(new: Metadata, old: Metadata) -> Iterator[Cause]:
    added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
    if added:
        names = ", ".join(shown(name) for name in added)
        refused = "no new finalizers can be added if the object is being deleted"
        detail = f"{refused}, found new finalizers []string{{{names}}}"
        yield forbidden("metadata.finalizers", detail, "metadata-finalizers")


def _names(metadata: Metadata, name_rule: NameRule) -> Iterator[Cause]:
    base = metadata.get("generateName") or ""
    if base:
        # A trailing dash is fine in a base; the server replaces it and the character before it for the check.
        masked = base[:-2] + "a" if len(base) > 1 and base.endswith("-") else base
        for complaint in name_rule(masked):
            yield invalid("metadata.generateName", base, complaint, "metadata-name")
    name = metadata.get("name") or ""
    if not name:
        yield required("metadata.name", "name or generateName is required", "metadata-name")
    else:
        for complaint in name_rule(name):
            yield invalid("metadata.name", name, complaint, "metadata-name")


def _namespace(namespace: str) -> Iterator[Cause]:
    if not namespace:
        yield required("metadata.namespace", "", "metadata-namespace")
        return
    for complaint in dns_label_complaints(namespace):
        yield invalid("metadata.namespace", namespace, complaint, "metadata-namespace")


def labels(pairs: Mapping[str, str], field: str, rule: str) -> Iterator[Cause]:
    """Judge a map of labels; every complaint stands at the map itself, not at the key (facts: 1.4, row M19)."""
    for key, value in pairs.items():
        for complaint in label_key_complaints(key):
            yield invalid(field, key, complaint, rule)
        for complaint in label_value_complaints(value):
            yield invalid(field, value, complaint, rule)


def validate_annotations(annotations: Mapping[str, str], field: str = "metadata.annotations") -> Iterator[Cause]:
    """Judge a map of annotations: its keys, and how large it is."""
    size = 0
    for key, value in annotations.items():
        size += byte_length(key) + byte_length(value)
        # Case does not matter in an annotation's key: it is checked in lower case.
        for complaint in label_key_complaints(key.lower()):
            yield invalid(field, key, complaint, "metadata-annotations")
    if size > MAX_ANNOTATIONS_BYTES:
        yield too_long(field, MAX_ANNOTATIONS_BYTES, "metadata-annotations")


def _owner_references(references: Sequence[Metadata]) -> Iterator[Cause]:
    # None of these fields carries the index of the reference: that is how the server writes them.
    field = "metadata.ownerReferences"
    controller = ""
    for reference in unique_owner_references(references):
        yield from _owner_reference(reference, field)
        if not reference.get("controller"):
            continue
        current = f"{reference.get('kind', '')}/{reference.get('name', '')}"
        if controller:
            found = f'Found "true" in references for {controller} and {current}'
            detail = f"Only one reference can have Controller set to true. {found}"
            yield invalid(field, _go_references(references), detail, "metadata-owners")
        else:
            controller = current


def _owner_reference(reference: Metadata, field: str) -> Iterator[Cause]:
    api_version = reference.get("apiVersion", "")
    group, _, version = api_version.rpartition("/") if api_version.count("/") < 2 else ("", "", "")
    kind = reference.get("kind", "")
    if not version:
        detail = "version must not be empty"
        yield invalid(f"{field}.apiVersion", api_version, detail, "metadata-owners")
    for name in ("kind", "name", "uid"):
        if not reference.get(name):
            yield invalid(f"{field}.{name}", "", "must not be empty", "metadata-owners")
    if (group, version, kind) == ("", "v1", "Event"):
        detail = "/v1, Kind=Event is disallowed from being an owner"
        yield invalid(field, _go_references([reference])[0], detail, "metadata-owners")


def unique_owner_references(references: Sequence[Metadata]) -> list[Metadata]:
    """Drop references that repeat an earlier one in every field, as the server does before it validates."""
    unique: list[Metadata] = []
    for reference in references:
        if reference not in unique:
            unique.append(reference)
    return unique


def _go_references(references: Sequence[Metadata]) -> list[dict[str, Any]]:
    # The order of the fields of Go's struct; shown() would sort them, so they are printed with this order kept.
    required_fields = ("apiVersion", "kind", "name", "uid")
    return [
        {name: reference.get(name, "") for name in required_fields}
        | {name: reference[name] for name in ("controller", "blockOwnerDeletion") if name in reference}
        for reference in unique_owner_references(references)
    ]


def _finalizers(finalizers: Sequence[str]) -> Iterator[Cause]:
    field = "metadata.finalizers"
    for finalizer in finalizers:
        for complaint in label_key_complaints(finalizer):
            yield invalid(field, finalizer, complaint, "metadata-finalizers")
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        yield invalid(field, list(finalizers), detail, "metadata-finalizers")


def _finalizer_names(finalizers: Sequence[str]) -> Iterator[Cause]:
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"metadata.finalizers[{index}]", finalizer, detail, "metadata-finalizers")


def finalizer_warnings(finalizers: Sequence[str]) -> Iterator[str]:
    """Warn of a custom resource's finalizers that are not qualified by a domain (facts: 1.10)."""
    for finalizer in sorted(set(finalizers)):
        if "/" in finalizer or finalizer in STANDARD_FINALIZERS:
            continue
        path = "including a path (/) " if "." in finalizer else ""
        yield (
            f"metadata.finalizers: {shown(finalizer)}: prefer a domain-qualified finalizer name {path}"
            "to avoid accidental conflicts with other finalizer writers"
        )


def owner_reference_warnings(references: Sequence[Metadata]) -> Iterator[str]:
    """Warn of owner references that are given twice; the server drops the repetition."""
    seen: list[Metadata] = []
    repeated = []
    for reference in references:
        if reference in seen:
            repeated.append(str(reference.get("uid", "")))
        seen.append(reference)
    if repeated:
        yield (
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, "
            "and may reject such requests as early as 1.24; please fix your requests; "
            f"duplicate UID(s) observed: {', '.join(repeated)}"
        )
