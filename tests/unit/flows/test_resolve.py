"""From logged bytes to a record."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from podfence.flows.owners import Owners
from podfence.flows.packet import ICMP, SCTP, TCP, UDP, Packet
from podfence.flows.record import Ended, FlowRecord, FlowVerdict
from podfence.flows.resolve import NO_DNS, UNKNOWN_ID, Resolver
from podfence.flows.text import end_name, port_text, why
from podfence.model.change import Change
from podfence.model.net import parse_address
from podfence.model.objects import Node, ObjectRef, Pod, Service
from podfence.model.policy import Direction
from podfence.model.reason import Reason
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn
from tests.unit.flows.records import ipv4, ipv6, logged, ports

HERE = Pod("shop", "cart-1", addresses=(parse_address("10.0.1.1"),), node="n1", workload=("Deployment", "cart"))
HERE_TOO = Pod("shop", "web", addresses=(parse_address("10.0.1.2"),), node="n1", workload=("Pod", "web"))
THERE = Pod("shop", "db", addresses=(parse_address("10.0.2.1"),), node="n2", workload=("Pod", "db"))
CLUSTER = Snapshot(
    pods=(HERE, HERE_TOO, THERE),
    nodes=(Node("n2", addresses=(parse_address("192.0.2.2"),)),),
    services=(Service("kube-system", "dns", (), addresses=(parse_address("10.96.0.10"),)),),
)

ISOLATE = ObjectRef("NetworkPolicy", "shop", "isolate")
RULED = Reason(
    allowed=True,
    direction=Direction.EGRESS,
    tier=DecidedIn.NETWORK_POLICY,
    policy=ObjectRef("NetworkPolicy", "shop", "cart"),
    path="spec.egress[1]",
)
DENY_OUT = Reason(allowed=False, direction=Direction.EGRESS, tier=DecidedIn.NETWORK_POLICY, isolated_by=(ISOLATE,))
DENY_IN = Reason(allowed=False, direction=Direction.INGRESS, tier=DecidedIn.NETWORK_POLICY, isolated_by=(ISOLATE,))
UNREADY = Reason(allowed=False, direction=None, tier=DecidedIn.DEFAULT, note="the pod is not programmed yet")
REASONS = {"A1": RULED, "DO": DENY_OUT, "DI": DENY_IN, "DU": UNREADY}


def record(prefix: str, packet: bytes, *, audit: bool = False, is_reply: bool | None = None) -> FlowRecord:
    resolver = Resolver("n1", Owners(CLUSTER), audit=audit)
    resolver.follow(REASONS)
    found = resolver.record(logged(prefix, packet, is_reply=is_reply), 9.0)
    assert found is not None
    return found


def test_an_accepted_connection_names_its_rule_and_both_ends() -> None:
    found = record("A1", ipv4("10.0.1.1", "10.0.2.1", TCP, ports(40_000, 5432)))
    assert found.verdict is FlowVerdict.ALLOW
    assert (end_name(found.source), end_name(found.destination)) == ("shop/cart-1", "shop/db")
    assert found.source.workload is not None
    assert (found.source.workload.ref.kind, found.source.workload.ref.name) == ("Deployment", "cart")
    assert why(found) == "shop/cart, egress rule 2"
    assert (port_text(found.port), found.source_port) == ("TCP 5432", 40_000)
    assert found.time == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)


def test_an_ended_connection_names_who_had_the_addresses_then() -> None:
    owners = Owners(CLUSTER, clock=lambda: 100.0)
    resolver = Resolver("n1", owners)
    packet = Packet(HERE.addresses[0], THERE.addresses[0], TCP, 40_000, 5432)
    owners.apply([Change(HERE, None), Change(None, msgspec.structs.replace(HERE_TOO, addresses=HERE.addresses))])
    before, after = (resolver.ended(packet, Ended(), last_s, 200.0) for last_s in (99.0, 101.0))
    assert before is not None
    assert after is not None
    assert [end_name(found.source) for found in (before, after)] == ["shop/cart-1", "shop/web"]
    assert (before.time.timestamp(), before.verdict, before.direction) == (200.0, FlowVerdict.ALLOW, None)
    assert (port_text(before.port), before.source_port) == ("TCP 5432", 40_000)


def test_connections_between_others_are_left_out() -> None:
    resolver = Resolver("n1", Owners(CLUSTER))
    for source, destination in (("10.0.2.1", "192.0.2.9"), ("192.0.2.9", "192.0.2.2")):
        packet = Packet(parse_address(source), parse_address(destination), TCP, 1, 2)
        assert resolver.ended(packet, Ended(), 1.0, 1.0) is None


def test_a_drop_without_a_rule_is_the_default_deny_of_what_isolates() -> None:
    found = record("DI", ipv4("10.0.2.1", "10.0.1.1", SCTP, ports(1, 80)))
    assert found.verdict is FlowVerdict.DROP
    assert why(found) == "default deny of shop/isolate"
    assert found.decided_by is None


def test_a_node_that_audits_says_so() -> None:
    packet = ipv4("10.0.2.1", "10.0.1.1", TCP, ports(1, 80))
    assert record("DI", packet, audit=True).verdict is FlowVerdict.AUDIT
    assert record("A1", packet, audit=True).verdict is FlowVerdict.ALLOW


def test_nodes_services_and_strangers_are_named_as_what_they_are() -> None:
    to_service = record("DO", ipv4("10.0.1.1", "10.96.0.10", UDP, ports(1, 53)))
    to_node = record("DO", ipv4("10.0.1.1", "192.0.2.2", TCP, ports(1, 22)))
    outside = record("DO", ipv6("fd00::1", "2001:db8::1", TCP, ports(1, 80)))
    assert end_name(to_service.destination) == "service kube-system/dns"
    assert end_name(to_node.destination) == "node/n2"
    assert (end_name(outside.source), end_name(outside.destination)) == ("fd00::1", "2001:db8::1")


@pytest.mark.parametrize(
    ("prefix", "source", "destination"),
    [
        pytest.param("DO", "10.0.2.1", "10.0.1.1", id="leaving, but the pod of this node is its destination"),
        pytest.param("DI", "10.0.1.1", "10.0.2.1", id="entering, but the pod of this node is its source"),
    ],
)
def test_an_answer_that_is_cut_is_told_as_the_connection_it_answers(prefix: str, source: str, destination: str) -> None:
    found = record(prefix, ipv4(source, destination, TCP, ports(80, 40_000)))
    assert (found.source.address, found.destination.address) == (destination, source)
    assert (found.port.port, found.source_port) == (80, 40_000)


def test_between_pods_of_one_node_the_kernel_is_believed() -> None:
    packet = ipv4("10.0.1.1", "10.0.1.2", TCP, ports(80, 40_000))
    assert record("DO", packet).source.address == "10.0.1.1"
    assert record("DO", packet, is_reply=False).source.address == "10.0.1.1"
    assert record("DO", packet, is_reply=True).source.address == "10.0.1.2"


def test_a_dns_query_that_no_rule_allows_is_called_one() -> None:
    query = ipv4("10.0.1.1", "198.51.100.8", UDP, ports(40_000, 53))
    assert record("DO", query).note == NO_DNS
    assert record("A1", query).note == ""
    assert record("DI", ipv4("10.0.2.1", "10.0.1.1", UDP, ports(40_000, 53))).note == ""
    assert record("DO", ipv4("10.0.1.1", "198.51.100.8", ICMP, ports(40_000, 53))).note == ""


def test_what_no_policy_asked_for_is_told_by_its_note() -> None:
    assert why(record("DU", ipv4("10.0.1.1", "10.0.2.1", TCP, ports(1, 2)))) == "the pod is not programmed yet"


def test_an_id_of_some_commits_before_is_still_known_and_an_older_one_is_said_to_be_gone() -> None:
    packet = ipv4("10.0.2.1", "10.0.1.1", TCP, ports(1, 80))
    resolver = Resolver("n1", Owners(CLUSTER))
    resolver.follow(REASONS)
    for expected in (*["default deny of shop/isolate"] * 7, UNKNOWN_ID):
        resolver.follow({})
        found = resolver.record(logged("DI", packet), 1.0)
        assert found is not None
        assert why(found) == expected


def test_bytes_that_are_no_packet_give_no_record() -> None:
    assert Resolver("n1", Owners()).record(logged("DI", b"\x00\x01"), 1.0) is None


def test_without_a_time_of_the_kernel_it_is_now() -> None:
    found = Resolver("n1", Owners()).record(logged("DI", ipv4("10.0.1.1", "10.0.1.2", TCP), time_s=None), 9.0)
    assert found is not None
    assert found.time.timestamp() == 9.0
