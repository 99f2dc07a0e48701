"""Held answers: what is passed on at once, what only when it is enforced, and what not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rrset

from podfence.agent.answers import pump
from podfence.agent.answers.pump import HELD_S, AnswerPump
from podfence.agent.answers.segment import Segment
from podfence.agent.metrics import Metrics
from podfence.dataplane.conntrack import Tuple
from podfence.dataplane.lookups import Answer, Need
from podfence.flows.nflog import Logged
from podfence.model.net import parse_address
from tests.unit.agent.answers.test_segment import packet, tcp, udp

POD, RESOLVER, SERVICE = "10.9.0.1", "10.9.0.2", "10.96.0.10"


def answer(name: str = "www.example.com.") -> bytes:
    message = dns.message.make_query(name, "A")
    message.flags |= dns.flags.QR
    message.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "203.0.113.9"))
    return message.to_wire()


class Bench:
    """A pump whose neighbours note what they are told."""

    def __init__(self, *, only_listens: bool = False) -> None:
        self.waiting: list[bytes] = []
        self.lost = 0
        self.sent: list[Segment] = []
        self.learnt: list[tuple[Answer, Callable[[], None]]] = []
        self.needs = {"www.example.com": Need.NEW, "www.example.net": Need.KNOWN}
        self.knows_who_asked = True
        self.refuses = False
        self.now_s = 0.0
        self.metrics = Metrics()
        self.pump = AnswerPump(self, self, self, self.metrics, only_listens=only_listens, steady=lambda: self.now_s)

    def fileno(self) -> int:
        return -1  # no loop waits on it

    def read(self) -> Iterator[Logged]:
        while self.waiting:
            yield Logged("", memoryview(self.waiting.pop(0)), None, None)

    def asked_by(self, segment: Segment) -> Tuple | None:
        ends = segment.ends
        asked = Tuple(ends.destination, parse_address(SERVICE), ends.protocol, ends.destination_port, 53)
        return asked if self.knows_who_asked else None

    def send(self, segment: Segment, asked: Tuple) -> None:
        if self.refuses:
            raise OSError(1, "no")
        self.sent.append(segment)

    def may_need(self, asker: int, name: str) -> bool:
        assert asker == parse_address(POD)
        return name in self.needs or not name

    def need(self, answer: Answer) -> Need:
        return self.needs.get(answer.name, Need.NONE)

    def learn(self, answer: Answer, release: Callable[[], None]) -> None:
        self.learnt.append((answer, release))

    def take(self, *packets: bytes) -> None:
        self.waiting += packets
        self.pump.pump()

    def counted(self) -> dict[str, float]:
        (family,) = self.metrics.fqdn_answers.collect()
        return {s.labels["result"]: s.value for s in family.samples if s.name.endswith("_total")}


def datagram(data: bytes) -> bytes:
    return packet(RESOLVER, POD, 17, udp(53, 4000, data))


def test_an_answer_that_a_policy_needs_waits_until_it_is_enforced() -> None:
    bench = Bench()
    bench.take(datagram(answer()))
    assert bench.sent == []
    ((told, release),) = bench.learnt
    assert told == Answer(parse_address(POD), "www.example.com", (parse_address("203.0.113.9"),), 60)
    release()
    assert len(bench.sent) == 1
    assert bench.counted() == {"learnt": 1}


def test_any_other_answer_is_passed_on_at_once() -> None:
    bench = Bench()
    bench.take(datagram(answer("www.example.org.")), datagram(b"no dns"))
    assert len(bench.sent) == 2
    assert bench.learnt == []
    assert bench.counted() == {"passed": 2, "unreadable": 1}


def test_an_answer_that_is_enforced_too_late_is_not_passed_on() -> None:
    bench = Bench()
    bench.take(datagram(answer()))
    bench.now_s = HELD_S + 0.1
    bench.learnt[0][1]()
    assert bench.sent == []
    assert bench.counted() == {"late": 1}


def test_more_answers_than_can_be_held_are_not_passed_on() -> None:
    bench = Bench()
    most = pump.MOST_HELD
    for n in range(most + 1):
        bench.now_s += 0.001
        bench.take(packet(RESOLVER, POD, 17, udp(53, 1024 + n, answer())))
    assert len(bench.learnt) == most
    assert bench.sent == []
    assert bench.counted() == {"late": 1}
    # Over TCP the same comes again: it must not pass then as if nobody needed it.
    whole = len(answer()).to_bytes(2, "big") + answer()
    bench.take(packet(RESOLVER, POD, 6, tcp(53, 4000, b"", 19, 0x12)))
    for _ in range(2):
        bench.take(packet(RESOLVER, POD, 6, tcp(53, 4000, whole, 20)))
    assert [(segment.data, segment.header[13]) for segment in bench.sent] == [(b"", 0x12), (b"", 0x14)]
    assert bench.counted() == {"late": 2, "passed": 1, "reset": 1}


def test_a_stream_is_passed_on_up_to_the_segment_that_completes_a_needed_answer() -> None:
    bench = Bench()
    whole = len(answer()).to_bytes(2, "big") + answer()
    syn, first, second = (
        packet(RESOLVER, POD, 6, tcp(53, 4000, data, sequence, flags))
        for data, sequence, flags in ((b"", 9, 0x12), (whole[:10], 10, 0x18), (whole[10:], 20, 0x18))
    )
    bench.take(syn, first, second, second)
    assert [segment.data for segment in bench.sent] == [b"", whole[:10]]
    assert len(bench.learnt) == 1
    bench.learnt[0][1]()
    assert [segment.data for segment in bench.sent] == [b"", whole[:10], whole[10:]]
    bench.take(second)
    assert len(bench.sent) == 4


def test_what_is_known_already_is_passed_on_at_once_and_learnt_again() -> None:
    bench = Bench()
    bench.take(datagram(answer("www.example.net.")))
    assert len(bench.sent) == 1
    assert [told.name for told, _ in bench.learnt] == ["www.example.net"]
    bench.learnt[0][1]()
    assert len(bench.sent) == 1


def test_a_stream_that_cannot_be_understood_is_reset_instead_of_opening_nothing() -> None:
    bench = Bench()
    whole = len(answer()).to_bytes(2, "big") + answer()
    bench.take(packet(RESOLVER, POD, 6, tcp(53, 4000, whole, 20)))
    ((segment),) = bench.sent
    assert (segment.data, segment.sequence, segment.header[13]) == (b"", 20, 0x14)
    assert bench.counted() == {"reset": 1}


def test_where_nothing_is_held_answers_are_learnt_and_nothing_is_sent() -> None:
    bench = Bench(only_listens=True)
    bench.take(datagram(answer()), datagram(answer("www.example.org.")))
    assert [told.name for told, _ in bench.learnt] == ["www.example.com"]
    bench.learnt[0][1]()
    assert bench.sent == []


def test_an_answer_to_nobody_goes_nowhere() -> None:
    bench = Bench()
    bench.knows_who_asked = False
    bench.take(datagram(answer()), b"\x45")
    assert (bench.sent, bench.learnt) == ([], [])
    assert bench.counted() == {"unasked": 1, "unreadable": 1}


def test_what_the_kernel_lost_or_refuses_is_counted() -> None:
    bench = Bench()
    bench.refuses = True
    bench.take(datagram(answer("www.example.org.")))
    bench.lost = 3
    bench.take()
    assert bench.counted() == {"passed": 1, "unsent": 1, "lost": 3}


def test_one_pod_cannot_have_the_agent_look_at_more_than_its_share() -> None:
    bench = Bench()
    bench.needs.clear()
    bench.take(*(packet(RESOLVER, POD, 17, udp(53, 1024 + n, b"")) for n in range(2000)))
    passed = len(bench.sent)
    assert passed < 2000
    assert bench.counted() == {"unreadable": passed, "passed": passed, "limited": 2000 - passed}
    bench.now_s += 1
    bench.take(datagram(b""))
    assert len(bench.sent) == passed + 1


def test_what_nobody_needs_is_read_for_its_name_alone_unless_it_is_small_and_rare() -> None:
    bench = Bench()
    heard: list[str] = []
    bench.pump = AnswerPump(bench, bench, bench, bench.metrics, on_answer=lambda told: heard.append(told.name))
    bench.take(datagram(answer("www.example.org.")), datagram(answer("www.example.org.") + bytes(2000)))
    assert heard == ["www.example.org"]
    bench.take(*(datagram(answer("www.example.org.")) for _ in range(200)))
    assert len(heard) < 100
    assert len(bench.sent) == 202
