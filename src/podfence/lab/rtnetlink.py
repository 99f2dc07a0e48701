"""Links, addresses and routes as rtnetlink messages, as little of it as pods need.

A message is written here and sent by ``Netlink``; no library and no ``ip`` process, because both cost more than
the pod itself. A socket stays in the network namespace in which it was opened.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import Self

import msgspec

_REQUEST_ACK = 1 | 4
_CREATE = 0x400 | 0x200
_REPLACE = 0x400 | 0x100
_NLMSG_ERROR = 2
_NEWLINK, _NEWADDR, _NEWROUTE, _DELROUTE = 16, 20, 24, 25
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 18, 28
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_PERMANENT_NO_DAD = 0x80 | 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_RT_TABLE_MAIN, _RT_STATIC, _SCOPE_UNIVERSE, _SCOPE_LINK = 254, 4, 0, 253
_UNICAST, _BLACKHOLE = 1, 6
_RTNH_F_ONLINK = 4


class Message(msgspec.Struct, frozen=True):
    """One request: its type, its flags beyond "request, acknowledge", its body."""

    kind: int
    flags: int
    body: bytes


class Netlink:
    """A socket to the kernel's routing of the network namespace in which it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._socket.bind((0, 0))
        self._sequence = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def ask(self, *messages: Message) -> None:
        """Send messages in one datagram and wait for every acknowledgement; raises the first error as ``OSError``."""
        first = self._sequence
        self._sequence += len(messages)
        self._socket.send(
            b"".join(
                struct.pack("IHHII", 16 + len(m.body), m.kind, m.flags | _REQUEST_ACK, first + place, 0) + m.body
                for place, m in enumerate(messages)
            )
        )
        failed: OSError | None = None
        for _ in messages:
            failed = failed or self._acknowledged(first)
        if failed is not None:
            raise failed

    def _acknowledged(self, first: int) -> OSError | None:
        data = self._socket.recv(65536)
        kind, sequence = struct.unpack_from("4xHxxI", data)
        number = -struct.unpack_from("i", data, 16)[0] if kind == _NLMSG_ERROR else 0
        if not number:
            return None
        return OSError(number, f"netlink message {sequence - first}: {os.strerror(number)}")


def link_up(index: int) -> Message:
    """Switch a link on."""
    return Message(_NEWLINK, 0, _link(index, up=True))


def add_veth(index: int, name: str, peer_index: int, peer_name: str, peer_namespace: int) -> Message:
    """Make a pair of links: one here and up, its peer in another network namespace (a descriptor), still down.

    The indexes are the caller's choice, so nobody needs to ask for them. A peer that is created up is refused
    with ENOTCONN.
    """
    peer = _link(peer_index, up=False) + _text(_IFLA_IFNAME, peer_name)
    peer += _attribute(_IFLA_NET_NS_FD, struct.pack("i", peer_namespace))
    info = _text(1, "veth") + _attribute(2, _attribute(1, peer))
    body = _link(index, up=True) + _text(_IFLA_IFNAME, name) + _attribute(_IFLA_LINKINFO, info)
    return Message(_NEWLINK, _CREATE, body)


def add_address(index: int, address: str, prefix: int) -> Message:
    """Give a link an address, without duplicate address detection (it would take IPv6 a second)."""
    family, packed = _packed(address)
    body = struct.pack("BBBBi", family, prefix, _IFA_PERMANENT_NO_DAD, 0, index)
    body += _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    return Message(_NEWADDR, _CREATE, body)


def add_route(network: str, index: int, gateway: str | None = None) -> Message:
    """Route a network (``10.0.0.0/8``) to a link, through a neighbour on it if one is given; replaces an older one."""
    return Message(_NEWROUTE, _REPLACE, _route(network, index, gateway))


def add_blackhole(network: str) -> Message:
    """Swallow what goes to a network and has no closer route, instead of sending it back to where it came from."""
    return Message(_NEWROUTE, _REPLACE, _route(network, 0, None, _BLACKHOLE))


def delete_route(network: str, index: int) -> Message:
    """Remove a route."""
    return Message(_DELROUTE, 0, _route(network, index, None))


def _route(network: str, index: int, gateway: str | None, kind: int = _UNICAST) -> bytes:
    destination = ipaddress.ip_network(network)
    family, packed = _packed(str(destination.network_address))
    scope = _SCOPE_LINK if index and gateway is None and family == socket.AF_INET else _SCOPE_UNIVERSE
    flags = 0 if gateway is None else _RTNH_F_ONLINK
    body = struct.pack("BBBBBBBBI", family, destination.prefixlen, 0, 0, _RT_TABLE_MAIN, _RT_STATIC, scope, kind, flags)
    if destination.prefixlen:
        body += _attribute(_RTA_DST, packed)
    if index:
        body += _attribute(_RTA_OIF, struct.pack("i", index))
    return body if gateway is None else body + _attribute(_RTA_GATEWAY, _packed(gateway)[1])


def _link(index: int, *, up: bool) -> bytes:
    return struct.pack("BxHiII", 0, 0, index, int(up), int(up))


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)
