"""Netlink messages and their attributes as bytes, and the socket that carries them.

The only place that knows the framing (``linux/netlink.h``); what the attributes mean is told where they are used.
Reading never raises: bytes that are cut short or lie about their length end the reading, whoever sent them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

NETFILTER: Final = 12
"""``NETLINK_NETFILTER``, the protocol that NFLOG and conntrack share."""

REQUEST: Final = 0x01
ACK: Final = 0x04
DUMP: Final = 0x300

ERROR: Final = 2
DONE: Final = 3

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NETFILTER_HEADER = struct.Struct("!BBH")
_TYPE_MASK = 0x3FFF  # above it: nested, network byte order
_NESTED = 0x8000
_RECEIVE_BYTES = 1 << 20
# The socket module does not name them.
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55

_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")
_MEMORY = struct.Struct("@9I")
_MEMORY_DROPS = 8  # SK_MEMINFO_DROPS of linux/sock_diag.h

_Instruction = tuple[int, int, int, int]


class Message(NamedTuple):
    """One message: ``type`` holds subsystem and command where netfilter speaks."""

    type: int
    flags: int
    sequence: int
    payload: memoryview


def message(type_: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """Frame a message, padded to where the next may start."""
    frame = _HEADER.pack(_HEADER.size + len(payload), type_, flags, sequence, 0) + payload
    return frame + bytes(-len(frame) % 4)


def netfilter_header(family: int, resource: int = 0) -> bytes:
    """Write the ``nfgenmsg`` that starts each netfilter payload; ``resource`` is a group for NFLOG."""
    return _NETFILTER_HEADER.pack(family, 0, resource)


def attribute(type_: int, payload: bytes) -> bytes:
    """Frame an attribute, padded."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), type_) + payload + bytes(-len(payload) % 4)


def nested(type_: int, *attributes: bytes) -> bytes:
    """Frame an attribute that holds attributes."""
    return attribute(type_ | _NESTED, b"".join(attributes))


def messages(datagram: bytes | memoryview) -> Iterator[Message]:
    """Take a datagram apart; ends at the first message that is not whole."""
    view = memoryview(datagram)
    offset = 0
    while offset + _HEADER.size <= len(view):
        length, type_, flags, sequence, _ = _HEADER.unpack_from(view, offset)
        if not _HEADER.size <= length <= len(view) - offset:
            return
        yield Message(type_, flags, sequence, view[offset + _HEADER.size : offset + length])
        offset += (length + 3) & ~3


def attributes(payload: bytes | memoryview, offset: int = 0) -> dict[int, memoryview]:
    """Read the attributes from an offset on, by type; of several of one type the last; ends where one is not whole."""
    view = memoryview(payload)
    end = len(view)
    found: dict[int, memoryview] = {}
    while offset + 4 <= end:
        length, type_ = _ATTRIBUTE.unpack_from(view, offset)
        if length < 4 or offset + length > end:
            break
        found[type_ & _TYPE_MASK] = view[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


NETFILTER_HEADER_SIZE: Final = _NETFILTER_HEADER.size


class NetlinkSocket:
    """A socket to one netlink protocol of the network namespace it was opened in."""

    def __init__(self, protocol: int = NETFILTER) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Give the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket; the kernel forgets what was bound to it."""
        self._socket.close()

    def enlarge_receive_buffer(self, size: int) -> None:
        """Ask for a receive buffer of ``size`` bytes, beyond the system's limit where allowed to."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except OSError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def join(self, group: int) -> None:
        """Have what the kernel tells a multicast group delivered here. Raises ``OSError``."""
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

    def attach_filter(self, program: Sequence[_Instruction]) -> None:
        """Have the kernel deliver only what a classic BPF program accepts. Raises ``OSError``."""
        code = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*instruction) for instruction in program))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(program), ctypes.addressof(code))
        )

    def dropped(self) -> int:
        """Tell how many datagrams a full buffer has cost since the socket was opened, modulo 2**32.

        Raises ``OSError`` before Linux 4.11.
        """
        memory = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size)
        return int(_MEMORY.unpack(memory)[_MEMORY_DROPS])

    def receive(self) -> bytes:
        """Receive one datagram without waiting; raises ``BlockingIOError`` when there is none.

        Raises ``OSError`` with ENOBUFS when the kernel had to throw something away since the last call.
        """
        return self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)

    def request(self, type_: int, payload: bytes) -> None:
        """Send one request and wait for its answer; raises ``OSError`` with the kernel's error number."""
        for error in self.request_all(((type_, payload),)):
            if error:
                raise OSError(error, os.strerror(error))

    def request_all(self, requests: Iterable[tuple[int, bytes]]) -> list[int]:
        """Send requests one after another and give the error number of each, 0 where it was granted."""
        return [self._acknowledged(type_, payload) for type_, payload in requests]

    def ask(self, type_: int, payload: bytes) -> Message | None:
        """Ask for one thing; ``None`` when there is none. Raises ``OSError`` with the kernel's error number."""
        sequence = self._send(type_, REQUEST | ACK, payload)
        found = None
        while True:
            for answer in messages(self._socket.recv(_RECEIVE_BYTES)):
                if answer.sequence != sequence:
                    continue
                if answer.type != ERROR:
                    found = answer
                elif _error_number(answer) in {0, errno.ENOENT}:
                    return found
                else:
                    raise _os_error(answer)

    def dump(self, type_: int, payload: bytes) -> Iterator[Message]:
        """Ask for everything of a kind and give each answer as it comes.

        Raises ``OSError`` with the kernel's error number.
        """
        sequence = self._send(type_, REQUEST | DUMP, payload)
        while True:
            for answer in messages(self._socket.recv(_RECEIVE_BYTES)):
                if answer.sequence != sequence:
                    continue
                if answer.type == DONE:
                    return
                if answer.type == ERROR:
                    raise _os_error(answer)
                yield answer

    def _acknowledged(self, type_: int, payload: bytes) -> int:
        sequence = self._send(type_, REQUEST | ACK, payload)
        while True:
            for answer in messages(self._socket.recv(_RECEIVE_BYTES)):
                if answer.sequence == sequence and answer.type == ERROR:
                    return _error_number(answer)

    def _send(self, type_: int, flags: int, payload: bytes) -> int:
        self._sequence += 1
        self._socket.sendto(message(type_, flags, self._sequence, payload), (0, 0))
        return self._sequence


def _error_number(answer: Message) -> int:
    if len(answer.payload) < 4:
        return errno.EPROTO
    return -int.from_bytes(answer.payload[:4], sys.byteorder, signed=True)


def _os_error(answer: Message) -> OSError:
    number = _error_number(answer)
    return OSError(number, os.strerror(number))
