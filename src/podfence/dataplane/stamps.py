"""Makes connections forget by which generation they were allowed, which is needed when numbers begin again.

The generation lies in the mark of each connection; a number that is given a second time would otherwise call
connections allowed that were so sixty thousand changes ago. Speaks ctnetlink, for nft cannot reach idle connections.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from podfence.dataplane.settings import Settings
from podfence.model.error import PodfenceError

_NETFILTER = 12
_NEW, _GET = 0x100, 0x101
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_ERROR, _DONE = 2, 3
_TUPLE_ORIG, _MARK, _ZONE = 1, 8, 18
_NESTED = 0x8000
_BUFFER = 1 << 18


class Stamps:
    """The marks of all connections of one network namespace."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def forget(self, generation: int) -> None:
        """Take every number but one off the connections; a connection without a number is judged by its next packet.

        Raises ``PodfenceError`` when the kernel does not let us.
        """
        mask = self._settings.mark_mask
        keep = generation << self._settings.mark_shift
        try:
            with _socket() as dump, _socket() as update:
                for body in _connections(dump):
                    attributes = dict(_attributes(body[4:]))
                    mark = int.from_bytes(attributes.get(_MARK, b""), "big")
                    if mark & mask not in {0, keep}:
                        _set_mark(update, body[:4], attributes, mark & ~mask)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PodfenceError(
                f"the marks of connections cannot be changed: {reason}; this needs CAP_NET_ADMIN"
            ) from None


def _socket() -> socket.socket:
    found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    found.bind((0, 0))
    return found


def _connections(netlink: socket.socket) -> Iterator[bytes]:
    netlink.send(_message(_GET, _REQUEST | _DUMP, b"\0\0\0\0"))
    while True:
        for kind, body in _messages(netlink.recv(_BUFFER)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                _check(body)
            yield body


def _set_mark(netlink: socket.socket, family: bytes, attributes: dict[int, bytes], mark: int) -> None:
    body = (
        family + _attribute(_TUPLE_ORIG | _NESTED, attributes[_TUPLE_ORIG]) + _attribute(_MARK, mark.to_bytes(4, "big"))
    )
    if _ZONE in attributes:
        body += _attribute(_ZONE, attributes[_ZONE])
    netlink.send(_message(_NEW, _REQUEST | _ACK, body))
    for kind, answer in _messages(netlink.recv(_BUFFER)):
        if kind == _ERROR:
            _check(answer)


def _check(body: bytes) -> None:
    """Raise what a message of error says; that a connection has ended meanwhile is fine."""
    (code,) = struct.unpack_from("=i", body)
    if code and -code != 2:
        raise OSError(-code, os.strerror(-code))


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        yield kind, data[at + 16 : at + length]
        at += max(16, length + 3 & ~3)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += max(4, length + 3 & ~3)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)
