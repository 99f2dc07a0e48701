"""Services as data and text: what a node must know, and what one change costs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.interface import Object
from podfence.lab.services.proxy import ServiceProxy, StaleFlows, load_balancer_nodes, stale_flows
from podfence.lab.services.rules import ProxyNode, ruleset, skeleton
from podfence.lab.services.ruleset import EMPTY, Chain, Ruleset, difference, full
from podfence.lab.services.view import Endpoint, ServicePort, service_ports

NODE = ProxyNode(
    "n1", ("172.18.0.2", "fc00::2"), ("10.244.0.0/16", "fd00:244::/56"), ("10.244.0.0/24", "fd00:244::/64")
)


def service(**spec: object) -> Object:
    full = {"clusterIP": "10.96.0.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}], **spec}
    return {"metadata": {"namespace": "shop", "name": "web"}, "spec": full}


def a_slice(*endpoints: Object, family: str = "IPv4", port: int = 8080) -> Object:
    labels = {"kubernetes.io/service-name": "web"}
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    metadata = {"namespace": "shop", "labels": labels}
    return {"metadata": metadata, "addressType": family, "ports": ports, "endpoints": list(endpoints)}


def endpoint(address: str, node: str = "n1", **conditions: bool) -> Object:
    return {"addresses": [address], "nodeName": node, "conditions": conditions or {"ready": True}}


def port(**fields: object) -> ServicePort:
    (one,) = service_ports([service()], [a_slice(endpoint("10.244.0.5"), endpoint("10.244.1.5", "n2"))])
    return ServicePort(**{name: fields.get(name, getattr(one, name)) for name in one.__struct_fields__})  # type: ignore[arg-type]


def test_slices_with_other_port_numbers_are_one_set_of_endpoints() -> None:
    (found,) = service_ports([service()], [a_slice(endpoint("10.244.0.5")), a_slice(endpoint("10.244.0.6"), port=9090)])
    assert found.endpoints == (Endpoint("10.244.0.5", 8080, "n1"), Endpoint("10.244.0.6", 9090, "n1"))


def test_what_is_not_ready_is_left_out_unless_all_are_going() -> None:
    going = endpoint("10.244.0.6", ready=False, serving=True, terminating=True)
    broken = endpoint("10.244.0.7", ready=False, serving=False, terminating=False)
    (found,) = service_ports([service()], [a_slice(endpoint("10.244.0.5"), going, broken)])
    assert [one.address for one in found.endpoints] == ["10.244.0.5"]
    (found,) = service_ports([service()], [a_slice(going, broken)])
    assert [one.address for one in found.endpoints] == ["10.244.0.6"]


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName", "clusterIP": ""}])
def test_what_has_no_address_is_not_translated(spec: Object) -> None:
    assert service_ports([service(**spec)], []) == []


def test_each_family_is_a_port_of_its_own() -> None:
    both = service(clusterIPs=["10.96.0.1", "fd00:96::1"], externalIPs=["192.0.2.1", "2001:db8::1"])
    found = service_ports([both], [a_slice(endpoint("fd00:244::5"), family="IPv6")])
    assert [(one.family, one.external_addresses, len(one.endpoints)) for one in found] == [
        (4, ("192.0.2.1",), 0),
        (6, ("2001:db8::1",), 1),
    ]


def test_one_endpoint_more_changes_one_chain() -> None:
    one = port(endpoints=(Endpoint("10.244.0.5", 8080, "n2"),))
    two = port(endpoints=(Endpoint("10.244.0.5", 8080, "n2"), Endpoint("10.244.0.6", 8080, "n2")))
    lines = difference(ruleset([one], NODE), ruleset([two], NODE)).splitlines()
    assert [re.sub("-[0-9a-f]{12}", "", line) for line in lines] == [
        "flush chain inet podfence-lab all",
        (
            "add rule inet podfence-lab all meta nfproto ipv4 meta l4proto tcp dnat ip addr . port to numgen random "
            "mod 2 map { 0 : 10.244.0.5 . 8080, 1 : 10.244.0.6 . 8080 }"
        ),
    ]


def test_equal_contents_need_no_transaction() -> None:
    assert difference(ruleset([port()], NODE), ruleset([port()], NODE)) == ""


def test_of_two_services_with_one_address_the_first_has_it() -> None:
    first, second = (
        port(name="a", external_addresses=("192.0.2.1",)),
        port(name="b", external_addresses=("192.0.2.1",), cluster_ip="10.96.0.2"),
    )
    elements = ruleset([second, first], NODE).elements
    assert 'comment "shop/a:http"' in elements["services4", "192.0.2.1 . tcp . 80"]


def test_a_node_without_ipv6_has_no_rules_of_it() -> None:
    node = ProxyNode("n1", ("172.18.0.2",), ("10.244.0.0/16",), ("10.244.0.0/24",))
    assert "ip6" not in full(skeleton(node), ruleset([port(), port(family=6, cluster_ip="fd00::1")], node))


NAMES = st.sampled_from(["a", "b", "c"])


@st.composite
def rulesets(draw: st.DrawFn) -> Ruleset:
    """Give a content that nft would accept: chains that lead to chains that are there."""
    names = draw(st.permutations(draw(st.lists(NAMES, unique=True))))
    chains = {
        name: Chain("c", tuple(f"goto {one}" for one in draw(st.lists(st.sampled_from(names[at + 1 :]), max_size=2))))
        if names[at + 1 :]
        else Chain("c", ())
        for at, name in enumerate(names)
    }
    keys = draw(st.lists(st.sampled_from(["k", "l"]), unique=True)) if names else []
    return Ruleset(
        chains,
        dict.fromkeys(draw(st.lists(NAMES, unique=True)), "t"),
        {("m", key): f" : goto {draw(st.sampled_from(names))}" for key in keys},
    )


@given(rulesets(), rulesets())
def test_a_transaction_leads_from_any_content_to_any_other(present: Ruleset, wanted: Ruleset) -> None:
    kernel = Kernel()
    kernel.run(difference(EMPTY, present))
    kernel.run(difference(present, wanted))
    assert kernel.content() == wanted


class Kernel:
    """Does what nft does with the few commands that a transaction uses, and refuses what it refuses."""

    def __init__(self) -> None:
        self.chains: dict[str, list[str]] = {}
        self.sets: dict[str, str] = {}
        self.elements: dict[tuple[str, str], str] = {}

    def run(self, text: str) -> None:
        for line in text.splitlines():
            verb, kind, rest = re.fullmatch(r"(\w+) (\w+) inet podfence-lab (.*)", line).groups()  # type: ignore[union-attr]
            name, _, rest = rest.partition(" ")
            getattr(self, f"{verb}_{kind}")(name, rest)

    def content(self) -> Ruleset:
        return Ruleset(
            {name: Chain("c", tuple(rules)) for name, rules in self.chains.items()}, self.sets, self.elements
        )

    def add_set(self, name: str, rest: str) -> None:
        self.sets[name] = rest.strip("{} ")

    def delete_set(self, name: str, _: str) -> None:
        del self.sets[name]

    def add_chain(self, name: str, _: str) -> None:
        assert name not in self.chains
        self.chains[name] = []

    def flush_chain(self, name: str, _: str) -> None:
        self.chains[name].clear()

    def delete_chain(self, name: str, _: str) -> None:
        jumps = [rule for rules in self.chains.values() for rule in rules] + list(self.elements.values())
        assert not any(jump.endswith(f"goto {name}") for jump in jumps), f"{name} is in use"
        del self.chains[name]

    def add_rule(self, name: str, rest: str) -> None:
        assert rest.removeprefix("goto ") in self.chains
        self.chains[name].append(rest)

    def add_element(self, name: str, rest: str) -> None:
        key, _, value = rest.strip("{} ").partition(" ")
        assert (name, key) not in self.elements
        assert value.rpartition(" ")[2] in self.chains
        self.elements[name, key] = f" {value}"

    def delete_element(self, name: str, rest: str) -> None:
        del self.elements[name, rest.strip("{} ")]


def test_flows_to_an_endpoint_that_is_gone_and_flows_that_found_nobody_are_stale() -> None:
    udp = port(protocol="UDP", node_port=30053, endpoints=(Endpoint("10.244.0.5", 53, "n1"),))
    moved = port(protocol="UDP", node_port=30053, endpoints=(Endpoint("10.244.0.6", 53, "n1"),))
    empty = port(protocol="UDP", node_port=30053, endpoints=())
    gone = [StaleFlows("", 30053, "10.244.0.5", 53), StaleFlows("10.96.0.1", 80, "10.244.0.5", 53)]
    assert stale_flows([udp], [moved]) == gone
    assert stale_flows([udp], []) == gone
    assert stale_flows([empty], [udp]) == [StaleFlows("", 30053), StaleFlows("10.96.0.1", 80)]
    assert stale_flows([port()], []) == []


def test_a_load_balancer_sends_to_nodes_with_endpoints_where_the_policy_is_local() -> None:
    cluster = port(external_addresses=("198.51.100.1",))
    local = port(external_addresses=("198.51.100.2",), external_is_local=True, endpoints=(Endpoint("a", 1, "n2"),))
    assert load_balancer_nodes([cluster, local], ["n1", "n2"]) == {
        "198.51.100.1": ("n1", "n2"),
        "198.51.100.2": ("n2",),
    }


class Recorder:
    """Keeps transactions; refuses as many as it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.refusals = 0
        self.forgotten: list[StaleFlows] = []

    async def apply(self, text: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError("refused")
        self.texts.append(text)

    async def forget(self, stale: Sequence[StaleFlows]) -> None:
        self.forgotten += stale


def test_a_change_that_is_refused_is_followed_by_everything_anew() -> None:
    recorder = Recorder()
    proxy = ServiceProxy(NODE, recorder.apply, recorder.forget)
    asyncio.run(proxy.update([port()]))
    recorder.refusals = 1
    asyncio.run(proxy.update([port(port=81)]))
    assert [text.startswith("add table") for text in recorder.texts] == [True, True]
    recorder.refusals = 2
    with pytest.raises(OSError, match="refused"):
        asyncio.run(proxy.update([port(port=82)]))
    asyncio.run(proxy.update([port(port=82)]))
    assert "82" in recorder.texts[-1]
    asyncio.run(proxy.update([port(port=82)]))
    assert len(recorder.texts) == 3
