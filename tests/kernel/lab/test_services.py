"""Services with real packets: who answers, and which source the answerer sees."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence

import pytest

from podfence.lab.interface import Object
from podfence.lab.services.conntrack import forget_flows
from podfence.lab.services.proxy import ServiceProxy, StaleFlows
from podfence.lab.services.view import service_ports
from tests.kernel.lab.network import Network, sctp_init

pytestmark = pytest.mark.kernel

UDP = socket.SOCK_DGRAM
ADDRESSES = {"a": (1, 2), "b": (1, 3), "c": (2, 2)}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    network = Network()
    for pod in network.pods.values():
        pod.serve(8080)
        pod.serve(8080, UDP)
    yield network
    network.close()


class World:
    """The network with the Services of one test on both nodes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._proxies = [self._proxy(number) for number in (1, 2)]

    def serve(self, *services: Object, behind: str = "ab", target: int = 8080) -> None:
        """Bring both nodes to some Services that all have the same pods behind them."""
        ports = service_ports(services, [one for service in services for one in slices(service, behind, target)])
        for proxy in self._proxies:
            asyncio.run(proxy.update(ports))

    def ask(self, client: str, address: str, port: int = 80, kind: int = socket.SOCK_STREAM, **more: int) -> str:
        spaces = {**self.network.pods, "outside": self.network.outside, "node-1": self.network.nodes[1]}
        return spaces[client].ask(address, port, kind, **more)

    def ask_often(self, client: str, address: str, port: int = 80) -> set[str]:
        return {self.ask(client, address, port) for _ in range(20)}

    def _proxy(self, number: int) -> ServiceProxy:
        node = self.network.nodes[number]

        async def apply(text: str) -> None:
            node.run("nft", "-f", "-", stdin=text)

        async def forget(stale: Sequence[StaleFlows]) -> None:
            with node.entered():
                forget_flows(stale)

        return ServiceProxy(self.network.node(number), apply, forget)


@pytest.fixture
def world(network: Network) -> World:
    return World(network)


def service(name: str = "web", **spec: object) -> Object:
    port = {
        "port": 80,
        "protocol": spec.pop("protocol", "TCP"),
        **({"nodePort": spec.pop("nodePort")} if "nodePort" in spec else {}),
    }
    addresses = ["10.96.0.1", "fd00:96::1"]
    full = {"clusterIP": addresses[0], "clusterIPs": addresses, "ports": [port], **spec}
    return {"metadata": {"namespace": "default", "name": name}, "spec": full, "status": {}}


def slices(of: Object, behind: str, target: int) -> list[Object]:
    labels = {"kubernetes.io/service-name": of["metadata"]["name"]}
    return [
        {
            "metadata": {"namespace": "default", "labels": labels},
            "addressType": family,
            "ports": [{"port": target, "protocol": port["protocol"]} for port in of["spec"]["ports"]],
            "endpoints": [
                {"addresses": [form.format(*ADDRESSES[pod])], "nodeName": f"node-{ADDRESSES[pod][0]}", "conditions": {}}
                for pod in behind
            ],
        }
        for family, form in (("IPv4", "10.244.{}.{}"), ("IPv6", "fd00:244:{}::{}"))
    ]


def balanced(of: Object, *addresses: str) -> Object:
    return of | {"status": {"loadBalancer": {"ingress": [{"ip": one} for one in addresses]}}}


@pytest.mark.parametrize(("address", "source"), [("10.96.0.1", "10.244.2.2"), ("fd00:96::1", "fd00:244:2::2")])
def test_a_cluster_address_leads_to_every_endpoint_and_keeps_the_source(
    world: World, address: str, source: str
) -> None:
    world.serve(service())
    assert world.ask_often("c", address) == {f"a saw {source}", f"b saw {source}"}


@pytest.mark.parametrize(("address", "node"), [("10.96.0.1", "172.18.0.1"), ("fd00:96::1", "fc00::1")])
def test_a_pod_reaches_itself_through_its_own_service(world: World, address: str, node: str) -> None:
    world.serve(service(), behind="a")
    assert world.ask("a", address) == f"a saw {node}"


def test_the_node_itself_reaches_services(world: World) -> None:
    world.serve(service(), behind="c")
    assert world.ask("node-1", "10.96.0.1") == "c saw 172.18.0.1"


def test_udp_and_sctp_are_translated_too(world: World) -> None:
    world.serve(service(protocol="UDP"), behind="b")
    assert world.ask("c", "10.96.0.1", 80, UDP) == "b saw 10.244.2.2"
    world.serve(service(protocol="SCTP"), behind="b")
    receiver = world.network.pods["b"].open_socket(socket.AF_INET, socket.SOCK_RAW, 132)
    receiver.settimeout(5)
    sender = world.network.pods["c"].open_socket(socket.AF_INET, socket.SOCK_RAW, 132)
    sender.sendto(sctp_init(5000, 80), ("10.96.0.1", 0))
    assert receiver.recv(200)[20:24] == (5000).to_bytes(2, "big") + (8080).to_bytes(2, "big")


def test_nobody_behind_a_service_means_refused_not_silence(world: World) -> None:
    world.serve(service(nodePort=30080), behind="")
    for client, address in (("a", "10.96.0.1"), ("a", "fd00:96::1"), ("node-1", "10.96.0.1")):
        assert world.ask(client, address) == "refused"
    assert world.ask("outside", "172.18.0.1", 30080) == "refused"


def test_a_node_port_answers_on_every_node_for_the_node(world: World) -> None:
    world.serve(service(nodePort=30080, externalTrafficPolicy="Cluster"), behind="a")
    assert world.ask("outside", "172.18.0.1", 30080) == "a saw 172.18.0.1"
    assert world.ask("outside", "172.18.0.2", 30080) == "a saw 172.18.0.2"
    assert world.ask("outside", "fc00::2", 30080) == "a saw fc00::2"


def test_a_local_node_port_keeps_the_source_and_drops_where_nobody_is(world: World) -> None:
    world.serve(service(nodePort=30080, externalTrafficPolicy="Local"), behind="a")
    assert world.ask("outside", "172.18.0.1", 30080) == "a saw 203.0.113.10"
    assert world.ask("outside", "172.18.0.2", 30080) == "silent"
    assert world.ask("c", "172.18.0.2", 30080) == "a saw 10.244.2.2"


@pytest.mark.parametrize(("address", "source"), [("172.18.0.1", "10.244.2.2"), ("fc00::1", "fd00:244:2::2")])
def test_a_pod_of_another_node_finds_the_endpoints_of_the_local_node_port_that_it_asks(
    world: World, address: str, source: str
) -> None:
    world.serve(service(nodePort=30080, externalTrafficPolicy="Local"), behind="ac")
    assert world.ask_often("c", address, 30080) == {f"a saw {source}"}


@pytest.mark.parametrize(
    ("address", "outside", "node"),
    [("198.51.100.7", "203.0.113.10", "172.18.0.2"), ("2001:db8:51::7", "2001:db8::10", "fc00::2")],
)
def test_a_load_balancer_is_reached_from_outside_and_from_pods(
    world: World, address: str, outside: str, node: str
) -> None:
    world.network.route_from_outside(address, 2)
    world.serve(balanced(service(externalTrafficPolicy="Cluster"), address), behind="a")
    assert world.ask("outside", address) == f"a saw {node}"
    world.serve(balanced(service(externalTrafficPolicy="Local"), address), behind="c")
    assert world.ask("outside", address) == f"c saw {outside}"
    assert world.ask("a", address).startswith("c saw ")


def test_an_external_address_is_a_service_s_too(world: World) -> None:
    world.network.route_from_outside("192.0.2.80", 1)
    world.serve(service(externalIPs=["192.0.2.80"]), behind="a")
    assert world.ask("outside", "192.0.2.80") == "a saw 172.18.0.1"


def test_an_internal_policy_of_local_stays_on_the_node(world: World) -> None:
    world.serve(service(internalTrafficPolicy="Local"), behind="ac")
    assert world.ask_often("b", "10.96.0.1") == {"a saw 10.244.1.3"}
    world.serve(service(internalTrafficPolicy="Local"), behind="c")
    assert world.ask("b", "10.96.0.1") == "silent"


def test_a_client_stays_with_its_endpoint_when_asked_to(world: World) -> None:
    world.serve(service(sessionAffinity="ClientIP"), behind="ab")
    assert len(world.ask_often("c", "10.96.0.1")) == 1
    assert len(world.ask_often("c", "fd00:96::1")) == 1


def test_a_change_is_one_small_transaction(world: World) -> None:
    world.serve(service(), behind="a")
    world.serve(service(), behind="ab")
    assert len(world.ask_often("c", "10.96.0.1")) == 2
    world.serve(service(), behind="b")
    assert world.ask_often("c", "10.96.0.1") == {"b saw 10.244.2.2"}
    world.serve()
    assert "10.96" not in world.network.nodes[1].run("nft", "list", "table", "inet", "podfence-lab")


def test_a_udp_client_that_goes_on_sending_finds_the_new_endpoint(world: World) -> None:
    world.serve(service(protocol="UDP"), behind="a")
    assert world.ask("c", "10.96.0.1", 80, UDP, source_port=5353).startswith("a saw")
    world.serve(service(protocol="UDP"), behind="b")
    assert world.ask("c", "10.96.0.1", 80, UDP, source_port=5353).startswith("b saw")


def test_a_table_that_somebody_changed_is_written_anew(world: World) -> None:
    world.serve(service(), behind="a")
    for node in world.network.nodes.values():
        node.run("nft", "delete", "table", "inet", "podfence-lab")
    world.serve(service(), behind="b")
    assert world.ask("c", "10.96.0.1") == "b saw 10.244.2.2"


def test_nothing_of_anybody_else_s_tables_is_touched(world: World) -> None:
    node = world.network.nodes[1]
    node.run("nft", "-f", "-", stdin='table inet podfence { chain c { comment "not ours"; }; }')
    world.serve(service(), behind="a")
    world.serve(service(), behind="b")
    assert "not ours" in node.run("nft", "list", "ruleset")
    node.run("nft", "delete", "table", "inet", "podfence")
