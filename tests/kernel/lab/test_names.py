"""Cluster DNS and the outside with real packets: a pod asks the Service, the DNS pod asks 8.8.8.8, and both answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import dns.message
import pytest

from podfence.lab.dns.cluster import cluster_zone
from podfence.lab.dns.server import DnsServer
from podfence.lab.dns.upstream import Connect, ask_servers
from podfence.lab.interface import Object
from podfence.lab.outside import addresses, open_sockets, serve
from tests.kernel.lab.network import Network, Space
from tests.kernel.lab.test_services import World, service

pytestmark = pytest.mark.kernel


class Background:
    """An event loop in a thread, with servers in it."""

    def __init__(self, *servers: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._servers = servers
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._ends = asyncio.get_running_loop(), asyncio.Event()
        tasks = [asyncio.create_task(server()) for server in self._servers]
        await asyncio.sleep(0)
        self._ready.set()
        await self._ends.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def kube_dns() -> Object:
    one = service("kube-dns", protocol="UDP")
    one["spec"]["ports"] = [{"port": 53, "targetPort": 8053, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return one


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    network = Network()
    _be_everywhere(network)
    opened = asyncio.run(open_sockets(listening(network.outside)))
    pod = network.pods["c"]
    listen = listening(pod)
    datagrams, listener = asyncio.run(listen("::", 8053, "UDP")), asyncio.run(listen("::", 8053, "TCP"))
    zone = cluster_zone([kube_dns()], [], ["default"], ["10.96.0.1"])
    server = DnsServer(zone, ask_servers(["8.8.8.8"], connecting(pod)))
    background = Background(lambda: serve(opened), lambda: server.serve([datagrams], [listener]))
    world = World(network)
    world.serve(kube_dns(), behind="c", target=8053)
    yield world
    background.stop()
    network.close()


def listening(space: Space) -> Callable[[str, int, str], Coroutine[Any, Any, socket.socket]]:
    """Open sockets as the lab does."""

    async def listen(address: str, port: int, protocol: str) -> socket.socket:
        opened = space.open_socket(*_kind(address, protocol))
        if address == "::":
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind((address, port))
        if protocol == "TCP":
            opened.listen()
        opened.setblocking(False)
        return opened

    return listen


def connecting(space: Space) -> Connect:
    """Connect sockets as the lab does."""

    async def connect(address: str, port: int, protocol: str) -> socket.socket:
        opened = space.open_socket(*_kind(address, protocol))
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, (address, port))
        return opened

    return connect


def _kind(address: str, protocol: str) -> tuple[int, int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM


def _be_everywhere(network: Network) -> None:
    """Give the outside all of its addresses, and let everything that nobody else has go there."""
    network.outside.ip(*(f"{_word(one)}addr add {one}/{128 if _word(one) else 32} dev lo" for one in addresses()))
    network.ground.ip(f"route add default via {network.OUTSIDE[0]} dev to-outside onlink")
    network.ground.ip(f"-6 route add default via {network.OUTSIDE[1]} dev to-outside")


def _word(address: str) -> str:
    return "-6 " if ":" in address else ""


def resolve(space: Space, server: str, name: str, kind: str = "A") -> list[str]:
    query = dns.message.make_query(name, kind)
    with space.open_socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect((server, 53))
        client.send(query.to_wire())
        response = dns.message.from_wire(client.recv(4096))
    assert query.is_response(response)
    return [str(one) for rrset in response.answer for one in rrset]


def test_a_pod_resolves_services_and_the_world_through_the_dns_service(world: World) -> None:
    pod = world.network.pods["a"]
    assert resolve(pod, "10.96.0.1", "kube-dns.default.svc.cluster.local.") == ["10.96.0.1"]
    assert resolve(pod, "10.96.0.1", "www.google.com.") == ["142.250.72.196"]
    assert resolve(pod, "10.96.0.1", "www.google.com.", "AAAA") == ["2607:f8b0:4004:800::2004"]
    assert resolve(pod, "10.96.0.1", "www.google.com.default.svc.cluster.local.") == []


def test_a_pod_may_ask_the_world_itself(world: World) -> None:
    assert resolve(world.network.pods["b"], "8.8.8.8", "example.com.") == ["93.184.215.14"]


@pytest.mark.parametrize("address", ["142.250.72.196", "2607:f8b0:4004:800::2004", "169.254.169.254"])
def test_hosts_of_the_world_answer_and_say_who_came(world: World, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with world.network.pods["a"].open_socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect((address, 80))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 200 OK")
    assert answer.endswith(f"({address}) saw {'fd00:244:1::2' if ':' in address else '10.244.1.2'}\n")
