"""``judge``: every address that an end can have, and what the answer depends on."""

from __future__ import annotations

import pytest

from podfence.engine.judge import Domain, Outside, global_addresses, judge, possible_addresses
from podfence.model.net import GLOBAL_IPV4, GLOBAL_IPV6, PRIVATE_IPV4, AddressRange, Protocol, parse_address, parse_cidr
from podfence.model.snapshot import Snapshot
from tests.unit.engine.builders import NAMESPACES, node, np, pod

RANGES = (parse_cidr("10.0.0.0/8"),)


def only(text: str) -> AddressRange:
    return AddressRange(parse_address(text), parse_address(text))


def test_a_known_address_is_the_only_possible_one() -> None:
    assert possible_addresses(Snapshot(), pod("x/a", ip="10.0.0.1 fd00::1")) == (only("10.0.0.1"), only("fd00::1"))


def test_a_pod_of_unknown_address_can_be_anywhere_in_the_pod_ranges() -> None:
    assert possible_addresses(Snapshot(pod_ranges=RANGES), pod("x/a")) == RANGES
    assert possible_addresses(Snapshot(pod_ranges=()), pod("x/a")) == ()
    assert possible_addresses(Snapshot(), pod("x/a")) == PRIVATE_IPV4


def test_a_host_network_pod_has_the_addresses_of_its_node() -> None:
    snapshot = Snapshot(nodes=(node("n1", "172.16.0.1"), node("n2")))
    host = pod("x/a", node="n1", host_network=True, ip="10.9.9.9")
    assert possible_addresses(snapshot, host) == (only("172.16.0.1"),)
    elsewhere = pod("x/a", node="n9", host_network=True, ip="10.9.9.9")
    assert possible_addresses(snapshot, elsewhere) == (only("10.9.9.9"),)
    nowhere = pod("x/a", node="n2", host_network=True)
    assert possible_addresses(snapshot, nowhere) == PRIVATE_IPV4
    assert possible_addresses(Snapshot(pod_ranges=()), nowhere) == ()


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("10.0.0.1", GLOBAL_IPV4),
        ("fd00::1", GLOBAL_IPV6),
        ("10.0.0.1 fd00::1", GLOBAL_IPV4 + GLOBAL_IPV6),
        ("", GLOBAL_IPV4),
    ],
)
def test_the_internet_has_the_families_that_the_pods_have(addresses: str, expected: tuple[AddressRange, ...]) -> None:
    snapshot = Snapshot(pods=(pod("x/a", ip=addresses),))
    assert global_addresses(snapshot) == possible_addresses(snapshot, Domain("example.com")) == expected


def test_an_outside_range_is_allowed_only_if_all_of_it_is() -> None:
    policy = np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 8.0.0.0/8, except: [8.8.0.0/16]}}]}]}")
    target = pod("x/a", ip="10.0.0.1")
    snapshot = Snapshot(namespaces=NAMESPACES, pods=(target,), policies=(policy,))

    def allowed(cidr: str) -> bool:
        return judge(snapshot, Outside((parse_cidr(cidr),)), target, Protocol.TCP, 80).allowed

    assert [allowed(cidr) for cidr in ("8.1.0.0/16", "8.8.8.0/24", "8.0.0.0/8", "8.9.0.0/16")] == [
        True,
        False,
        False,
        True,
    ]
    verdict = judge(snapshot, Outside((parse_cidr("8.0.0.0/8"),)), target, Protocol.TCP, 80)
    assert verdict.depends == "it depends on the address of the outside: denied for 8.8.0.0, allowed for others"


def test_an_answer_that_is_the_same_for_every_address_depends_on_nothing() -> None:
    policy = np("x", "{podSelector: {}, policyTypes: [Ingress]}")
    target = pod("x/a", ip="10.0.0.1")
    snapshot = Snapshot(namespaces=NAMESPACES, pods=(target,), policies=(policy,))
    assert judge(snapshot, pod("y/b"), target, Protocol.TCP, 80).depends == ""


def test_ends_without_a_family_in_common_are_judged_all_the_same() -> None:
    policy = np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: '::/0'}}]}]}")
    target = pod("x/a", ip="10.0.0.1")
    snapshot = Snapshot(namespaces=NAMESPACES, pods=(target,), policies=(policy,))
    assert judge(snapshot, pod("y/b", ip="fd00::1"), target, Protocol.TCP, 80).allowed
    assert not judge(snapshot, pod("y/b", ip="10.0.0.2 fd00::1"), target, Protocol.TCP, 80).allowed
