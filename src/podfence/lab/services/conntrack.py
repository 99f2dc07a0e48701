"""Forgets connections whose endpoint is gone: nothing else makes a UDP client that goes on sending find a new one.

Speaks ctnetlink to the network namespace of the calling thread. Entries are deleted by the original tuple that the
kernel itself gave, so nothing but the few attributes that choose them is read (``nfnetlink_conntrack.h``). As a program
(``python -m podfence.lab.services.conntrack``) it reads a JSON list of ``StaleFlows`` from standard input.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from podfence.lab.services.proxy import StaleFlows

_NETLINK_NETFILTER = 12
_GET, _DELETE = (1 << 8) | 1, (1 << 8) | 2
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_TUPLE_ORIG, _TUPLE_REPLY = 1, 2
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_PROTO_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_SOURCES, _DESTINATIONS = (1, 3), (2, 4)  # IPv4, IPv6
_TYPE_MASK = 0x3FFF
_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_TIMEOUT_S = 5.0


def forget_flows(stale: Sequence[StaleFlows]) -> int:
    """Delete the UDP entries that match, and give how many there were; raises ``OSError``."""
    wanted = set(stale)
    deleted = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as netlink:
        netlink.settimeout(_TIMEOUT_S)
        for family in (socket.AF_INET, socket.AF_INET6):
            found = [tuple_ for tuple_, reply in _entries(netlink, family) if _is_stale(tuple_, reply, wanted)]
            for original in found:
                deleted += _delete(netlink, family, original)
    return deleted


def _entries(netlink: socket.socket, family: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the original and the reply tuple of every entry, as the kernel writes them."""
    netlink.send(_message(_GET, _REQUEST | _DUMP, family, b""))
    while True:
        data = netlink.recv(1 << 18)
        while len(data) >= _HEADER.size:
            length, kind = _HEADER.unpack_from(data)[:2]
            body, data = data[_HEADER.size + 4 : length], data[(length + 3) & ~3 :]
            if kind in {_DONE, _ERROR}:
                return
            attributes = dict(_attributes(body))
            if _TUPLE_ORIG in attributes and _TUPLE_REPLY in attributes:
                yield attributes[_TUPLE_ORIG], attributes[_TUPLE_REPLY]


def _is_stale(original: bytes, reply: bytes, wanted: set[StaleFlows]) -> bool:
    protocol, _, _, address, port = _read(original)
    _, endpoint_address, endpoint_port, _, _ = _read(reply)
    if protocol != socket.IPPROTO_UDP:
        return False
    is_translated = (address, port) != (endpoint_address, endpoint_port)
    target = (endpoint_address, endpoint_port) if is_translated else ("", 0)
    # A node port is reached at any address of the node, so it is written without one.
    return any(StaleFlows(one, port, *target) in wanted for one in (address, ""))


def _read(tuple_: bytes) -> tuple[int, str, int, str, int]:
    """Give protocol, source address and port, destination address and port of a tuple."""
    parts = dict(_attributes(tuple_))
    addresses, ports = dict(_attributes(parts.get(_TUPLE_IP, b""))), dict(_attributes(parts.get(_TUPLE_PROTO, b"")))
    source = next((addresses[one] for one in _SOURCES if one in addresses), bytes(4))
    destination = next((addresses[one] for one in _DESTINATIONS if one in addresses), bytes(4))
    return (
        ports.get(_PROTO_NUMBER, b"\0")[0],
        str(ipaddress.ip_address(source)),
        int.from_bytes(ports.get(_SOURCE_PORT, b""), "big"),
        str(ipaddress.ip_address(destination)),
        int.from_bytes(ports.get(_DESTINATION_PORT, b""), "big"),
    )


def _delete(netlink: socket.socket, family: int, original: bytes) -> bool:
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(original), _TUPLE_ORIG | 0x8000) + original
    netlink.send(_message(_DELETE, _REQUEST | _ACK, family, attribute))
    data = netlink.recv(1 << 16)
    return bool(struct.unpack_from("=i", data, _HEADER.size)[0] == 0)  # else it has ended by itself meanwhile


def _message(kind: int, flags: int, family: int, body: bytes) -> bytes:
    header = struct.pack("=BBH", family, 0, 0)
    return _HEADER.pack(_HEADER.size + len(header) + len(body), kind, flags, 1, 0) + header + body


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE_MASK, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


if __name__ == "__main__":
    forget_flows(msgspec.json.decode(sys.stdin.buffer.read(), type=list[StaleFlows]))
