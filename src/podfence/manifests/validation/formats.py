"""The formats of texts that a schema can ask for, as the API server understands them. Pure.

Sources: ``k8s.io/kube-openapi/pkg/validation/strfmt``. What is not here (ISBN, credit cards and the like) is not
judged; whoever takes a schema says so.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from podfence.manifests.validation.names import dns_label_complaints, dns_subdomain_complaints

_TIME: Final = re.compile(r"(\d\d):(\d\d):(\d\d)(.\d+)?(z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION: Final = re.compile(
    r"(?:\d+(?:\.\d*)?\s*(?:ns|nanos?|nanoseconds?|us|µs|μs|micros?|microseconds?|ms|millis?|milliseconds?"
    r"|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*)+",
    re.ASCII,
)
_EMAIL: Final = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_BASE64: Final = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"
_HOSTNAME: Final = r"[^\W_](?:(?:-?[^\W_]){0,62})(?:\.[^\W_](?:-?[^\W_]){0,62})*\.?"
_MAC: Final = (
    r"(?:[0-9a-fA-F]{2}[:-]){5}(?:[0-9a-fA-F]{2}[:-]){0,2}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2,3}[0-9a-fA-F]{4}"
)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2006-01-02")


def _is_date_time(text: str) -> bool:
    day, separator, time = text.lower().partition("t")
    found = _TIME.fullmatch(time)
    return bool(separator and found and _is_date(day)) and bool(
        found and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"
    )


def _is_duration(text: str) -> bool:
    return text == "0" or bool(_DURATION.fullmatch(text.removeprefix("-").removeprefix("+")))


def _is_address(version: int) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return holds


def _is_cidr(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return text.partition("/")[2].isdecimal()


def _is_uri(text: str) -> bool:
    """Tell whether a text is a URI that a request could have: absolute, or a path from the root."""
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return text.isprintable() and (text.startswith("/") or bool(url.scheme and (url.netloc or url.path)))


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: bool(compiled.fullmatch(text))


def _uuid(version: str = "[0-9a-f]", variant: str = "[0-9a-f]") -> Callable[[str], bool]:
    start, middle = "[0-9a-f]{8}", f"{version}[0-9a-f]{{3}}-?{variant}[0-9a-f]{{3}}"
    return _matches(f"(?i:{start}-?[0-9a-f]{{4}}-?{middle}-?[0-9a-f]{{12}})")


FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _is_date,
    "date-time": _is_date_time,
    "datetime": _is_date_time,
    "duration": _is_duration,
    "ipv4": _is_address(4),
    "ipv6": _is_address(6),
    "cidr": _is_cidr,
    "mac": _matches(_MAC),
    "uri": _is_uri,
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "byte": _matches(_BASE64),
    "hostname": lambda text: len(text) < 256 and bool(re.fullmatch(_HOSTNAME, text)),
    "hexcolor": _matches("#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "password": lambda _: True,
    "uuid": _uuid(),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4", "[89ab]"),
    "uuid5": _uuid("5", "[89ab]"),
    "k8s-short-name": lambda text: not dns_label_complaints(text),
    "k8s-long-name": lambda text: not dns_subdomain_complaints(text),
}
"""What must hold of a text for each format."""

UNKNOWN: Final = frozenset({"bsonobjectid", "isbn", "isbn10", "isbn13", "creditcard", "ssn", "rgbcolor"})
"""Formats that the API server judges and this module does not."""
