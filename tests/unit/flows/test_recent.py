"""The records that are kept for readers who come late."""

from __future__ import annotations

import msgspec

from podfence.flows.recent import Recent
from podfence.flows.record import FlowRecord
from podfence.flows.request import FlowRequest
from tests.unit.flows.records import ACCEPTED, DENIED, ENDED


def numbered(record: FlowRecord, number: int) -> FlowRecord:
    return msgspec.structs.replace(record, verdict_id=f"{record.verdict_id}-{number}")


def ids(recent: Recent, request: FlowRequest) -> list[str]:
    return [record.verdict_id for record in recent.read(request)]


def test_the_oldest_go_first_and_drops_are_not_pushed_out_by_accepted_connections() -> None:
    recent = Recent(kept=3)
    recent.add(numbered(DENIED, 0))
    for number in range(5):
        recent.add(numbered(ACCEPTED, number))
    recent.add(numbered(DENIED, 1))
    assert ids(recent, FlowRequest()) == ["D1-0", "D1-1"]
    assert ids(recent, FlowRequest(everything=True)) == ["D1-0", "A1-2", "A1-3", "A1-4", "D1-1"]


def test_ended_connections_are_given_only_when_asked_for_and_push_out_none_of_the_others() -> None:
    recent = Recent(kept=2)
    for record in (DENIED, ACCEPTED, ENDED, ENDED, ENDED):
        recent.add(record)
    assert ids(recent, FlowRequest()) == ["D1"]
    assert ids(recent, FlowRequest(ended=True)) == ["D1", "", ""]
    assert ids(recent, FlowRequest(everything=True)) == ["D1", "A1"]
    assert ids(recent, FlowRequest(everything=True, ended=True)) == ["D1", "A1", "", ""]


def test_last_and_since_narrow_what_is_given() -> None:
    recent = Recent()
    for number in range(4):
        recent.add(numbered(DENIED, number))
    assert ids(recent, FlowRequest(last=1)) == ["D1-3"]
    assert ids(recent, FlowRequest(last=0)) == []
    assert ids(recent, FlowRequest(last=9)) == ["D1-0", "D1-1", "D1-2", "D1-3"]
    assert ids(recent, FlowRequest(since_s=DENIED.time.timestamp())) == ["D1-0", "D1-1", "D1-2", "D1-3"]
    assert ids(recent, FlowRequest(since_s=DENIED.time.timestamp() + 0.001)) == []
