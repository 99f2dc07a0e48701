"""Sends held answers on to the pods that wait for them, as if they came from whom the pod has asked.

The kernel has seen the answer already and would translate nothing any more: so the packet is written as the pod is to
see it, and leaves untracked (``dataplane.skeleton``).
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable

from podfence.agent.answers.segment import Segment, written
from podfence.dataplane.conntrack import Tuple, find_by_reply
from podfence.dataplane.netlink import NetlinkSocket
from podfence.dataplane.resolvers import PRIORITY_NUMBER
from podfence.model.net import Family, family_of, format_address, from_line

_IP_PKTINFO = 8  # the socket module does not name these
_IP_TRANSPARENT = 19
_IPV6_TRANSPARENT = 75


class Passing:
    """Passes answers on; ``close`` ends it."""

    def __init__(self, connect: Callable[[], NetlinkSocket] = NetlinkSocket) -> None:
        self._netlink = connect()

    def close(self) -> None:
        """Stop asking the kernel who has asked whom."""
        self._netlink.close()

    def asked_by(self, segment: Segment) -> Tuple | None:
        """Find who asked what a segment answers, and whom; ``None`` when that is forgotten. Raises ``OSError``."""
        found = find_by_reply(self._netlink, segment.ends)
        return None if found is None else found.original

    def send(self, segment: Segment, asked: Tuple) -> None:
        """Send a segment on to who has asked. Raises ``OSError``."""
        data, source, target = written(segment, asked), asked.destination, format_address(asked.source)
        if family_of(source) is Family.IPV4:
            family, level, kind = socket.AF_INET, socket.IPPROTO_IP, _IP_PKTINFO
            from_whom = struct.pack("=i4s4x", 0, from_line(source).packed)
            transparent = (socket.IPPROTO_IP, _IP_TRANSPARENT)
        else:
            family, level, kind = socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_PKTINFO
            from_whom = struct.pack("=16si", from_line(source).packed, 0)
            transparent = (socket.IPPROTO_IPV6, _IPV6_TRANSPARENT)
        # A raw socket is given a copy of all that comes to the machine, so none is kept open.
        with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, segment.ends.protocol) as raw:
            raw.setsockopt(*transparent, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, PRIORITY_NUMBER)
            sent = raw.sendmsg([data], [(level, kind, from_whom)], 0, (target, 0))
        if sent != len(data):
            raise OSError(errno.EMSGSIZE, "the answer was sent in part")
