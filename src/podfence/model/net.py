"""Protocols, ports and addresses, and the arithmetic of ranges.

IPv4 and IPv6 addresses live on one line of integers: an IPv4 address is its own number, an IPv6 address its
number plus ``IPV6_ORIGIN``. One line means that cutting, subtracting and sorting need no case for the family,
and no range that is made from addresses of one family can ever cover the other.
"""

from __future__ import annotations

import enum
import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

MIN_PORT = 1
MAX_PORT = 65535

IPV6_ORIGIN = 1 << 32
LINE_END = IPV6_ORIGIN + (1 << 128)


class Protocol(enum.StrEnum):
    """The protocols that policies tell apart; ``OTHER`` is every protocol but the three with ports."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"
    OTHER = "other"


PORT_PROTOCOLS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)


class Family(enum.Enum):
    """An address family."""

    IPV4 = 4
    IPV6 = 6


class AddressRange(msgspec.Struct, frozen=True, gc=False, order=True, cache_hash=True):
    """Addresses ``first`` to ``last``, both included, on the address line, within one family."""

    first: int
    last: int

    def __contains__(self, address: int) -> bool:
        return self.first <= address <= self.last

    def __str__(self) -> str:
        return f"{format_address(self.first)}-{format_address(self.last)}"


ALL_IPV4 = AddressRange(0, IPV6_ORIGIN - 1)
ALL_IPV6 = AddressRange(IPV6_ORIGIN, LINE_END - 1)
ALL_ADDRESSES = (ALL_IPV4, ALL_IPV6)
NODE_LOCAL_DNS = 0xA9FE_140A
"""Where NodeLocal DNSCache answers on each node: 169.254.20.10."""


def family_of(address: int) -> Family:
    """Tell the family of an address on the line."""
    return Family.IPV4 if address < IPV6_ORIGIN else Family.IPV6


def parse_address(text: str) -> int:
    """Read an IPv4 or IPv6 address; an IPv4-mapped IPv6 address is the IPv4 address that it carries.

    Raises ``ValueError`` when the text is no address.
    """
    return to_line(ipaddress.ip_address(text))


def to_line(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """Put an address on the line."""
    if isinstance(address, ipaddress.IPv4Address):
        return int(address)
    mapped = address.ipv4_mapped
    return int(mapped) if mapped is not None else IPV6_ORIGIN + int(address)


def from_line(address: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Take an address from the line."""
    if address < IPV6_ORIGIN:
        return ipaddress.IPv4Address(address)
    return ipaddress.IPv6Address(address - IPV6_ORIGIN)


def format_address(address: int) -> str:
    """Write an address as people do: dotted for IPv4, RFC 5952 for IPv6."""
    return str(from_line(address))


def parse_cidr(text: str) -> AddressRange:
    """Read a CIDR as the API server of any version does, legacy spellings included.

    Leading zeros are decimal, host bits are masked off, and an IPv4-mapped block with a prefix of at least 96
    is the IPv4 block it carries (facts: semantics 1.3, lenient mode). Raises ``ValueError`` otherwise.
    """
    address_text, slash, prefix_text = text.partition("/")
    if not slash or not (prefix_text.isascii() and prefix_text.isdigit()):
        raise ValueError(f"{text!r} is not a CIDR")
    if "%" in address_text:
        raise ValueError(f"{text!r} has a zone")
    address = ipaddress.ip_address(_without_leading_zeros(address_text))
    prefix = int(prefix_text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None and 96 <= prefix <= 128:
        address, prefix = address.ipv4_mapped, prefix - 96
    if prefix > address.max_prefixlen:
        raise ValueError(f"{text!r} has a prefix longer than its address")
    host_bits = (1 << (address.max_prefixlen - prefix)) - 1
    origin = 0 if isinstance(address, ipaddress.IPv4Address) else IPV6_ORIGIN
    first = int(address) & ~host_bits
    return AddressRange(origin + first, origin + (first | host_bits))


def _without_leading_zeros(text: str) -> str:
    head, colon, dotted = text.rpartition(":")
    octets = dotted.split(".")
    if len(octets) != 4 or not all(octet.isascii() and octet.isdigit() for octet in octets):
        return text
    return head + colon + ".".join(octet.lstrip("0") or "0" for octet in octets)


def union(ranges: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """Merge ranges into disjoint ones, sorted; neighbours of one family join."""
    merged: list[AddressRange] = []
    for piece in sorted(ranges):
        # The first IPv6 address follows the last IPv4 address on the line and is no neighbour of it.
        if merged and piece.first <= merged[-1].last + (piece.first != IPV6_ORIGIN):
            if piece.last > merged[-1].last:
                merged[-1] = AddressRange(merged[-1].first, piece.last)
        else:
            merged.append(piece)
    return tuple(merged)


def subtract(ranges: Iterable[AddressRange], holes: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """Cut holes out of ranges; the result is disjoint and sorted."""
    cuts = union(holes)
    starts = [cut.first for cut in cuts]
    left: list[AddressRange] = []
    for piece in union(ranges):
        first = piece.first
        index = max(0, bisect_right(starts, first) - 1)
        while index < len(cuts) and cuts[index].first <= piece.last and first <= piece.last:
            cut = cuts[index]
            if cut.last >= first:
                if cut.first > first:
                    left.append(AddressRange(first, cut.first - 1))
                first = cut.last + 1
            index += 1
        if first <= piece.last:
            left.append(AddressRange(first, piece.last))
    return tuple(left)


def intersect(ranges: Iterable[AddressRange], others: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """Keep what two collections of ranges share; the result is disjoint and sorted."""
    left, right = union(ranges), union(others)
    shared: list[AddressRange] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i].first, right[j].first), min(left[i].last, right[j].last)
        if first <= last:
            shared.append(AddressRange(first, last))
        if left[i].last < right[j].last:
            i += 1
        else:
            j += 1
    return tuple(shared)


def covers(ranges: Sequence[AddressRange], address: int) -> bool:
    """Tell whether one of the ranges holds the address."""
    return any(piece.first <= address <= piece.last for piece in ranges)


def _cidrs(*texts: str) -> tuple[AddressRange, ...]:
    return union(parse_cidr(text) for text in texts)


PRIVATE_IPV4 = _cidrs("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")

# The IANA special-purpose registries (RFC 6890 and its updates): what is not globally reachable, with multicast.
GLOBAL_IPV4 = subtract(
    (ALL_IPV4,),
    _cidrs(
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    ),
)
GLOBAL_IPV6 = subtract(_cidrs("2000::/3"), _cidrs("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
