"""The ends of connections as connection tracking tells them: what they carried, when they began and fell silent.

The kernel tells whoever has joined a group (``NFNLGRP_CONNTRACK_DESTROY``), and since Linux 5.19 only of connections
that began while somebody had, unless ``nf_conntrack_events`` is 1: events need an extension of the connection. It drops
what finds the buffer full, without a number that would show the gap; the socket itself counts those.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from podfence.dataplane.conntrack import Tuple, read_tuple
from podfence.dataplane.netlink import NETFILTER_HEADER_SIZE, Message, NetlinkSocket, attributes, messages

_DESTROY_GROUP: Final = 3
_DESTROYED: Final = 0x102  # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE

_ORIGINAL, _REPLY, _STATUS, _PROTOCOL_STATE, _TIMEOUT, _MARK, _SENT, _RECEIVED, _TIMES = 1, 2, 3, 4, 7, 8, 9, 10, 20
_PACKETS, _BYTES = 1, 2
_STARTED, _STOPPED = 1, 2
_OF_TCP, _TCP_STATE = 1, 1
_ASSURED: Final = 1 << 2

# Ends come in crowds, since the kernel looks for what has run out only now and then: some 50,000 find room.
_RECEIVE_BUFFER_BYTES = 32 << 20

# Classic BPF (linux/filter.h), and its two extensions for netlink and for constants.
_LOAD, _LOAD_WORD_AT, _LOAD_WORD_BEHIND, _SET_INDEX = 0x00, 0x20, 0x40, 0x01
_COPY_TO_INDEX, _SKIP_IF_EQUAL, _SKIP_UNLESS_ANY, _ANSWER = 0x07, 0x15, 0x45, 0x06
_FIND_ATTRIBUTE = 0xFFFFF000 + 12  # SKF_AD_OFF + SKF_AD_NLATTR
_FIRST_ATTRIBUTE = 16 + NETFILTER_HEADER_SIZE


class Amount(msgspec.Struct, frozen=True, gc=False):
    """What went one way, IP headers included."""

    packets: int
    octets: int


class Ending(msgspec.Struct, frozen=True, gc=False):
    """A connection that ended; ``None`` where the kernel did not count, take times, or know.

    ``started_ns`` and ``stopped_ns`` are nanoseconds since the epoch; stopped is when it was forgotten.
    ``remaining_s`` is how long it would have been remembered without a packet, had nobody deleted it; ``tcp_state`` is
    a number of ``linux/netfilter/nf_conntrack_tcp.h``, ``is_assured`` says that datagrams went both ways for a while.
    """

    original: Tuple
    reply: Tuple
    mark: int
    sent: Amount | None
    received: Amount | None
    started_ns: int | None
    stopped_ns: int | None
    remaining_s: int
    tcp_state: int | None
    is_assured: bool


class EndingsReader:
    """Reads the ends of connections whose mark has any bit of a mask, without waiting.

    Raises ``OSError`` when the kernel tells nobody.
    """

    def __init__(
        self,
        mark_mask: int,
        connect: Callable[[], NetlinkSocket] = NetlinkSocket,
        buffer_bytes: int = _RECEIVE_BUFFER_BYTES,
    ) -> None:
        self._dropped = 0
        self._socket = connect()
        try:
            self._socket.enlarge_receive_buffer(buffer_bytes)
            self._socket.attach_filter(_having_mark(mark_mask))
            self._socket.join(_DESTROY_GROUP)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Give the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Leave the group."""
        self._socket.close()

    def read(self, most: int) -> Iterator[bytes]:
        """Give at most so many datagrams of those that are waiting; ``endings`` takes them apart."""
        for _ in range(most):
            try:
                yield self._socket.receive()
            except BlockingIOError:
                return
            except OSError as error:
                # How many is not told here, and not each time: that is asked for.
                if error.errno != errno.ENOBUFS:
                    raise

    def newly_lost(self) -> int:
        """Tell how many ends more the kernel could not deliver since this was last asked. Raises ``OSError``."""
        dropped, before = self._socket.dropped(), self._dropped
        self._dropped = dropped
        return (dropped - before) & 0xFFFFFFFF


def endings(datagram: bytes) -> Iterator[Ending]:
    """Take a datagram apart; passes over what is no ending or lacks an address."""
    for told in messages(datagram):
        if told.type == _DESTROYED and (found := _ending(told)) is not None:
            yield found


def _ending(told: Message) -> Ending | None:
    if len(told.payload) < NETFILTER_HEADER_SIZE:
        return None
    found = attributes(told.payload, NETFILTER_HEADER_SIZE)
    original, reply = read_tuple(found.get(_ORIGINAL)), read_tuple(found.get(_REPLY))
    if original is None or reply is None:
        return None
    times = attributes(found.get(_TIMES, b""))
    return Ending(
        original,
        reply,
        _number(found.get(_MARK), 4) or 0,
        _carried(found.get(_SENT)),
        _carried(found.get(_RECEIVED)),
        _number(times.get(_STARTED), 8),
        _number(times.get(_STOPPED), 8),
        _number(found.get(_TIMEOUT), 4) or 0,
        _tcp_state(found.get(_PROTOCOL_STATE)),
        bool((_number(found.get(_STATUS), 4) or 0) & _ASSURED),
    )


def _carried(raw: memoryview | None) -> Amount | None:
    if raw is None:
        return None
    found = attributes(raw)
    packets, octets = _number(found.get(_PACKETS), 8), _number(found.get(_BYTES), 8)
    return None if packets is None or octets is None else Amount(packets, octets)


def _tcp_state(raw: memoryview | None) -> int | None:
    if raw is None:
        return None
    return _number(attributes(attributes(raw).get(_OF_TCP, b"")).get(_TCP_STATE), 1)


def _number(raw: memoryview | None, size: int) -> int | None:
    return None if raw is None or len(raw) != size else int.from_bytes(raw, "big")


def _having_mark(mask: int) -> tuple[tuple[int, int, int, int], ...]:
    """Write the program that accepts a message whose mark has any bit of the mask.

    Most connections of a node may be nobody's here; those cost neither room in the buffer nor a turn of the agent.
    """
    return (
        (_LOAD, 0, 0, _FIRST_ATTRIBUTE),
        (_SET_INDEX, 0, 0, _MARK),
        (_LOAD_WORD_AT, 0, 0, _FIND_ATTRIBUTE),
        (_SKIP_IF_EQUAL, 4, 0, 0),
        (_COPY_TO_INDEX, 0, 0, 0),
        (_LOAD_WORD_BEHIND, 0, 0, struct.calcsize("=HH")),
        (_SKIP_UNLESS_ANY, 0, 1, mask),
        (_ANSWER, 0, 0, 0xFFFFFFFF),
        (_ANSWER, 0, 0, 0),
    )
