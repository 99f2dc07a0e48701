"""The server's side of SCTP on raw sockets.

A raw socket sees every SCTP packet of its network namespace, so who refuses a port must know that nobody else
serves it. Servers of one pod agree by names: whoever serves a port holds the abstract Unix socket of that port
(such names belong to a network namespace), and one of them holds the name of the one who refuses.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import socket
import struct
import time
from collections.abc import Callable

from podfence.lab.programs import sctp
from podfence.lab.programs.sctp_connect import payload

Answer = Callable[[bytes, str], bytes | None]
"""Gives the answer to a message from an address."""

_MOST_ASSOCIATIONS = 4096
_MOMENTS = 5
_MOMENT_S = 0.005


class SctpListener:
    """Serves SCTP ports; what it knows of a client before the cookie comes back is in the cookie."""

    def __init__(self) -> None:
        self.sockets = [
            socket.socket(family, socket.SOCK_RAW, sctp.PROTOCOL) for family in (socket.AF_INET, socket.AF_INET6)
        ]
        # Answer from the address that was asked, also where the pod has several.
        self.sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._secret = os.urandom(16)
        self._answers: dict[int, Answer] = {}
        self._names: list[socket.socket] = []
        self._refuses = False
        self._peers: dict[tuple[str, int, int], int] = {}

    def listen(self, port: int, answer: Answer) -> None:
        """Serve a port; raises ``OSError`` (EADDRINUSE) when another server of the pod does."""
        self._names.append(_claim_patiently(str(port)))
        self._answers[port] = answer

    def handle(self, raw: socket.socket) -> None:
        """Take one packet from one of ``sockets`` and answer it."""
        data, ancillary, _, sender = raw.recvmsg(65536, 256)
        packet = sctp.read_packet(payload(raw.family, data))
        if packet is None:
            return
        reply = self._reply(packet, sender[0])
        if reply:
            rights = [item for item in ancillary if item[0] == socket.IPPROTO_IPV6]
            with contextlib.suppress(OSError):  # the client is gone, or unreachable
                raw.sendmsg([reply], rights, 0, (sender[0], 0, *sender[2:]))

    def _reply(self, packet: sctp.Packet, sender: str) -> bytes:
        tag, chunks = 0, b""
        for chunk in packet.chunks:
            tag, more = self._take(chunk, packet, sender)
            chunks += more
        return sctp.write_packet(packet.port, packet.source_port, tag, chunks) if chunks else b""

    def _take(self, chunk: sctp.Chunk, packet: sctp.Packet, sender: str) -> tuple[int, bytes]:
        """Give the tag of the peer and what to answer to one chunk."""
        peer = (sender, packet.source_port, packet.tag)
        peer_tag = self._peers.get(peer, 0)
        match chunk.kind:
            case sctp.INIT if init := sctp.read_init(chunk.body):
                return init.tag, self._welcome(packet, sender, init)
            case sctp.COOKIE_ECHO if packet.port in self._answers:
                return self._establish(peer, packet, chunk.body)
            case sctp.DATA if peer_tag and (data := sctp.read_data(chunk.body)):
                answer = self._answers[packet.port](data[1], sender)
                more = b"" if answer is None else sctp.write_data(packet.tag, answer)
                return peer_tag, sctp.write_sack(data[0]) + more
            case sctp.SHUTDOWN if peer_tag:
                return peer_tag, sctp.write_chunk(sctp.SHUTDOWN_ACK)
            case sctp.SHUTDOWN_COMPLETE | sctp.ABORT:
                self._peers.pop(peer, None)
        return peer_tag, b""

    def _welcome(self, packet: sctp.Packet, sender: str, init: sctp.Init) -> bytes:
        if packet.port not in self._answers:
            return sctp.write_chunk(sctp.ABORT) if self._may_refuse(packet.port) else b""
        own_tag = int.from_bytes(os.urandom(4), "big") or 1
        state = struct.pack("!II", init.tag, own_tag)
        return sctp.write_init(sctp.INIT_ACK, own_tag, own_tag, state + self._seal(state, packet, sender))

    def _establish(self, peer: tuple[str, int, int], packet: sctp.Packet, cookie: bytes) -> tuple[int, bytes]:
        state = cookie[:8]
        if len(state) != 8 or not hmac.compare_digest(cookie[8:], self._seal(state, packet, peer[0])):
            return 0, b""
        peer_tag, own_tag = struct.unpack("!II", state)
        if own_tag != packet.tag:
            return 0, b""
        if len(self._peers) >= _MOST_ASSOCIATIONS:
            self._peers.pop(next(iter(self._peers)))
        self._peers[peer] = peer_tag
        return peer_tag, sctp.write_chunk(sctp.COOKIE_ACK)

    def _seal(self, state: bytes, packet: sctp.Packet, sender: str) -> bytes:
        ends = f"{sender} {packet.source_port} {packet.port}".encode()
        return hmac.digest(self._secret, state + ends, hashlib.sha256)[:16]

    def _may_refuse(self, port: int) -> bool:
        """Whether nobody of the pod serves a port, and this server is the one who says so."""
        with contextlib.suppress(OSError):
            if not self._refuses:
                self._names.append(_claim("refuses"))
                self._refuses = True
            _claim(str(port)).close()
            return True
        return False


def _claim_patiently(name: str) -> socket.socket:
    """Claim a name, though another server may hold it for a moment to see whether it is free."""
    for _ in range(_MOMENTS):
        with contextlib.suppress(OSError):
            return _claim(name)
        time.sleep(_MOMENT_S)
    return _claim(name)


def _claim(name: str) -> socket.socket:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0podfence-sctp-{name}")
    except OSError:
        claim.close()
        raise
    return claim
