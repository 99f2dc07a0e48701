"""Serves DNS on sockets that it is given, UDP and TCP, and asks another server for what its zone does not know."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

import dns.exception
import dns.message
import dns.rcode

from podfence.lab.datagrams import Datagrams
from podfence.lab.dns.answer import Question, answer, complete, failure, read, write
from podfence.lab.dns.upstream import Upstream
from podfence.lab.dns.zone import Zone

IDLE_TIMEOUT_S: Final = 10.0
MOST_PENDING: Final = 1000
"""Datagrams that wait for another server at once; more are dropped, and their clients ask again."""

_log = logging.getLogger(__name__)


class DnsServer:
    """Answers for a zone, which may be exchanged at any time; without ``upstream`` other names are refused.

    An answer that cannot be made (a zone that holds nonsense, a bug) is SERVFAIL, and logged: DNS must go on.
    """

    def __init__(self, zone: Zone, upstream: Upstream | None = None) -> None:
        self.zone = zone
        self._upstream = upstream
        self._pending: set[asyncio.Task[None]] = set()

    async def respond(self, data: bytes, *, over_udp: bool) -> bytes | None:
        """Answer one message; ``None`` for what deserves no answer."""
        question = read(data)
        if not isinstance(question, Question):
            return question
        try:
            return write(await self._resolve(question), question, over_udp=over_udp)
        except Exception:  # noqa: BLE001 - see the class: logged, and the client is told
            _log.exception("%s cannot be answered", question.name)
            return failure(question).to_wire()

    async def serve(self, datagrams: Sequence[socket.socket], listeners: Sequence[socket.socket]) -> None:
        """Serve bound UDP sockets and listening TCP sockets until cancelled; closes them at the end."""
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            for one in datagrams:
                transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(self.take_datagram), sock=one)
                stack.callback(transport.close)
            for one in listeners:
                await stack.enter_async_context(await asyncio.start_server(self._converse, sock=one))
            await asyncio.Event().wait()

    def take_datagram(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        """Answer a datagram in a task of its own."""
        if len(self._pending) >= MOST_PENDING:
            return
        task = asyncio.get_running_loop().create_task(self._answer(data, reply))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _answer(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        if (response := await self.respond(data, over_udp=True)) is not None:
            reply(response)

    async def _resolve(self, question: Question) -> dns.message.Message:
        answered = answer(question, self.zone)
        if answered is not None and answered.alias is None:
            return answered.message
        if self._upstream is None:
            return failure(question, dns.rcode.REFUSED) if answered is None else answered.message
        name = question.name if answered is None or answered.alias is None else answered.alias
        query = dns.message.make_query(name, question.kind, use_edns=0)
        try:
            response = await self._upstream(query)
        except (OSError, dns.exception.DNSException) as error:
            _log.debug("%s: %s", name, error)
            return failure(question)
        if answered is not None:
            return complete(answered, response)
        forwarded = failure(question, response.rcode())
        forwarded.answer, forwarded.authority = response.answer, response.authority
        return forwarded

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the messages of one TCP connection, each behind its length (RFC 1035, 4.2.2)."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                while True:
                    async with asyncio.timeout(IDLE_TIMEOUT_S):
                        length = int.from_bytes(await reader.readexactly(2), "big")
                        data = await reader.readexactly(length)
                    response = await self.respond(data, over_udp=False)
                    if response is None:
                        return
                    writer.write(len(response).to_bytes(2, "big") + response)
                    await writer.drain()
        finally:
            writer.close()
