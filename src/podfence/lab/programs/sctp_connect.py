"""The client's side of an SCTP association on a raw socket: connect, send one message, hear one, shut down."""

from __future__ import annotations

import errno
import os
import socket
import time

from podfence.lab.programs import sctp

_FIRST_WAIT_S = 0.25
_GOODBYE_S = 0.5
# The kernel of a pod without any SCTP answers "protocol unreachable": ENOPROTOOPT for IPv4, EPROTO for IPv6.
_REFUSALS = (errno.ENOPROTOOPT, errno.EPROTO, errno.ECONNREFUSED)


def exchange(host: str, port: int, message: bytes, timeout_s: float) -> bytes:
    """Send a message to a host and give its answer.

    Raises ``TimeoutError`` and ``ConnectionRefusedError`` as a socket would, ``socket.gaierror`` for a name that
    does not resolve, other ``OSError`` as the kernel gives them.
    """
    family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_RAW, sctp.PROTOCOL) as raw:
        try:
            # A connected raw socket hears of ICMP errors.
            raw.connect(address)
            return _Association(raw, port).run(message, timeout_s)
        except OSError as error:
            if error.errno in _REFUSALS:
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)) from None
            raise


class _Association:
    def __init__(self, raw: socket.socket, port: int) -> None:
        self._raw = raw
        self._port = port
        self._source_port = 32768 + _random_number() % 28000
        self._tag = _random_number()
        self._tsn = _random_number()
        self._peer_tag = 0
        self._peer_tsn = 0
        self._answer: bytes | None = None
        self._pending: bytes = b""

    def run(self, message: bytes, timeout_s: float) -> bytes:
        end = time.monotonic() + timeout_s
        self._request(sctp.write_init(sctp.INIT, self._tag, self._tsn))
        wait_s = _FIRST_WAIT_S
        while (left := end - time.monotonic()) > 0:
            self._raw.settimeout(min(wait_s, left))
            try:
                packet = self._receive()
            except TimeoutError:
                wait_s *= 2
                self._send(self._pending)
                continue
            for chunk in packet.chunks if packet else ():
                if self._take(chunk, message):
                    return self._answer or b""
                if self._answer is not None:
                    end = min(end, time.monotonic() + _GOODBYE_S)
        if self._answer is None:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return self._answer

    def _take(self, chunk: sctp.Chunk, message: bytes) -> bool:
        """Act on a chunk of the peer; true when the association has ended well."""
        if chunk.kind == sctp.ABORT:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        if chunk.kind == sctp.INIT_ACK and not self._peer_tag and (init := sctp.read_init(chunk.body)):
            self._peer_tag, self._peer_tsn = init.tag, (init.tsn - 1) & 0xFFFFFFFF
            self._request(sctp.write_chunk(sctp.COOKIE_ECHO, init.cookie or b""))
        elif chunk.kind == sctp.COOKIE_ACK:
            self._request(sctp.write_data(self._tsn, message))
        elif chunk.kind == sctp.DATA and (data := sctp.read_data(chunk.body)):
            self._peer_tsn, answer = data
            self._answer = self._answer or answer
            self._request(sctp.write_sack(self._peer_tsn) + sctp.write_shutdown(self._peer_tsn))
        elif chunk.kind == sctp.SHUTDOWN_ACK:
            self._send(sctp.write_chunk(sctp.SHUTDOWN_COMPLETE))
            return self._answer is not None
        return False

    def _receive(self) -> sctp.Packet | None:
        packet = sctp.read_packet(payload(self._raw.family, self._raw.recv(65536)))
        if packet is None or (packet.source_port, packet.port) != (self._port, self._source_port):
            return None
        is_reflected = any(c.kind == sctp.ABORT and c.flags & sctp.TAG_REFLECTED for c in packet.chunks)
        return packet if packet.tag == (self._peer_tag if is_reflected else self._tag) else None

    def _request(self, chunks: bytes) -> None:
        """Send what must be answered, and keep it to be sent again."""
        self._pending = chunks
        self._send(chunks)

    def _send(self, chunks: bytes) -> None:
        self._raw.send(sctp.write_packet(self._source_port, self._port, self._peer_tag, chunks))


def payload(family: int, data: bytes) -> bytes:
    """Cut off the IP header, which a raw socket delivers for IPv4 and not for IPv6."""
    return data[(data[0] & 15) * 4 :] if family == socket.AF_INET and data else data


def _random_number() -> int:
    return int.from_bytes(os.urandom(4), "big") or 1
