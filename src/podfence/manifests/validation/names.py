"""The grammar of names: DNS labels and subdomains, label keys and values, port names.

Each function returns the server's complaints about a text, none when it is fine (facts: semantics 1.3 and 1.4;
k8s.io/apimachinery pkg/api/validate/content and pkg/util/validation).
"""

from __future__ import annotations

import re
from functools import lru_cache

_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = _DNS_LABEL + r"(\." + _DNS_LABEL + ")*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"

_DNS_1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_dns_1035_label = re.compile(_DNS_1035_LABEL).fullmatch
_dns_label = re.compile(_DNS_LABEL).fullmatch
_dns_subdomain = re.compile(_DNS_SUBDOMAIN).fullmatch
_qualified = re.compile(_QUALIFIED).fullmatch
_label_value = re.compile(_LABEL_VALUE).fullmatch
_port_charset = re.compile("[-a-z0-9]+").fullmatch
_letter = re.compile("[a-z]").search

_ALPHANUMERIC_ENDS = "and must start and end with an alphanumeric character"
_QUALIFIED_COMPLAINT = f"must consist of alphanumeric characters, '-', '_' or '.', {_ALPHANUMERIC_ENDS}"
_QUALIFIED_EXAMPLES = "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "

MAX_LABEL = 63
MAX_SUBDOMAIN = 253
MAX_PORT_NAME = 15


def byte_length(text: str) -> int:
    """Count the bytes of a text in UTF-8, as every limit of the server does."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _no_more_than(limit: int, unit: str = "bytes") -> str:
    return f"must be no more than {limit} {unit}"


def dns_label_complaints(text: str) -> tuple[str, ...]:
    """Judge the name of a namespace: one lower-case DNS label of at most 63 bytes."""
    complaints = []
    if byte_length(text) > MAX_LABEL:
        complaints.append(_no_more_than(MAX_LABEL, "characters"))
    if not _dns_label(text):
        if _dns_subdomain(text):
            complaints.append("must not contain dots")
        else:
            complaints.append(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
                f"{_ALPHANUMERIC_ENDS} (e.g. 'my-name',  or '123-abc', regex used for validation is '{_DNS_LABEL}')"
            )
    return tuple(complaints)


def service_name_complaints(text: str) -> tuple[str, ...]:
    """Judge the name of a Service: a DNS label in the sense of RFC 1035, which starts with a letter."""
    complaints = []
    if byte_length(text) > MAX_LABEL:
        complaints.append(_no_more_than(MAX_LABEL, "characters"))
    if not _dns_1035_label(text):
        complaints.append(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            f"validation is '{_DNS_1035_LABEL}')"
        )
    return tuple(complaints)


def path_segment_complaints(text: str) -> tuple[str, ...]:
    """Judge a name that need only fit into a URL, as those of roles."""
    if text in {".", ".."}:
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{part}'" for part in "/%" if part in text)


def dns_subdomain_complaints(text: str, unit: str = "characters") -> tuple[str, ...]:
    """Judge the name of a policy: a lower-case DNS subdomain of at most 253 bytes, dots allowed."""
    complaints = []
    if byte_length(text) > MAX_SUBDOMAIN:
        complaints.append(_no_more_than(MAX_SUBDOMAIN, unit))
    if not _dns_subdomain(text):
        complaints.append(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            f"{_ALPHANUMERIC_ENDS} (e.g. 'example.com', regex used for validation is '{_DNS_SUBDOMAIN}')"
        )
    return tuple(complaints)


@lru_cache(maxsize=65536)
def label_key_complaints(key: str) -> tuple[str, ...]:
    """Judge a label key: an optional DNS prefix and ``/``, then a name of at most 63 bytes.

    An empty key is wrong twice over, a key with more than one slash once (facts: semantics 1.4).
    """
    parts = key.split("/")
    if len(parts) > 2:
        grammar = f"{_QUALIFIED_COMPLAINT} {_QUALIFIED_EXAMPLES}'{_QUALIFIED}')"
        prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return (f"a valid label key {grammar} {prefix}",)
    name = parts[-1]
    complaints = [] if len(parts) == 1 else _prefix_complaints(parts[0])
    if not name:
        complaints.append("name part must be non-empty")
    elif byte_length(name) > MAX_LABEL:
        complaints.append("name part " + _no_more_than(MAX_LABEL))
    if not _qualified(name):
        complaints.append(f"name part {_QUALIFIED_COMPLAINT} {_QUALIFIED_EXAMPLES}'{_QUALIFIED}')")
    return tuple(complaints)


def _prefix_complaints(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    return ["prefix part " + complaint for complaint in dns_subdomain_complaints(prefix, "bytes")]


@lru_cache(maxsize=65536)
def label_value_complaints(value: str) -> tuple[str, ...]:
    """Judge a label value: empty, or at most 63 bytes with a letter or digit at both ends."""
    complaints = []
    if byte_length(value) > MAX_LABEL:
        complaints.append(_no_more_than(MAX_LABEL))
    if not _label_value(value):
        complaints.append(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
            f"{_ALPHANUMERIC_ENDS} (e.g. 'MyValue',  or 'my_value',  or '12345', "
            f"regex used for validation is '{_LABEL_VALUE}')"
        )
    return tuple(complaints)


def port_name_complaints(name: str) -> tuple[str, ...]:
    """Judge the name of a port: up to 15 of a-z, 0-9 and single inner dashes, at least one letter."""
    complaints = []
    if byte_length(name) > MAX_PORT_NAME:
        complaints.append(_no_more_than(MAX_PORT_NAME, "characters"))
    if not _port_charset(name):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _letter(name):
        complaints.append("must contain at least one letter (a-z)")
    if "--" in name:
        complaints.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        complaints.append("must not begin or end with a hyphen")
    return tuple(complaints)
