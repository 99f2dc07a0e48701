"""Records as lines for people, and as CSV."""

from __future__ import annotations

import csv
from datetime import UTC

import msgspec
import pytest

from podfence.flows.record import DecidedBy, Ended, FlowEnd, FlowPort, FlowsLost, FlowVerdict, Ref
from podfence.flows.text import COLUMNS, Widths, csv_row, flow_csv, flow_text, lost_text, port_text
from podfence.model.net import Protocol
from podfence.model.policy import Direction
from tests.unit.flows.records import ACCEPTED, DENIED, ENDED, reference


def test_a_drop_is_a_line_that_names_the_policies_to_edit() -> None:
    record = msgspec.structs.replace(DENIED, count=2)
    assert flow_text(record, zone=UTC) == (
        "08:14:03.112  DROP   ingress  shop/frontend-5c9d   → shop/payment-7f44     TCP 50051   "
        "default deny of shop/payment-isolate (1 more like it per second)"
    )


def test_an_accepted_connection_names_its_rule() -> None:
    assert "  ALLOW  ingress  shop/frontend-5c9d" in flow_text(ACCEPTED, zone=UTC)
    assert flow_text(ACCEPTED, zone=UTC).endswith("  shop/payment, ingress rule 1")


def test_several_isolating_policies_and_a_note_are_all_told() -> None:
    record = msgspec.structs.replace(
        DENIED, isolated_by=(*DENIED.isolated_by, reference("NetworkPolicy", "shop", "all")), note="so there"
    )
    assert flow_text(record, zone=UTC).endswith("default deny of shop/payment-isolate, shop/all; so there")


def test_a_cluster_wide_rule_is_told_with_its_name() -> None:
    decided = DecidedBy(Ref("ClusterNetworkPolicy", None, "guard"), "spec.egress[0]", "no-metadata")
    record = msgspec.structs.replace(DENIED, verdict=FlowVerdict.AUDIT, decided_by=decided)
    assert "  AUDIT  " in flow_text(record)
    assert flow_text(record).endswith('guard, egress rule 1 "no-metadata"')


def test_a_rule_whose_text_is_known_is_told_with_its_line() -> None:
    decided = DecidedBy(Ref("NetworkPolicy", "shop", "cart", "cart.yaml", 14, 3), "spec.egress[2]")
    assert flow_text(msgspec.structs.replace(ACCEPTED, decided_by=decided)).endswith(
        "shop/cart, egress rule 3 (cart.yaml:14)"
    )


def test_what_one_direction_allowed_and_the_other_dropped_can_be_told_apart() -> None:
    left = msgspec.structs.replace(ACCEPTED, direction=Direction.EGRESS)
    forged = msgspec.structs.replace(DENIED, direction=None, isolated_by=(), note="forged")
    words = [flow_text(record, zone=UTC).split()[1:3] for record in (left, DENIED, forged)]
    assert words == [["ALLOW", "egress"], ["DROP", "ingress"], ["DROP", "shop/frontend-5c9d"]]
    assert {flow_text(record).index("shop/frontend") for record in (left, DENIED, forged)} == {30}


def test_an_ended_connection_says_what_it_carried_and_how_long_it_took() -> None:
    assert flow_text(ENDED, zone=UTC) == (
        "08:14:03.112  END             shop/frontend-5c9d   → shop/payment-7f44     TCP 50051   "
        "sent 1,234 B in 10 packets, received 96,000 B in 1 packet, 2.500 s"
    )


def test_what_was_not_counted_names_the_switch_to_set() -> None:
    bare = msgspec.structs.replace(ENDED, ended=Ended(), count=3)
    assert flow_text(bare).endswith("  bytes not counted (net.netfilter.nf_conntrack_acct) (2 more like it per second)")


def test_colour_is_on_the_verdict_alone() -> None:
    assert flow_text(DENIED, lambda text, role: f"<{role}>{text}</>").count("<denied>DROP </>") == 1


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (FlowPort(Protocol.UDP, 53), "UDP 53"),
        (FlowPort(Protocol.TCP), "TCP"),
        (FlowPort(Protocol.OTHER, ip_protocol=1), "ICMP"),
        (FlowPort(Protocol.OTHER, ip_protocol=58), "ICMPv6"),
        (FlowPort(Protocol.OTHER, ip_protocol=47), "protocol 47"),
    ],
)
def test_ports_and_protocols_are_told_as_people_know_them(port: FlowPort, text: str) -> None:
    assert port_text(port) == text


def test_what_is_missing_is_told_with_its_reason() -> None:
    assert lost_text(FlowsLost(1, "reader")) == "1 record is missing here: this reader was too slow"
    assert lost_text(FlowsLost(7, "kernel")).startswith("7 records are missing here: the kernel")


def test_csv_is_what_a_csv_reader_expects() -> None:
    record = msgspec.structs.replace(DENIED, note='a "note", with commas', source=FlowEnd("203.0.113.9"))
    header, row = csv.reader([csv_row(COLUMNS), flow_csv(record)])
    found = dict(zip(header, row, strict=True))
    assert found == {
        "time": "2026-11-26T08:14:03.112+00:00",
        "node": "n1",
        "verdict": "drop",
        "direction": "ingress",
        "source": "203.0.113.9",
        "sourceAddress": "203.0.113.9",
        "destination": "shop/payment-7f44",
        "destinationAddress": "10.0.2.7",
        "protocol": "TCP",
        "port": "50051",
        "count": "1",
        "tier": "NetworkPolicy",
        "policy": "",
        "rule": "",
        "isolatedBy": "shop/payment-isolate",
        "note": 'a "note", with commas',
        "ended": "false",
        "packetsSent": "",
        "bytesSent": "",
        "packetsReceived": "",
        "bytesReceived": "",
        "started": "",
        "durationSeconds": "",
    }


def test_csv_has_a_number_in_a_column_of_its_own() -> None:
    header, row, bare = csv.reader(
        [csv_row(COLUMNS), flow_csv(ENDED), flow_csv(msgspec.structs.replace(ENDED, ended=Ended()))]
    )
    assert dict(list(zip(header, row, strict=True))[-7:]) == {
        "ended": "true",
        "packetsSent": "10",
        "bytesSent": "1234",
        "packetsReceived": "1",
        "bytesReceived": "96000",
        "started": "2026-11-26T08:14:03.112+00:00",
        "durationSeconds": "2.500",
    }
    assert bare[-7:] == ["true", "", "", "", "", "", ""]


def test_columns_grow_with_the_names_up_to_a_bound() -> None:
    long = msgspec.structs.replace(DENIED, source=FlowEnd("2001:db8:1111:2222:3333:4444:5555:6666"))
    endless = msgspec.structs.replace(
        DENIED, source=msgspec.structs.replace(DENIED.source, pod=reference("Pod", "shop", "x" * 200))
    )
    widths = Widths().including(long).including(DENIED)
    lines = [flow_text(record, widths=widths) for record in (long, DENIED)]
    assert lines[0].index("→") == lines[1].index("→")
    assert widths.including(endless).source < 60
