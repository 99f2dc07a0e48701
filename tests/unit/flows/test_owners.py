"""Who owns an address, while pods come and go."""

from __future__ import annotations

import pytest

from podfence.flows.owners import Owners
from podfence.model.change import Change
from podfence.model.objects import Namespace, Node, Pod, Service
from podfence.model.snapshot import Snapshot

A = Pod("default", "a", addresses=(1, 101), node="n1")
B = Pod("default", "b", addresses=(2,), node="n1")
B_AT_1 = Pod("default", "b", addresses=(1,), node="n1")
HOST = Pod("kube-system", "proxy", addresses=(9,), node="n1", host_network=True)
NODE = Node("n1", addresses=(9,))
SERVICE = Service("default", "web", (), addresses=(50,))


@pytest.fixture
def owners() -> Owners:
    return Owners(Snapshot(pods=(A, HOST), nodes=(NODE,), services=(SERVICE,)), clock=lambda: 50.0)


def test_pods_nodes_and_services_are_found_by_every_address(owners: Owners) -> None:
    assert [owners.owner(address) for address in (1, 101, 9, 50, 7)] == [A, A, NODE, SERVICE, None]


def test_a_pod_that_comes_and_goes_is_found_while_it_is_there(owners: Owners) -> None:
    assert owners.apply([Change(None, B)]) == {}
    assert owners.owner(2) == B
    assert owners.apply([Change(B, None)]) == {2: B}
    assert owners.owner(2) is None


def test_a_pod_that_changes_keeps_its_addresses_and_loses_none(owners: Owners) -> None:
    changed = Pod("default", "a", (("app", "web"),), addresses=(1, 101), node="n1")
    assert owners.apply([Change(A, changed)]) == {}
    assert owners.owner(1) is changed


def test_a_pod_that_drops_one_of_two_addresses_loses_that_one(owners: Owners) -> None:
    assert owners.apply([Change(A, Pod("default", "a", addresses=(1,), node="n1"))]) == {101: A}


def test_an_address_that_goes_on_to_another_pod_is_lost_by_the_first_whatever_comes_first(owners: Owners) -> None:
    assert owners.apply([Change(A, None), Change(None, B_AT_1)]) == {1: A, 101: A}
    owners.load(Snapshot(pods=(A,)))
    assert owners.apply([Change(None, B_AT_1)]) == {1: A}
    # The first goes late: what the second opened meanwhile must live.
    assert owners.apply([Change(A, None)]) == {101: A}
    assert owners.owner(1) == B_AT_1


def test_until_a_pod_lost_its_address_it_was_its_own(owners: Owners) -> None:
    owners.apply([Change(A, None), Change(None, B_AT_1)])
    assert [owners.owner_at(1, time_s) for time_s in (49.0, 50.0, 51.0)] == [A, A, B_AT_1]
    assert [owners.owner_at(address, 51.0) for address in (101, 9, 7)] == [A, NODE, None]


def test_addresses_that_were_lost_are_remembered_within_bounds(owners: Owners) -> None:
    for number in range(1000, 10_000):
        gone = Pod("default", str(number), addresses=(number,), node="n1")
        owners.apply([Change(None, gone), Change(gone, None)])
    remembered = [number for number in range(1000, 10_000) if owners.owner_at(number, 0.0) is not None]
    assert remembered == [*range(10_000 - len(remembered), 10_000)]
    assert 1000 < len(remembered) < 5000


def test_pods_of_the_host_network_own_nothing(owners: Owners) -> None:
    assert owners.apply([Change(HOST, None)]) == {}
    assert owners.owner(9) == NODE


def test_other_kinds_pass_by(owners: Owners) -> None:
    assert owners.apply([Change(None, Namespace("x", ())), Change(NODE, None), Change(SERVICE, None)]) == {}
    assert owners.owner(9) is None
    assert owners.owner(50) is None
