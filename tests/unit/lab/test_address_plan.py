"""The address plan, and pools of addresses."""

from __future__ import annotations

import ipaddress

import pytest

from podfence.lab.address_plan import node_addresses
from podfence.lab.load_balancer_pool import LoadBalancerPool
from podfence.model.error import PodfenceError


def test_nodes_have_networks_that_do_not_overlap() -> None:
    networks = [network for number in range(256) for network in node_addresses(number).pod_networks]
    assert len(set(networks)) == 512
    assert str(networks[0]) == "10.244.0.0/24"
    assert node_addresses(2).addresses == ("172.18.0.4", "fc00:f853:ccd:e793::4")


def test_there_are_no_more_nodes_than_networks() -> None:
    with pytest.raises(PodfenceError):
        node_addresses(256)


@pytest.mark.parametrize(("network", "hosts"), [("192.0.2.0/29", 6), ("2001:db8::/125", 7)])
def test_a_pool_gives_each_address_once_and_then_none(network: str, hosts: int) -> None:
    pool = LoadBalancerPool(ipaddress.ip_network(network))
    given = {pool.take(f"holder-{number}") for number in range(hosts)}
    assert len(given) == hosts
    with pytest.raises(PodfenceError):
        pool.take("one more")
    pool.give_back("holder-3")
    assert pool.take("one more") in given


def test_a_holder_keeps_its_address_and_may_wish_for_one() -> None:
    pool = LoadBalancerPool(ipaddress.ip_network("192.0.2.0/24"), reserved=["192.0.2.1"])
    assert pool.take("a", "192.0.2.77") == pool.take("a") == "192.0.2.77"
    assert pool.take("b", "192.0.2.77") == "192.0.2.2"
    assert pool.take("c", "203.0.113.1") == "192.0.2.3"
