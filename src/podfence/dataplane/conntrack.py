"""Connections that the kernel tracks: listing them, deleting those of an address, and clearing bits of their marks.

A deleted connection that is still allowed is picked up again with its next packet; one that is not allowed ends.
Message and attribute numbers are those of ``linux/netfilter/nfnetlink_conntrack.h``.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Final

import msgspec

from podfence.dataplane.netlink import (
    NETFILTER_HEADER_SIZE,
    Message,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
    netfilter_header,
)
from podfence.model.net import IPV6_ORIGIN

_CHANGE: Final = 0x100  # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, which changes what is there already
_GET: Final = 0x101
_DELETE: Final = 0x102

_ORIGINAL, _REPLY, _MARK, _ID, _ZONE, _MARK_MASK = 1, 2, 8, 12, 18, 21
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_IPV4_SOURCE, _IPV4_DESTINATION, _IPV6_SOURCE, _IPV6_DESTINATION = 1, 2, 3, 4
_PROTO_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3


class Tuple(msgspec.Struct, frozen=True, gc=False):
    """One direction of a connection; addresses on the address line, ports 0 where the protocol has none."""

    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int


class Connection(msgspec.Struct, frozen=True, gc=False):
    """A tracked connection: ``reply`` is how its answers come back, after whatever translation.

    ``key`` is what the kernel wants to hear to delete it.
    """

    original: Tuple
    reply: Tuple
    mark: int
    family: int
    key: bytes


def connections(netlink: NetlinkSocket, family: int = socket.AF_UNSPEC) -> Iterator[Connection]:
    """List the connections of the network namespace. Raises ``OSError``."""
    for answer in netlink.dump(_GET, netfilter_header(family)):
        if (found := connection(answer)) is not None:
            yield found


def connection(answer: Message) -> Connection | None:
    """Read one entry of a listing, ``None`` when it lacks an address."""
    if len(answer.payload) < NETFILTER_HEADER_SIZE:
        return None
    found = attributes(answer.payload, NETFILTER_HEADER_SIZE)
    original, reply = read_tuple(found.get(_ORIGINAL)), read_tuple(found.get(_REPLY))
    if original is None or reply is None:
        return None
    key = nested(_ORIGINAL, bytes(found[_ORIGINAL])) + b"".join(
        attribute(type_, bytes(found[type_])) for type_ in (_ID, _ZONE) if type_ in found
    )
    return Connection(original, reply, int.from_bytes(found.get(_MARK, b""), "big"), answer.payload[0], key)


def find_by_reply(netlink: NetlinkSocket, reply: Tuple) -> Connection | None:
    """Find the connection to which a packet is an answer, by what the packet bears. Raises ``OSError``."""
    is_ipv4 = reply.source < IPV6_ORIGIN
    family = socket.AF_INET if is_ipv4 else socket.AF_INET6
    addresses = (
        attribute(_IPV4_SOURCE if is_ipv4 else _IPV6_SOURCE, _octets(reply.source)),
        attribute(_IPV4_DESTINATION if is_ipv4 else _IPV6_DESTINATION, _octets(reply.destination)),
    )
    upper = nested(
        _TUPLE_PROTO,
        attribute(_PROTO_NUMBER, bytes([reply.protocol])),
        attribute(_SOURCE_PORT, reply.source_port.to_bytes(2, "big")),
        attribute(_DESTINATION_PORT, reply.destination_port.to_bytes(2, "big")),
    )
    wanted = nested(_REPLY, nested(_TUPLE_IP, *addresses), upper)
    answer = netlink.ask(_GET, netfilter_header(family) + wanted)
    return None if answer is None else connection(answer)


def delete(netlink: NetlinkSocket, doomed: Collection[Connection]) -> int:
    """Delete connections and tell how many were still there. Raises ``OSError``."""
    return _request_each(netlink, _DELETE, doomed)


def forget_addresses(addresses: Collection[int], connect: Callable[[], NetlinkSocket] = NetlinkSocket) -> int:
    """Delete every connection that has one of the addresses at any end, before or after translation.

    Tells how many were deleted. Raises ``OSError``.
    """
    wanted = frozenset(addresses)
    with connect() as netlink:
        doomed = list(_with_any(netlink, wanted))
        return delete(netlink, doomed)


def living_pairs(
    pairs: Collection[tuple[int, int]], connect: Callable[[], NetlinkSocket] = NetlinkSocket
) -> frozenset[tuple[int, int]]:
    """Tell between which pairs of addresses, who opened and who really answers, a connection is known.

    None where the kernel does not tell.
    """
    try:
        with connect() as netlink:
            found = _with_any(netlink, frozenset(own for own, _ in pairs))
            return frozenset((item.original.source, item.reply.source) for item in found).intersection(pairs)
    except OSError:
        return frozenset()


def clear_marks(mask: int, kept: int, connect: Callable[[], NetlinkSocket] = NetlinkSocket) -> int:
    """Set the bits of a mask to zero in the mark of each connection, unless they are exactly ``kept``.

    Other bits stay as they are. Tells how many connections were changed. Raises ``OSError``.
    """
    cleared = attribute(_MARK, bytes(4)) + attribute(_MARK_MASK, mask.to_bytes(4, "big"))
    with connect() as netlink:
        stamped = [item for item in connections(netlink) if item.mark & mask not in {0, kept}]
        return _request_each(netlink, _CHANGE, stamped, cleared)


def _request_each(netlink: NetlinkSocket, type_: int, wanted: Collection[Connection], more: bytes = b"") -> int:
    """Ask the same for each connection; those that are gone are passed over, the others counted."""
    requests = [(type_, netfilter_header(item.family) + item.key + more) for item in wanted]
    granted = 0
    for error in netlink.request_all(requests):
        if error not in {0, errno.ENOENT}:
            raise OSError(error, os.strerror(error))
        granted += not error
    return granted


def _with_any(netlink: NetlinkSocket, wanted: frozenset[int]) -> Iterator[Connection]:
    octets = [_octets(address) for address in wanted]
    for answer in netlink.dump(_GET, netfilter_header(socket.AF_UNSPEC)):
        # Most entries are of no interest, and finding that out by their bytes is many times faster.
        payload = bytes(answer.payload)
        if not any(piece in payload for piece in octets):
            continue
        found = connection(answer)
        if found is not None and not wanted.isdisjoint(_ends(found)):
            yield found


def _ends(found: Connection) -> tuple[int, int, int, int]:
    return (found.original.source, found.original.destination, found.reply.source, found.reply.destination)


def _octets(address: int) -> bytes:
    if address < IPV6_ORIGIN:
        return address.to_bytes(4, "big")
    return (address - IPV6_ORIGIN).to_bytes(16, "big")


def read_tuple(raw: memoryview | None) -> Tuple | None:
    """Read one direction of a connection, ``None`` when it lacks an address."""
    if raw is None:
        return None
    parts = attributes(raw)
    addresses = _addresses(attributes(parts.get(_TUPLE_IP, b"")))
    if addresses is None:
        return None
    upper = attributes(parts.get(_TUPLE_PROTO, b""))
    protocol, source_port, destination_port = (
        int.from_bytes(upper.get(type_, b""), "big") for type_ in (_PROTO_NUMBER, _SOURCE_PORT, _DESTINATION_PORT)
    )
    return Tuple(*addresses, protocol, source_port, destination_port)


def _addresses(found: dict[int, memoryview]) -> tuple[int, int] | None:
    for source, destination, size, origin in (
        (_IPV4_SOURCE, _IPV4_DESTINATION, 4, 0),
        (_IPV6_SOURCE, _IPV6_DESTINATION, 16, IPV6_ORIGIN),
    ):
        if len(found.get(source, b"")) == size and len(found.get(destination, b"")) == size:
            return origin + int.from_bytes(found[source], "big"), origin + int.from_bytes(found[destination], "big")
    return None
