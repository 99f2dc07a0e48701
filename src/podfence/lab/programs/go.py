"""The habits of Go programs that their users see: durations, flags, ``host:port``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


class UsageError(Exception):
    """A command line that Go's flag library would refuse, with its words."""


def parse_duration_s(text: str) -> float:
    """Read a duration such as ``1m30s`` as seconds; raises ``ValueError`` with Go's words."""
    rest = text.lstrip("+-")
    if rest == "0":
        return 0.0
    parts = list(_DURATION.finditer(rest))
    if not parts or "".join(part[0] for part in parts) != rest:
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(part[1]) * _UNITS_S[part[2]] for part in parts)
    return -seconds if text.startswith("-") else seconds


def parse_flags(arguments: Sequence[str], defaults: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read flags ``--name=value``, ``--name value`` and ``--name`` (where the default is a boolean word).

    Flags may stand anywhere, ``--`` ends them. Raises ``UsageError`` for those that are not in ``defaults``.
    """
    flags, operands = dict(defaults), []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            operands += rest
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        name, has_value, value = word.lstrip("-").partition("=")
        if name not in defaults:
            raise UsageError(f"unknown flag: --{name}" if word.startswith("--") else f"unknown shorthand flag: {word}")
        if not has_value and defaults[name] in {"true", "false"}:
            value = "true"
        elif not has_value:
            if not rest:
                raise UsageError(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        flags[name] = value
    return flags, operands


def split_host_port(text: str) -> tuple[str, str]:
    """Split ``host:port`` or ``[v6]:port``; raises ``ValueError`` with Go's words."""
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and text.endswith("]")):
        raise ValueError(f"address {text}: missing port in address")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    if ":" in host:
        raise ValueError(f"address {text}: too many colons in address")
    return host, port
