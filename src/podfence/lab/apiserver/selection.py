"""Label and field selectors of a list or a watch: their text, and what they match.

The grammar of labels is that of ``kubectl -l`` (k8s.io/apimachinery pkg/labels); fields know ``=``, ``==`` and
``!=`` (pkg/fields), and each kind knows only the fields that are listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from podfence.lab.apiserver.status import bad_request
from podfence.lab.interface import Resource
from podfence.manifests.validation.cause import quoted
from podfence.manifests.validation.names import label_key_complaints, label_value_complaints

Object = dict[str, Any]


class LabelTerm(msgspec.Struct, frozen=True):
    """One condition of a label selector; ``operator`` is one of ``in notin = != exists ! > <``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet the condition."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
        number = _whole(value)
        if number is None:
            return False
        limit = int(self.values[0])
        return number > limit if self.operator == ">" else number < limit


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[-+]?[0-9]+", text) else None


class FieldTerm(msgspec.Struct, frozen=True):
    """One condition of a field selector."""

    field: str
    value: str
    equal: bool

    def matches(self, value: Object) -> bool:
        """Tell whether an object meets the condition."""
        return (field_value(value, self.field) == self.value) is self.equal


class Selection(msgspec.Struct, frozen=True):
    """What of a collection is wanted."""

    labels: tuple[LabelTerm, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)

    def matches(self, value: Object) -> bool:
        """Tell whether an object is wanted."""
        if self.labels:
            labels = value["metadata"].get("labels") or {}
            if not all(term.matches(labels) for term in self.labels):
                return False
        return all(term.matches(value) for term in self.fields)

    @property
    def only_name(self) -> str | None:
        """The one name that can match, where a field says so."""
        return next((term.value for term in self.fields if term.field == "metadata.name" and term.equal), None)


# Labels

_SET = re.compile(r"(\S+)\s+(in|notin)\s*\((.*)\)\Z")
_COMPARED = re.compile(r"([^=!<>\s]+)\s*(==|=|!=|>|<)\s*(\S*)\Z")
_SPLIT = re.compile(r",(?![^(]*\))")


def parse_labels(text: str) -> tuple[LabelTerm, ...]:
    """Read a label selector; raises ``StatusError`` 400 with the server's complaint."""
    return tuple(_label_term(part.strip()) for part in _SPLIT.split(text) if part.strip())


def _label_term(text: str) -> LabelTerm:
    if match := _SET.match(text):
        values = tuple(value.strip() for value in match[3].split(","))
        return _checked(LabelTerm(match[1], match[2], values))
    if text.startswith("!"):
        return _checked(LabelTerm(text[1:].strip(), "!"))
    if match := _COMPARED.match(text):
        key, operator, value = match.groups()
        if operator in {">", "<"} and _whole(value) is None:
            why = f"Invalid value: {quoted(value)}: for 'Gt', 'Lt' operators, the value must be an integer"
            raise bad_request(f"unable to parse requirement: values[0]: {why}")
        return _checked(LabelTerm(key, {"!=": "notin", ">": ">", "<": "<"}.get(operator, "in"), (value,)))
    if re.search(r"[=!<>\s()]", text):
        found = re.split(r"\s+", text, maxsplit=1)[-1]
        raise bad_request(f"unable to parse requirement: found '{found}', expected: in, notin, =, ==, !=, gt, lt")
    return _checked(LabelTerm(text, "exists"))


def _checked(term: LabelTerm) -> LabelTerm:
    for complaint in label_key_complaints(term.key):
        raise bad_request(f"unable to parse requirement: <nil>: Invalid value: {quoted(term.key)}: {complaint}")
    for index, value in enumerate(term.values):
        for complaint in label_value_complaints(value):
            where = f"values[{index}][{term.key}]"
            raise bad_request(f"unable to parse requirement: {where}: Invalid value: {quoted(value)}: {complaint}")
    return term


# Fields

_OBJECT_FIELDS = ("metadata.name", "metadata.namespace")
_FIELDS: dict[Resource, tuple[str, ...]] = {
    Resource("", "pods"): (
        *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork"),
        *("status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"),
    ),
    Resource("", "events"): (
        *("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid"),
        *("involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath"),
        *("reason", "reportingComponent", "source", "type"),
    ),
    Resource("", "namespaces"): ("status.phase", "name"),
    Resource("", "nodes"): ("spec.unschedulable",),
    Resource("", "secrets"): ("type",),
    Resource("", "services"): ("spec.clusterIP", "spec.type"),
    Resource("", "replicationcontrollers"): ("status.replicas",),
    Resource("apps", "replicasets"): ("status.replicas",),
    Resource("batch", "jobs"): ("status.successful",),
}
_DEFAULTS: dict[str, str] = {"spec.unschedulable": "false", "spec.hostNetwork": "false", "status.replicas": "0"}
_SPECIAL: dict[str, Callable[[Object], object]] = {
    "source": lambda value: value.get("source", {}).get("component") or value.get("reportingComponent"),
    "name": lambda value: value["metadata"]["name"],
    "status.successful": lambda value: value.get("status", {}).get("succeeded", 0),
}


def parse_fields(text: str, resource: Resource) -> tuple[FieldTerm, ...]:
    """Read a field selector for a resource; raises ``StatusError`` 400 for fields that its kind has not."""
    return tuple(_known(term, resource) for term in _field_terms(text))


def _field_terms(text: str) -> Iterator[FieldTerm]:
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        match = re.match(r"([^=!]*)(==|!=|=)(.*)\Z", part, re.DOTALL)
        if match is None:
            raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        value = re.sub(r"\\([\\,=])", r"\1", match[3])
        yield FieldTerm(match[1], value, match[2] != "!=")


def _known(term: FieldTerm, resource: Resource) -> FieldTerm:
    fields = _FIELDS.get(resource)
    if term.field in _OBJECT_FIELDS or term.field in (fields or ()):
        return term
    if fields is None:
        known = ", ".join(map(quoted, _OBJECT_FIELDS))
        raise bad_request(f"{quoted(term.field)} is not a known field selector: only {known}")
    raise bad_request(f"field label not supported: {term.field}")


def field_value(value: Object, field: str) -> str:
    """Give a field of an object as a field selector sees it: as text, empty when it is absent."""
    found: object = value
    if field in _SPECIAL:
        found = _SPECIAL[field](value)
    else:
        for name in field.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        return _DEFAULTS.get(field, "")
    return str(found).lower() if isinstance(found, bool) else str(found)
