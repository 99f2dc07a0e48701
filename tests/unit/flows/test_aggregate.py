"""Equal records within a second are one line with a count."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from podfence.flows.aggregate import Aggregator
from podfence.flows.record import Carried, Ended, FlowPort
from podfence.model.net import Protocol
from tests.unit.flows.records import ACCEPTED, DENIED, ENDED, TIME

AGAIN = msgspec.structs.replace(DENIED, source_port=40_001)
ELSEWHERE = msgspec.structs.replace(DENIED, port=FlowPort(Protocol.TCP, 1))


def test_the_first_of_its_kind_goes_out_at_once() -> None:
    aggregator = Aggregator()
    assert aggregator.add(DENIED, 0.0) is DENIED
    assert aggregator.add(ACCEPTED, 0.1) is ACCEPTED
    assert aggregator.add(ELSEWHERE, 0.2) is ELSEWHERE


def test_what_follows_within_the_second_is_one_line_when_it_is_over() -> None:
    aggregator = Aggregator()
    aggregator.add(DENIED, 0.0)
    assert [aggregator.add(AGAIN, at) for at in (0.1, 0.5, 0.9)] == [None, None, None]
    assert list(aggregator.due(0.99)) == []
    assert list(aggregator.due(1.0)) == [msgspec.structs.replace(AGAIN, count=3)]


def test_different_source_ports_are_one_kind_without_a_source_port() -> None:
    aggregator = Aggregator()
    for record in (DENIED, AGAIN, DENIED):
        aggregator.add(record, 0.0)
    (line,) = aggregator.due(1.0)
    assert (line.count, line.source_port) == (2, None)


def test_what_ended_connections_carried_is_added_up() -> None:
    ends = [
        msgspec.structs.replace(
            ENDED, ended=Ended(Carried(n, n * 100), Carried(1, n), TIME + timedelta(seconds=n), 10.0 - n)
        )
        for n in range(4)
    ]
    aggregator = Aggregator()
    assert [aggregator.add(record, 0.0) for record in ends] == [ends[0], None, None, None]
    (rest,) = aggregator.due(1.0)
    assert (rest.count, rest.ended) == (
        3,
        Ended(Carried(6, 600), Carried(3, 6), TIME + timedelta(seconds=1), 9.0),
    )


def test_what_was_counted_is_not_added_to_what_was_not() -> None:
    aggregator = Aggregator()
    bare = msgspec.structs.replace(ENDED, ended=Ended())
    assert [aggregator.add(record, 0.0) for record in (ENDED, bare, ENDED, bare)] == [ENDED, bare, None, None]
    assert {(line.count, line.ended) for line in aggregator.due(1.0)} == {(1, ENDED.ended), (1, bare.ended)}


def test_an_accepted_connection_and_its_end_are_two_kinds() -> None:
    aggregator = Aggregator()
    twin = msgspec.structs.replace(ACCEPTED, verdict_id="", ended=Ended())
    opened = msgspec.structs.replace(ACCEPTED, verdict_id="")
    assert aggregator.add(opened, 0.0) is opened
    assert aggregator.add(twin, 0.0) is twin


def test_after_a_second_of_quiet_the_next_is_a_first_again() -> None:
    aggregator = Aggregator()
    aggregator.add(DENIED, 0.0)
    assert list(aggregator.due(1.0)) == []
    assert aggregator.add(DENIED, 1.0) is DENIED


def test_a_flood_is_a_line_each_second() -> None:
    aggregator = Aggregator()
    lines = []
    for tick in range(1000):
        lines += [line for line in [aggregator.add(DENIED, tick / 100)] if line is not None]
        lines += aggregator.due(tick / 100)
    assert len(lines) <= 11
    assert sum(line.count for line in [*lines, *aggregator.rest()]) == 1000


def test_beyond_what_may_be_counted_records_go_out_one_by_one() -> None:
    aggregator = Aggregator()
    kinds = [msgspec.structs.replace(DENIED, verdict_id=f"D{number}") for number in range(10_001)]
    assert all(aggregator.add(record, 0.0) is record for record in kinds)
    assert aggregator.add(kinds[-1], 0.0) is kinds[-1]
    assert aggregator.add(kinds[0], 0.0) is None


@given(st.lists(st.tuples(st.sampled_from([DENIED, AGAIN, ACCEPTED, ELSEWHERE]), st.floats(0, 3)), max_size=40))
def test_no_packet_is_lost_and_none_counted_twice(story: list[tuple[object, float]]) -> None:
    aggregator = Aggregator()
    now_s, total = 0.0, 0
    for record, wait_s in story:
        now_s += wait_s
        total += sum(line.count for line in aggregator.due(now_s))
        line = aggregator.add(record, now_s)  # type: ignore[arg-type]
        total += line.count if line is not None else 0
    assert total + sum(line.count for line in aggregator.rest()) == len(story)
