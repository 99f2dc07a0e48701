"""Packets between pods: every family, every protocol, on one node and across two, and to the world outside."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from tests.lab.cluster import NAMESPACE, Cluster, in_cluster, outcome

pytestmark = pytest.mark.lab


def at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


PROTOCOLS = (("tcp", 80), ("udp", 81), ("sctp", 82))


def test_pods_reach_each_other_on_one_node_and_across_by_every_protocol_and_family() -> None:
    async def story(cluster: Cluster) -> None:
        own, near, far = [await cluster.porter(name, node) for name, node in (("own", 1), ("near", 1), ("far", 2))]
        cells = [
            (at(address, port), protocol)
            for addresses in (own, near, far)
            for address in addresses
            for protocol, port in PROTOCOLS
        ]
        found = await asyncio.gather(*(cluster.connect("own", *cell) for cell in cells))
        assert dict(zip(cells, found, strict=True)) == dict.fromkeys(cells, "OK")

    in_cluster(story)


def test_a_port_that_nobody_serves_is_refused_at_once_by_every_protocol_and_family() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 1)
        porter = await cluster.porter("far", 2)
        bare = await cluster.start("bare", 2, command=["sleep", "1000"])
        cells = [(at(address, 99), protocol) for address in (*porter, *bare) for protocol, _ in PROTOCOLS]
        found = await asyncio.gather(*(cluster.connect("own", *cell) for cell in cells))
        assert dict(zip(cells, found, strict=True)) == dict.fromkeys(cells, "REFUSED")

    in_cluster(story)


def test_an_address_that_nobody_has_is_silent_inside_and_outside() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 1)
        targets = ["10.244.1.200:80", "10.244.2.200:80", "9.9.9.9:80", "[fd00:10:244:2::99]:80", "[2001:db8::1]:80"]
        found = await asyncio.gather(*(cluster.connect("own", target, patience="300ms") for target in targets))
        assert dict(zip(targets, found, strict=True)) == dict.fromkeys(targets, "TIMEOUT")
        assert await cluster.connect("own", "8.8.8.8:81", "udp") == "REFUSED", "the outside's own addresses answer"

    in_cluster(story)


def test_answers_say_who_answered_and_clients_keep_their_address() -> None:
    async def story(cluster: Cluster) -> None:
        own = await cluster.porter("own", 1)
        far = await cluster.start("far", 2, "agnhost", args=["netexec", "--sctp-port=90"])
        await cluster.until("far", lambda status: status["phase"] == "Running")
        for source, target in zip(own, far, strict=True):
            told = await cluster.run("own", "/.podfence/bin/curl", "-s", f"http://{at(target, 8080)}/clientip")
            assert told.stdout.rpartition(":")[0].strip("[]") == source
        dialled = f"http://{at(far[0], 8080)}/dial?host={far[1]}&port=90&protocol=sctp&request=hostname&tries=2"
        assert (await cluster.run("own", "/.podfence/bin/curl", "-s", dialled)).stdout == '{"responses":["far","far"]}'

    in_cluster(story)


def test_two_containers_of_a_pod_share_its_sctp_ports_and_do_not_refuse_each_others() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 1)
        pod = {
            "metadata": {"namespace": "test", "name": "two", "uid": "two"},
            "spec": {
                "nodeName": "node-2",
                "containers": [
                    {
                        "name": f"c{port}",
                        "image": "agnhost",
                        "args": ["porter"],
                        "env": [{"name": f"SERVE_SCTP_PORT_{port}", "value": "x"}],
                    }
                    for port in (82, 83)
                ],
            },
        }
        address = (await cluster.pods.create_sandbox(pod))[0]
        cluster.pods.start_containers(pod)
        await cluster.until("two", lambda status: status["phase"] == "Running")
        for port, word in ((82, "OK"), (83, "OK"), (84, "REFUSED")):
            for _ in range(3):
                assert await cluster.connect("own", at(address, port), "sctp") == word

    in_cluster(story)


def test_a_pod_that_went_is_silent_and_its_successor_with_the_same_name_answers() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 1)
        gone = await cluster.porter("web", 2)
        await cluster.pods.stop("test", "web", 0)
        assert await cluster.connect("own", at(gone[0], 80), patience="300ms") == "TIMEOUT"
        again = await cluster.porter("web", 2)
        assert again[0] != gone[0], "an address rests before it is given again"
        assert await cluster.connect("own", at(again[0], 80)) == "OK"

    in_cluster(story)


def test_a_successor_may_start_while_the_old_pod_of_its_name_still_ends() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 1)
        deaf = ["sh", "-c", "trap '' TERM; while :; do sleep 0.01; done"]
        await cluster.start("web", 2, command=deaf, uid="old")
        await cluster.until("web", lambda status: status["phase"] == "Running")
        ending = asyncio.ensure_future(cluster.pods.stop("test", "web", 0.3))
        await asyncio.sleep(0)
        env = [{"name": "SERVE_PORT_80", "value": "x"}]
        addresses = await cluster.start("web", 2, "agnhost", args=["porter"], env=env, uid="new")
        await ending
        await cluster.until("new", lambda status: status["phase"] == "Running")
        assert cluster.pods.place("test", "web") == "pod/new"
        assert await cluster.connect("own", f"{addresses[0]}:80") == "OK"
        with pytest.raises(LookupError):
            await cluster.pods.listen("pod/old", "::", 1)

    in_cluster(story)


def test_a_pod_in_the_hosts_network_has_the_nodes_address() -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.porter("own", 1)
        env = [{"name": "SERVE_PORT_80", "value": "x"}]
        addresses = await cluster.start("host", 2, "agnhost", args=["porter"], env=env, hostNetwork=True)
        assert addresses == ("172.18.0.3", "fd00:172:18::3")
        await cluster.until("host", lambda status: status["phase"] == "Running")
        assert await cluster.connect("own", "172.18.0.3:80") == "OK"
        assert (await cluster.run("host", "hostname")).stdout == "node-2\n"

    in_cluster(story)


def test_the_server_listens_and_connects_in_any_network_of_the_lab() -> None:
    async def story(cluster: Cluster) -> None:
        own = await cluster.porter("own", 1)
        for place, address in (("ground", "172.18.0.1"), ("node/node-2", "172.18.0.3"), ("outside", "8.8.8.8")):
            with await cluster.pods.listen(place, address, 6443) as listener:
                assert listener.getsockname() == (address, 6443)
                assert await cluster.connect("own", f"{address}:6443") == "OK"
        with await cluster.zygote.open_socket("node/node-1", own[1], 80, connect=True) as connection:
            assert connection.getpeername()[:2] == (own[1], 80)
        descriptor, family = await cluster.pods.connect("test", "own", 80)
        with socket.socket(fileno=descriptor) as connection:
            assert connection.family == family
        with pytest.raises(ConnectionRefusedError):
            await cluster.pods.connect("test", "own", 81)
        with pytest.raises(LookupError, match="the lab has no place node/nowhere"):
            await cluster.pods.listen("node/nowhere", "::", 1)

    in_cluster(story)


def test_a_node_runs_programs_of_the_machine_with_the_rights_to_filter() -> None:
    async def story(cluster: Cluster) -> None:
        far = await cluster.porter("far", 2)
        await cluster.porter("own", 1)
        rules = "table inet t { chain c { type filter hook forward priority 0; tcp dport 80 drop; }\n}\n"
        environment = {"PATH": "/usr/sbin:/sbin:/usr/bin"}
        nft = await cluster.zygote.run("node/node-2", ["nft", "-f", "-"], environment, stdin=True)
        assert nft.stdin is not None
        os.write(nft.stdin, rules.encode())
        os.close(nft.stdin)
        assert (await outcome(nft)).code == 0
        assert await cluster.connect("own", at(far[0], 80), patience="300ms") == "TIMEOUT"
        assert await cluster.connect("own", at(far[0], 81), "udp") == "OK"

    in_cluster(story)


def test_a_port_of_a_node_leads_to_its_pod_by_every_protocol_and_family_until_the_pod_ends() -> None:
    async def story(cluster: Cluster) -> None:
        ports = [
            {"containerPort": port, "hostPort": 8000 + port, "protocol": protocol.upper()}
            for protocol, port in PROTOCOLS
        ]
        await cluster.porter("near", 1)
        await cluster.porter("far", 2)
        await cluster.porter("web", 1, ports=ports)
        nodes = ("172.18.0.2", "fd00:172:18::2")
        cells = [
            (source, at(node, 8000 + port), protocol)
            for source in ("near", "far", "web")
            for node in nodes
            for protocol, port in PROTOCOLS
        ]
        found = await asyncio.gather(*(cluster.connect(*cell) for cell in cells))
        assert dict(zip(cells, found, strict=True)) == dict.fromkeys(cells, "OK")
        assert await cluster.connect("near", "172.18.0.3:8080") == "REFUSED", "it is a port of one node"
        await cluster.pods.stop(NAMESPACE, "web", 0)
        assert {await cluster.connect("far", at(node, 8080)) for node in nodes} == {"REFUSED"}

    in_cluster(story)
