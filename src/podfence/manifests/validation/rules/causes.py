"""Causes about built-in kinds, and the checks that many of their fields share.

Podfence's own catalogue of rules is about policies; what other kinds break has no rule there, only the server's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from podfence.manifests.validation import cause
from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.metadata import NOT_NEGATIVE, labels
from podfence.manifests.validation.names import (
    dns_label_complaints,
    dns_subdomain_complaints,
    label_key_complaints,
    port_name_complaints,
)

NO_RULE = ""
Object = Mapping[str, Any]
Complaints = Callable[[str], tuple[str, ...]]
MAX_PORT = 65535
NOT_A_PORT = f"must be between 1 and {MAX_PORT}, inclusive"
PROTOCOLS = ("SCTP", "TCP", "UDP")


def required(field: str, detail: str = "") -> Cause:
    """Say that a field must be given."""
    return cause.required(field, detail, NO_RULE)


def invalid(field: str, value: object, detail: str, *, named_type: bool = False) -> Cause:
    """Say that a value is malformed."""
    return cause.invalid(field, value, detail, NO_RULE, named_type=named_type)


def forbidden(field: str, detail: str) -> Cause:
    """Say that a field may not be given here."""
    return cause.forbidden(field, detail, NO_RULE)


def duplicate(field: str, value: object) -> Cause:
    """Say that a value is there already."""
    return cause.duplicate(field, value, NO_RULE)


def not_found(field: str, value: object, detail: str = "") -> Cause:
    """Say that a value names something that is not there."""
    return cause.not_found(field, value, NO_RULE, detail)


def not_supported(field: str, value: object, supported: Sequence[str]) -> Cause:
    """Say that a value is not one of those that the field knows."""
    return cause.not_supported(field, value, tuple(supported), NO_RULE, named_type=True)


def too_long(field: str, limit: int) -> Cause:
    """Say that a text is too long."""
    return cause.too_long(field, limit, NO_RULE)


def one_of(field: str, value: str, supported: Sequence[str]) -> Iterator[Cause]:
    """Judge a field that must hold one of some words; an empty one is missing."""
    if not value:
        yield required(field)
    elif value not in supported:
        yield not_supported(field, value, supported)


def one_of_if_given(field: str, value: str | None, supported: Sequence[str]) -> Iterator[Cause]:
    """Judge a field that may be left out, and else must hold one of some words."""
    if value is not None and value not in supported:
        yield not_supported(field, value, supported)


def not_negative(field: str, value: int | None) -> Iterator[Cause]:
    """Judge a number that must be 0 or more, where it is given."""
    if (value or 0) < 0:
        yield invalid(field, value, NOT_NEGATIVE)


def complaints(field: str, value: str, judge: Complaints) -> Iterator[Cause]:
    """Turn complaints about a text into causes."""
    for complaint in judge(value):
        yield invalid(field, value, complaint)


def dns_label(field: str, value: str) -> Iterator[Cause]:
    """Judge a DNS label."""
    return complaints(field, value, dns_label_complaints)


def dns_subdomain(field: str, value: str) -> Iterator[Cause]:
    """Judge a DNS subdomain."""
    return complaints(field, value, dns_subdomain_complaints)


def qualified_name(field: str, value: str) -> Iterator[Cause]:
    """Judge a name with an optional prefix, as the keys of labels are."""
    return complaints(field, value, label_key_complaints)


def label_map(field: str, pairs: Mapping[str, str] | None) -> Iterator[Cause]:
    """Judge a map of labels."""
    return labels(pairs or {}, field, NO_RULE)


def port_number(field: str, value: int) -> Iterator[Cause]:
    """Judge the number of a port."""
    if not 1 <= value <= MAX_PORT:
        yield invalid(field, value, NOT_A_PORT)


def port_number_or_name(field: str, value: int | str) -> Iterator[Cause]:
    """Judge a port given by number or name."""
    if isinstance(value, str):
        yield from complaints(field, value, port_name_complaints)
    else:
        yield from port_number(field, value)


_CONFIG_KEY = "[-._a-zA-Z0-9]+"


def config_key_complaints(key: str) -> tuple[str, ...]:
    """Judge a key of a ConfigMap or Secret, which becomes the name of a file."""
    found = []
    if len(key.encode()) > 253:
        found.append("must be no more than 253 characters")
    if not re.fullmatch(_CONFIG_KEY, key):
        found.append(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
            f"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '{_CONFIG_KEY}')"
        )
    if key in {".", ".."}:
        found.append(f"must not be '{key}'")
    elif key.startswith(".."):
        found.append("must not start with '..'")
    return tuple(found)


def given(value: Object, *names: str) -> list[str]:
    """Name those of some fields that an object has."""
    return [name for name in names if value.get(name) is not None]


def as_go_struct(value: Object, *names: str) -> dict[str, Any]:
    """Write an object as the server's own struct, which has no JSON names: some messages show it so."""
    return {f"{name[0].upper()}{name[1:]}": value.get(name) for name in names}


_PERCENT = re.compile(r"[0-9]+%")
_NO_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)


def count_or_percent(field: str, value: int | str) -> Iterator[Cause]:
    """Judge a number of pods, or a share of them."""
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            yield invalid(field, value, _NO_PERCENT)
    else:
        yield from not_negative(field, value)


def at_most_all(field: str, value: int | str) -> Iterator[Cause]:
    """Refuse more than 100 %."""
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        yield invalid(field, value, "must not be greater than 100%")


def is_none(value: int | str | None) -> bool:
    """Tell whether a number or a share amounts to nothing."""
    if isinstance(value, str):
        return not _PERCENT.fullmatch(value) or int(value[:-1]) == 0
    return not value


_DOMAIN_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def domain_prefixed_path(field: str, value: str) -> Iterator[Cause]:
    """Judge a name such as ``example.com/name``."""
    if not value:
        yield required(field)
        return
    domain, slash, path = value.partition("/")
    if not slash or not domain or not path:
        yield invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    yield from dns_subdomain(field, domain)
    if not re.fullmatch(_DOMAIN_PATH, path):
        yield invalid(field, path, f"Invalid path (regex used for validation is '{_DOMAIN_PATH}')")
