"""Addresses and address blocks in fields that are older than today's strictness (pkg/apis/core/validation, 1.36)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator

from podfence.manifests.validation.cause import Cause, quoted
from podfence.manifests.validation.cidr import Cidr, ip_text, parse_sloppy, strict_complaint
from podfence.manifests.validation.ip_block import cidr_warnings
from podfence.manifests.validation.rules.causes import invalid

_NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NO_BLOCK = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def parse_address(text: str) -> Cidr | None:
    """Read an address as Kubernetes always did, with leading zeros; ``None`` for anything else."""
    return parse_sloppy(f"{text}/{128 if ':' in text else 32}") if "/" not in text else None


def is_ipv6(text: str) -> bool:
    """Tell whether a text is an IPv6 address."""
    parsed = parse_address(text)
    return parsed is not None and parsed.bits == 128


def legacy_address(field: str, text: str, stored: Collection[str] = ()) -> Iterator[Cause]:
    """Judge an address; ``stored`` are texts that were accepted once and may stay."""
    if text in stored:
        return
    parsed = parse_address(text)
    if parsed is None:
        yield invalid(field, text, _NO_ADDRESS)
    elif parsed.leading_zeros:
        yield invalid(field, text, "must not have leading 0s")
    elif parsed.mapped:
        yield invalid(field, text, "must not be an IPv4-mapped IPv6 address")


def canonical_address(field: str, text: str) -> Iterator[Cause]:
    """Judge an address that must be written in the one canonical way."""
    parsed = parse_address(text)
    found = list(legacy_address(field, text))
    yield from found
    if parsed is not None and not found and ip_text(parsed.address) != text:
        yield invalid(field, text, f"must be in canonical form ({quoted(ip_text(parsed.address))})")


def legacy_block(field: str, text: str, stored: Collection[str] = ()) -> Iterator[Cause]:
    """Judge an address block."""
    if text in stored:
        return
    parsed = parse_sloppy(text)
    if parsed is None:
        yield invalid(field, text, _NO_BLOCK)
        return
    complaint = strict_complaint(parsed)
    if complaint is not None:
        yield invalid(field, text, complaint)


def endpoint_address(field: str, text: str) -> Iterator[Cause]:
    """Judge an address that traffic may be sent to: no loopback, no link-local, no nothing."""
    parsed = parse_address(text)
    if parsed is None:
        yield invalid(field, text, "must be a valid IP address")
        return
    address = ipaddress.ip_address(ip_text(parsed.address))
    if address.is_unspecified:
        yield invalid(field, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid(field, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield invalid(field, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in ipaddress.ip_network("224.0.0.0/24" if address.version == 4 else "ff02::/16"):
        yield invalid(field, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def warn_of_address(field: str, text: str) -> Iterator[str]:
    """Warn of an address that is not written as it should be."""
    parsed = parse_address(text)
    if parsed is None:
        return
    canonical = quoted(ip_text(parsed.address))
    if parsed.leading_zeros or parsed.mapped:
        refused = "will be considered invalid in a future Kubernetes release"
        yield f"{field}: non-standard IP address {quoted(text)} {refused}: use {canonical}"
    elif parsed.bits == 128 and quoted(text) != canonical:
        yield f"{field}: IPv6 address {quoted(text)} should be in RFC 5952 canonical format ({canonical})"


def warn_of_block(field: str, text: str) -> Iterator[str]:
    """Warn of a block that is not written as it should be."""
    return (message for _, _, message in cidr_warnings(text, field))
