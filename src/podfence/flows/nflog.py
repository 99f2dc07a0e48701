"""The reader of an NFLOG group: what rules of ours logged, as verdict id, time and the first bytes of the packet.

A group has one reader in a network namespace (``linux/netfilter/nfnetlink_log.h``; the kernel refuses a second one
with EPERM), so the agent alone reads, and everybody else asks the agent. What the kernel had to throw away is
counted: it numbers what it logs, and a gap in the numbers is a loss.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from podfence.dataplane.netlink import (
    NETFILTER_HEADER_SIZE,
    NetlinkSocket,
    attribute,
    attributes,
    messages,
    netfilter_header,
)
from podfence.model.error import PodfenceError

LOG_GROUP: Final = 7
ANSWER_GROUP: Final = 8

_PACKET = 0x400  # NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET
_CONFIG = 0x401

_CFG_CMD, _CFG_MODE, _CFG_TIMEOUT, _CFG_QTHRESH, _CFG_FLAGS = 1, 2, 4, 5, 6
_CMD_BIND = 1
_COPY_PACKET = 2
_FLAG_SEQ, _FLAG_CONNTRACK = 1, 4

_A_TIMESTAMP, _A_PAYLOAD, _A_PREFIX, _A_SEQ, _A_CT_INFO = 3, 9, 10, 12, 19
_CT_IS_REPLY = 3

# IPv6 with a few extension headers and TCP fits; nothing of what was said in a connection is wanted.
_COPY_BYTES = 128
_WHOLE_BYTES = 0xFFFF
_QUEUE_THRESHOLD = 64
_TIMEOUT_CENTISECONDS = 10
_RECEIVE_BUFFER_BYTES = 32 << 20

_TIMESTAMP = struct.Struct("!QQ")
_SEQUENCE_MASK = 0xFFFFFFFF


class Logged(NamedTuple):
    """One packet that a rule logged; ``time_s`` is seconds since the epoch, ``None`` when the kernel did not tell.

    ``payload`` starts with the IP header and may be cut short. ``is_reply`` is ``None`` on kernels that cannot
    tell the direction of the connection.
    """

    prefix: str
    payload: memoryview
    time_s: float | None
    is_reply: bool | None


class NflogReader:
    """Reads a group without waiting; ``lost`` counts packets that the kernel logged and could not deliver.

    With ``whole`` packets come as they are, and not cut short.
    """

    def __init__(
        self,
        group: int = LOG_GROUP,
        connect: Callable[[], NetlinkSocket] = NetlinkSocket,
        buffer_bytes: int = _RECEIVE_BUFFER_BYTES,
        *,
        whole: bool = False,
    ) -> None:
        self.lost = 0
        self._next_sequence: int | None = None
        self._socket = _bound(connect, group, buffer_bytes, _WHOLE_BYTES if whole else _COPY_BYTES)

    def fileno(self) -> int:
        """Give the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Leave the group to others."""
        self._socket.close()

    def read(self, datagrams: int = 16) -> Iterator[Logged]:
        """Give what is waiting, of at most so many datagrams."""
        for _ in range(datagrams):
            try:
                datagram = self._socket.receive()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue  # the gap in the numbers will tell how many
            yield from self._read(datagram)

    def _read(self, datagram: bytes) -> Iterator[Logged]:
        for answer in messages(datagram):
            if answer.type != _PACKET:
                continue
            found = attributes(answer.payload, NETFILTER_HEADER_SIZE)
            self._count_lost(found.get(_A_SEQ))
            yield logged(found)

    def _count_lost(self, sequence: memoryview | None) -> None:
        if sequence is None or len(sequence) != 4:
            return
        number = int.from_bytes(sequence, "big")
        if self._next_sequence is not None:
            self.lost += (number - self._next_sequence) & _SEQUENCE_MASK
        self._next_sequence = (number + 1) & _SEQUENCE_MASK


def logged(found: dict[int, memoryview]) -> Logged:
    """Read the attributes of one logged packet; whatever is missing or odd is left empty."""
    prefix = bytes(found.get(_A_PREFIX, b"")).partition(b"\0")[0].decode("ascii", "replace")
    return Logged(
        prefix.strip(),
        found.get(_A_PAYLOAD, memoryview(b"")),
        _time(found.get(_A_TIMESTAMP)),
        _reply(found.get(_A_CT_INFO)),
    )


def _time(raw: memoryview | None) -> float | None:
    if raw is None or len(raw) != _TIMESTAMP.size:
        return None
    seconds, microseconds = _TIMESTAMP.unpack(raw)
    return float(seconds + microseconds / 1e6) if seconds < 1 << 33 and microseconds < 1_000_000 else None


def _reply(raw: memoryview | None) -> bool | None:
    return None if raw is None or len(raw) != 4 else int.from_bytes(raw, "big") >= _CT_IS_REPLY


def _bound(connect: Callable[[], NetlinkSocket], group: int, buffer_bytes: int, copy_bytes: int) -> NetlinkSocket:
    try:
        opened = connect()
    except OSError as error:
        raise PodfenceError(f"cannot read the kernel's packet log: {(error.strerror or str(error)).lower()}") from None
    try:
        _configure(opened, group, buffer_bytes, copy_bytes)
    except OSError as error:
        opened.close()
        raise _refusal(group, error) from None
    return opened


def _configure(opened: NetlinkSocket, group: int, buffer_bytes: int, copy_bytes: int) -> None:
    opened.enlarge_receive_buffer(buffer_bytes)
    header = netfilter_header(socket.AF_UNSPEC, group)
    opened.request(_CONFIG, header + attribute(_CFG_CMD, struct.pack("!B", _CMD_BIND)))
    opened.request(_CONFIG, header + attribute(_CFG_MODE, struct.pack("!IBx", copy_bytes, _COPY_PACKET)))
    opened.request(
        _CONFIG,
        header
        + attribute(_CFG_TIMEOUT, struct.pack("!I", _TIMEOUT_CENTISECONDS))
        + attribute(_CFG_QTHRESH, struct.pack("!I", _QUEUE_THRESHOLD)),
    )
    opened.request(_CONFIG, header + attribute(_CFG_FLAGS, struct.pack("!H", _FLAG_SEQ)))
    try:
        flags = struct.pack("!H", _FLAG_SEQ | _FLAG_CONNTRACK)
        opened.request(_CONFIG, header + attribute(_CFG_FLAGS, flags))
    except OSError as error:
        # EOPNOTSUPP where the kernel was built without NETFILTER_NETLINK_GLUE_CT; the direction is then inferred.
        if error.errno != errno.EOPNOTSUPP:
            raise


def _refusal(group: int, error: OSError) -> PodfenceError:
    if error.errno in {errno.EPERM, errno.EBUSY}:
        return PodfenceError(
            f"cannot read NFLOG group {group}: it has a reader already (another agent?), or CAP_NET_ADMIN is missing"
        )
    return PodfenceError(f"cannot read NFLOG group {group}: {(error.strerror or str(error)).lower()}")
