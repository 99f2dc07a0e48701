"""Records as JSON lines: the documented form, and back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.flows.json_lines import from_json_line, to_json_line
from podfence.flows.record import Carried, DecidedBy, Ended, FlowEnd, FlowPort, FlowRecord, FlowsLost, Ref
from podfence.model.error import PodfenceError
from podfence.model.net import Protocol
from tests.unit.flows.records import ACCEPTED, DENIED, ENDED


def test_a_record_has_the_documented_form() -> None:
    assert json.loads(to_json_line(DENIED)) == {
        "apiVersion": "podfence/v1",
        "kind": "Flow",
        "time": "2026-11-26T08:14:03.112000Z",
        "node": "n1",
        "verdict": "drop",
        "direction": "ingress",
        "tier": "NetworkPolicy",
        "decidedBy": None,
        "isolatedBy": [{"ref": {"kind": "NetworkPolicy", "namespace": "shop", "name": "payment-isolate"}}],
        "note": "",
        "source": {
            "address": "10.0.1.5",
            "pod": {"ref": {"kind": "Pod", "namespace": "shop", "name": "frontend-5c9d"}},
            "workload": {"ref": {"kind": "Deployment", "namespace": "shop", "name": "frontend"}},
            "node": {"ref": {"kind": "Node", "namespace": None, "name": "n1"}},
        },
        "destination": {
            "address": "10.0.2.7",
            "pod": {"ref": {"kind": "Pod", "namespace": "shop", "name": "payment-7f44"}},
            "node": {"ref": {"kind": "Node", "namespace": None, "name": "n2"}},
        },
        "port": {"protocol": "TCP", "port": 50051},
        "sourcePort": 40000,
        "count": 1,
        "verdictId": "D1",
    }


def test_a_rule_is_told_by_its_policy_and_field() -> None:
    assert json.loads(to_json_line(ACCEPTED))["decidedBy"] == {
        "ref": {"kind": "NetworkPolicy", "namespace": "shop", "name": "payment"},
        "path": "spec.ingress[0]",
    }


def test_what_was_carried_is_told_of_ended_connections_alone() -> None:
    assert json.loads(to_json_line(ENDED))["ended"] == {
        "sent": {"packets": 10, "bytes": 1234},
        "received": {"packets": 1, "bytes": 96_000},
        "started": "2026-11-26T08:14:03.112000Z",
        "durationSeconds": 2.5,
    }


def test_a_position_is_told_where_it_is_known() -> None:
    found = msgspec.to_builtins(Ref("NetworkPolicy", "shop", "a", "a.yaml", 3, 1))
    assert found == {
        "kind": "NetworkPolicy",
        "namespace": "shop",
        "name": "a",
        "file": "a.yaml",
        "line": 3,
        "column": 1,
    }


@pytest.mark.parametrize(
    "line",
    [
        DENIED,
        ACCEPTED,
        msgspec.structs.replace(DENIED, port=FlowPort(Protocol.OTHER, ip_protocol=1), source_port=None, direction=None),
        ENDED,
        msgspec.structs.replace(ENDED, ended=Ended()),
        FlowsLost(3, "kernel"),
    ],
)
def test_what_was_written_is_read_back(line: FlowRecord | FlowsLost) -> None:
    assert from_json_line(to_json_line(line)) == line


@given(st.one_of(st.binary(max_size=60), st.sampled_from([b'{"kind":"Flow"}', b'{"kind":"FlowsLost"}', b"[]", b"1"])))
def test_anything_else_is_refused_in_one_line(text: bytes) -> None:
    with pytest.raises(PodfenceError) as refused:
        from_json_line(text)
    assert "\n" not in str(refused.value)


def test_every_field_is_in_the_manual() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "flows.md").read_text("utf-8")
    fields = {*json.loads(to_json_line(ENDED)), *json.loads(to_json_line(FlowsLost(1, "kernel")))}
    for struct in (FlowEnd, FlowPort, DecidedBy, Ref, Ended, Carried):
        fields |= {field.encode_name for field in msgspec.structs.fields(struct)}
    assert {name for name in fields if not re.search(rf'[`"]{name}["`]', text)} == set()
