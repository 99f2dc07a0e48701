"""Address blocks of NetworkPolicy: ``cidr`` and ``except``, and the warnings about how they are spelt.

Two regimes: strict from Kubernetes 1.36 on, where ambiguous spellings are refused, and lenient before, where
they only draw a warning (facts: semantics 1.3, 1.6 and 1.10; rows I01 to I27).
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from podfence.manifests.validation.cause import Cause, invalid, quoted, required
from podfence.manifests.validation.cidr import parse_sloppy, strict_complaint


class CidrRegime(enum.Enum):
    """How the server treats CIDR text that can be read in two ways."""

    STRICT = "strict"
    LENIENT = "lenient"


def validate_ip_block(
    block: Mapping[str, Any], field: str, regime: CidrRegime, allowed: Collection[str] = ()
) -> Iterator[Cause]:
    """Judge a block; ``allowed`` are CIDR texts of the stored policy, which pass whatever they look like.

    Nothing is said about ``except`` when ``cidr`` is missing or unreadable, as the server stops there.
    """
    text = block.get("cidr", "")
    if not text:
        yield required(f"{field}.cidr", "", "cidr-missing")
        return
    yield from _format(text, f"{field}.cidr", regime, allowed)
    cidr = parse_sloppy(text)
    if cidr is None:
        return
    for index, excluded in enumerate(block.get("except") or ()):
        path = f"{field}.except[{index}]"
        yield from _format(excluded, path, regime, allowed)
        hole = parse_sloppy(excluded)
        if hole is not None and not cidr.strictly_holds(hole):
            yield invalid(path, excluded, "must be a strict subset of `cidr`", "except-outside")


def _format(text: str, field: str, regime: CidrRegime, allowed: Collection[str]) -> Iterator[Cause]:
    if text in allowed:
        return
    parsed = parse_sloppy(text)
    if parsed is None:
        detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        yield invalid(field, text, detail, "cidr-unreadable")
    elif regime is CidrRegime.STRICT:
        complaint = strict_complaint(parsed)
        if complaint is not None:
            yield invalid(field, text, complaint, "cidr-ambiguous")


class Warned(enum.Enum):
    """What a warning about a CIDR is about; the values are the names of our rules."""

    HOST_BITS = "cidr-host-bits"
    NON_STANDARD = "cidr-non-standard"
    NOT_CANONICAL = "cidr-not-canonical"


def cidr_warnings(text: str, field: str) -> Iterator[tuple[Warned, str, str]]:
    """Give what the server warns of in one CIDR text, as (kind, field, message); unreadable text draws none."""
    parsed = parse_sloppy(text)
    if parsed is None:
        return
    odd = parsed.leading_zeros or parsed.mapped
    if parsed.has_host_bits:
        choice = f"{quoted(parsed.canonical_network())} or {quoted(parsed.canonical_address())}"
        message = f"{field}: CIDR value {quoted(text)} is ambiguous in this context (should be {choice}?)"
        yield Warned.HOST_BITS, field, message
    if odd:
        standard = quoted(parsed.canonical_network())
        yield (
            Warned.NON_STANDARD,
            field,
            f"{field}: non-standard CIDR value {quoted(text)} is invalid: use {standard}",
        )
    canonical = parsed.canonical_text()
    if not parsed.has_host_bits and not odd and parsed.bits == 128 and canonical != text:
        form = f"should be in RFC 5952 canonical format ({quoted(canonical)})"
        yield Warned.NOT_CANONICAL, field, f"{field}: IPv6 CIDR value {quoted(text)} {form}"
