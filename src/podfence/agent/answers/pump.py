"""From held answers to pods that have them: what tells the address of a name that a policy speaks of is learnt first.

A pod gets its answer once the kernel lets it connect. An answer for which that takes too long is not passed on: the
pod will ask again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from podfence.agent.answers.message import UnreadableError, asked_name, read_answer
from podfence.agent.answers.pace import Pace
from podfence.agent.answers.segment import Segment, read_segment, reset
from podfence.agent.answers.stream import Streams, UnknownStreamError
from podfence.agent.log_pump import LogReader
from podfence.agent.metrics import Metrics
from podfence.dataplane.conntrack import Tuple
from podfence.dataplane.lookups import Answer, Need
from podfence.flows.packet import TCP
from podfence.model.error import PodfenceError

HELD_S = 2.0
MOST_HELD = 1_024
_SMALL_BYTES = 1_500
_PER_SECOND, _BURST = 400.0, 800.0
"""Answers of one pod that are looked at; a program asks for some tens of names when it starts."""


class Learning(Protocol):
    """Who has answers enforced (``agent.reconcile``)."""

    def may_need(self, asker: int, name: str) -> bool:
        """Tell whether an answer about a name may be anything to the pod at an address."""

    def need(self, answer: Answer) -> Need:
        """Tell what an answer is to the pod that asked."""

    def learn(self, answer: Answer, release: Callable[[], None]) -> None:
        """Have an answer enforced, and call ``release`` when it is."""


class Sender(Protocol):
    """Who sends answers on (``agent.answers.passing``)."""

    def asked_by(self, segment: Segment) -> Tuple | None:
        """Find who asked what a segment answers, and whom."""

    def send(self, segment: Segment, asked: Tuple) -> None:
        """Send a segment on to who has asked."""


class AnswerPump:
    """Pumps until cancelled; ``on_answer`` hears all answers, ``steady`` gives seconds that never go back.

    With ``only_listens`` answers are on their way already: they are learnt, and nothing is sent.
    """

    def __init__(
        self,
        reader: LogReader,
        sender: Sender,
        learning: Learning,
        metrics: Metrics,
        *,
        on_answer: Callable[[Answer], None] = lambda _: None,
        only_listens: bool = False,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._sender, self._learning, self._metrics = reader, sender, learning, metrics
        self._on_answer, self._only_listens, self._steady = on_answer, only_listens, steady
        self._streams = Streams()
        self._pace, self._curious = Pace(_PER_SECOND, _BURST), Pace(_PER_SECOND / 20, _BURST / 20)
        self._held: set[tuple[Tuple, int]] = set()
        self._lost = reader.lost

    async def run(self) -> None:
        """Take answers as they come. Raises ``PodfenceError`` when they can be read no more."""
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()
        descriptor = self._reader.fileno()

        def pump() -> None:
            try:
                self.pump()
            except OSError as error:
                loop.remove_reader(descriptor)
                if not failed.done():
                    failed.set_exception(error)

        loop.add_reader(descriptor, pump)
        try:
            await failed
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PodfenceError(f"the answers of resolvers can be read no more: {reason}") from None
        finally:
            loop.remove_reader(descriptor)

    def pump(self) -> None:
        """Take what is waiting now. Raises ``OSError``."""
        for logged in self._reader.read():
            segment = read_segment(logged.payload)
            if segment is None:
                self._count("unreadable")
            else:
                self._take(segment)
        if lost := self._reader.lost - self._lost:
            self._lost += lost
            self._count("lost", lost)

    def _take(self, segment: Segment) -> None:
        if not self._pace.allows(segment.ends.destination, self._steady()):
            self._count("limited")
            return
        key = (segment.ends, segment.sequence)
        if key in self._held and segment.ends.protocol == TCP:
            return  # sent again, for want of what is held
        asked = self._asked_by(segment)
        if asked is None:
            self._count("unasked")
            return
        try:
            needed = [(answer, self._learning.need(answer)) for answer in self._answers(segment, asked)]
        except UnknownStreamError:
            # Passed on it would open nothing, and nobody would know why: its client begins anew, and is understood.
            self._count("reset")
            self._send(reset(segment), asked)
            return
        for answer in (answer for answer, need in needed if need is Need.KNOWN):
            self._learning.learn(answer, _nothing)
        answers = [answer for answer, need in needed if need is Need.NEW]
        if not answers:
            self._count("passed")
            self._send(segment, asked)
        elif len(self._held) >= MOST_HELD:
            self._count("late")
            self._streams.forget(segment.ends)  # sent again it would pass, and open nothing
        else:
            self._hold(segment, asked, answers)

    def _hold(self, segment: Segment, asked: Tuple, answers: list[Answer]) -> None:
        key, began_s, left = (segment.ends, segment.sequence), self._steady(), len(answers)
        self._held.add(key)

        def release() -> None:
            nonlocal left
            left -= 1
            if left:
                return
            self._held.discard(key)
            took_s = self._steady() - began_s
            self._metrics.fqdn_hold_seconds.observe(took_s)
            if took_s > HELD_S:
                self._count("late")
            else:
                self._count("learnt")
                self._send(segment, asked)

        for answer in answers:
            self._learning.learn(answer, release)

    def _answers(self, segment: Segment, asked: Tuple) -> list[Answer]:
        messages = self._streams.feed(segment) if segment.ends.protocol == TCP else [segment.data]
        found = []
        for message in messages:
            if not self._is_worth_reading(message, asked.source):
                continue
            try:
                answer = read_answer(message, asked.source)
            except UnreadableError:
                self._count("unreadable")
            else:
                if answer is not None:
                    self._on_answer(answer)
                    found.append(answer)
        return found

    def _is_worth_reading(self, message: bytes, asker: int) -> bool:
        """Tell whether a message may be needed, or is so small and rare that its names can be told in flows."""
        name = asked_name(message)
        if not name or self._learning.may_need(asker, name):
            return True
        return len(message) <= _SMALL_BYTES and self._curious.allows(asker, self._steady())

    def _asked_by(self, segment: Segment) -> Tuple | None:
        try:
            return self._sender.asked_by(segment)
        except OSError as error:
            structlog.get_logger().warning("connection tracking does not tell who asked", error=str(error))
            return None

    def _send(self, segment: Segment, asked: Tuple) -> None:
        if self._only_listens:
            return
        try:
            self._sender.send(segment, asked)
        except OSError as error:
            self._count("unsent")
            structlog.get_logger().warning("an answer cannot be passed on to its pod", error=str(error))

    def _count(self, result: str, times: int = 1) -> None:
        self._metrics.fqdn_answers.labels(result).inc(times)


def _nothing() -> None:
    """Do nothing: the pod has its answer already."""
