"""Defaulting of a whole object: each record it holds gets the defaults of its type, outer ones first.

The server's defaulting is generated code that calls one function for each type it meets; this is the same walk over
the table of types. Defaults that the API declares in its types come from the table, the rest from the functions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podfence.manifests.types import Field, RecordType
from podfence.manifests.validation.defaults import configuration, pods, services, workloads
from podfence.manifests.validation.defaults.setting import Default, Object
from podfence.manifests.validation.quantity import parse_quantity, rounded_up_to_milli

DEFAULTS: Mapping[str, Default] = {
    **pods.DEFAULTS,
    **services.DEFAULTS,
    **workloads.DEFAULTS,
    **configuration.DEFAULTS,
}


def with_record_defaults(record: RecordType, value: Mapping[str, Any]) -> Object:
    """Give a settled value of a record with all defaults; the given value is not changed."""
    filled = dict(value)
    function = DEFAULTS.get(record.name.removeprefix("io.k8s.api."))
    if function is not None:
        function(filled)
    for name, field in record.fields.items():
        entry = _filled(field, filled.get(name))
        if entry is not None:
            filled[name] = entry
    return filled


def _filled(field: Field, entry: Any) -> Any:  # noqa: ANN401 (plain data, as JSON gives it)
    inner = field.record
    if entry is None:
        if inner is not None and not (field.pointer or field.repeated or field.map):
            return with_record_defaults(inner, {}) or None
        return field.default if _is_declared(field) else None
    if field.repeated:
        return entry if inner is None else [with_record_defaults(inner, each) for each in entry]
    if field.map:
        if field.type == "quantity":
            return {key: rounded_up_to_milli(parse_quantity(each)).text for key, each in entry.items()}
        return entry if inner is None else {key: with_record_defaults(inner, each) for key, each in entry.items()}
    return entry if inner is None else with_record_defaults(inner, entry)


def _is_declared(field: Field) -> bool:
    # OpenAPI lists Go's zero value as the default of what is no pointer; only other values are filled in.
    return field.default is not None and (field.pointer or bool(field.default))
