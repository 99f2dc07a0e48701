"""CIDR text as Go reads it: once as Kubernetes always did (sloppy), once as it does now (strict).

Python's ``ipaddress`` refuses what the sloppy reader accepts (leading zeros) and accepts what the strict one
refuses (scopes), so the distinctions are made here and ``ipaddress`` only reads clean IPv6 text
(k8s.io/utils/net ParseCIDRSloppy, Go's net and net/netip; facts: semantics 1.3 and 1.10).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import msgspec

_OCTETS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+").fullmatch
_PREFIX = re.compile("[0-9]+").fullmatch
_IPV6_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]+").fullmatch
_MAPPED_ORIGIN = 0xFFFF << 32


class Cidr(msgspec.Struct, frozen=True, gc=False):
    """A CIDR that the sloppy reader accepts.

    ``address`` is an IPv6 number, IPv4 being mapped into ``::ffff:0:0/96`` as Go keeps it; ``bits`` is 32 for
    text written as IPv4 and 128 for text written as IPv6.
    """

    text: str
    address: int
    bits: int
    prefix: int
    leading_zeros: bool

    @property
    def mapped(self) -> bool:
        """Tell whether this is IPv6 text for an IPv4 address (``::ffff:10.0.0.0/104``)."""
        return self.bits == 128 and self.address >> 32 == 0xFFFF

    @property
    def network(self) -> int:
        """The first address: everything beyond the prefix cleared."""
        host_bits = self.bits - self.prefix
        return self.address >> host_bits << host_bits

    @property
    def has_host_bits(self) -> bool:
        """Tell whether bits are set beyond the prefix."""
        return self.network != self.address

    def strictly_holds(self, other: Cidr) -> bool:
        """Tell whether another block starts inside this one and has a longer prefix.

        Go compares the prefixes as written, and an address by the family of its *number*: an IPv4-mapped block
        starts inside an IPv4 one, but not inside ``::/0`` (facts: semantics 1.10).
        """
        return self._contains(other.network) and self.prefix < other.prefix

    def _contains(self, address: int) -> bool:
        network_is_ipv4 = self.network >> 32 == 0xFFFF
        if network_is_ipv4 != (address >> 32 == 0xFFFF):
            return False
        host_bits = self.bits - self.prefix
        return address >> host_bits == self.address >> host_bits

    def canonical_network(self) -> str:
        """Print the network as Go's ``IPNet.String`` does."""
        prefix = self.prefix
        number = self.network
        if self.bits == 128 and number >> 32 == 0xFFFF:
            # Only a prefix of at least 96 leaves the mapped range intact, and Go prints the IPv4 block then.
            prefix -= 96
        return f"{ip_text(number)}/{prefix}"

    def canonical_address(self) -> str:
        """Print the block of this single address, as the host-bits warning suggests it."""
        return f"{ip_text(self.address)}/{self.bits}"

    def canonical_text(self) -> str:
        """Print address and prefix in the RFC 5952 form, host bits kept."""
        return f"{ip_text(self.address)}/{self.prefix}"


def ip_text(number: int) -> str:
    """Print an address number as Go does: IPv4 dotted when it lies in the mapped range, else RFC 5952."""
    if number >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(number))


@lru_cache(maxsize=65536)
def parse_sloppy(text: str) -> Cidr | None:
    """Read CIDR text as Kubernetes always did: leading zeros are decimal, host bits stay; ``None`` if unreadable."""
    address_text, slash, prefix_text = text.partition("/")
    if not slash or not text.isascii() or not _PREFIX(prefix_text):
        return None
    digits = prefix_text.lstrip("0")
    if len(digits) > 3:
        return None
    prefix = int(digits or "0")
    zeros = len(prefix_text) > 1 and prefix_text[0] == "0"
    number = _sloppy_ipv4(address_text)
    if number is not None:
        return _checked(Cidr(text, _MAPPED_ORIGIN | number, 32, prefix, zeros or _has_zeros(address_text)))
    number = _sloppy_ipv6(address_text)
    if number is None:
        return None
    return _checked(Cidr(text, number, 128, prefix, zeros or _has_zeros_in_ipv6(address_text)))


def _checked(cidr: Cidr) -> Cidr | None:
    return cidr if cidr.prefix <= cidr.bits else None


def _has_zeros(dotted: str) -> bool:
    return any(len(octet) > 1 and octet[0] == "0" for octet in dotted.split("."))


def _has_zeros_in_ipv6(text: str) -> bool:
    # Four hexadecimal digits may begin with zeros; more than four can only be zeros that the strict reader refuses.
    *groups, last = text.split(":")
    return any(len(group) > 4 for group in groups) or (_has_zeros(last) if "." in last else len(last) > 4)


def _sloppy_ipv4(text: str) -> int | None:
    if not _OCTETS(text):
        return None
    number = 0
    for octet in text.split("."):
        digits = octet.lstrip("0")
        if len(digits) > 3 or (digits and int(digits) > 255):
            return None
        number = number << 8 | int(digits or "0")
    return number


def _sloppy_ipv6(text: str) -> int | None:
    if ":" not in text or not _IPV6_CHARACTERS(text):
        return None
    head, _, tail = text.rpartition(":")
    if "." in tail:
        ipv4 = _sloppy_ipv4(tail)
        if ipv4 is None:
            return None
        text = f"{head}:{ipv4 >> 16:x}:{ipv4 & 0xFFFF:x}"
    text = ":".join(_short_group(group) for group in text.split(":"))
    try:
        return int(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _short_group(group: str) -> str:
    # The sloppy reader takes any number of leading zeros in a hexadecimal group, ipaddress only four digits.
    return (group.lstrip("0") or "0") if len(group) > 4 else group


def is_strict(text: str) -> bool:
    """Tell whether CEL's ``isCIDR`` accepts the text: no zones, no leading zeros, no mapped address; host bits pass."""
    parsed = parse_sloppy(text)
    return parsed is not None and not parsed.leading_zeros and not parsed.mapped


def strict_complaint(parsed: Cidr) -> str | None:
    """Name what the strict regime (1.36 and later) has against a readable CIDR: the first fault, or ``None``."""
    if parsed.leading_zeros:
        return "must not have leading 0s in IP or prefix length"
    if parsed.mapped:
        return "must not have an IPv4-mapped IPv6 address"
    if parsed.has_host_bits:
        return "must not have bits set beyond the prefix length"
    return None
