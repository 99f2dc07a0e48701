"""The running agent on a real kernel: a scripted cluster behind it, real packets before it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from podfence.agent.agent import Places, run_agent
from podfence.agent.interface import AgentOptions
from podfence.dataplane.conntrack import connections, forget_addresses
from podfence.dataplane.netlink import NETFILTER, NetlinkSocket
from podfence.flows.client import read_flows
from podfence.flows.nflog import LOG_GROUP
from podfence.flows.record import Ended, FlowRecord
from podfence.flows.request import FlowRequest
from podfence.flows.text import end_name, why
from podfence.model.error import PodfenceError
from podfence.model.net import parse_address
from tests.kernel.own_network import in_own_network, nft
from tests.unit.agent.conftest import silent_logs  # noqa: F401 (a fixture that this file uses by itself)
from tests.unit.agent.fakes import FakeCluster, FakeDataplane, FakeKernel, parts, pod, policy

pytestmark = pytest.mark.kernel

# What a dataplane would load for the policy "isolate" about the pod at 127.0.0.2, with its name as verdict id.
RULES = f"""
table inet scripted {{
    chain out {{
        type filter hook output priority 0;
        ip daddr 127.0.0.2 udp dport 5353 log prefix "isolate" group {LOG_GROUP} drop
        ct state new ct mark set 0x00010000 accept
    }}
}}
"""


def send(port: int, count: int = 1) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            try:
                sender.sendto(b"x", ("127.0.0.2", port))
            except PermissionError:
                continue


class Bench:
    """An agent in a thread of its own, which shares the network namespace of the test."""

    def __init__(self, folder: Path) -> None:
        self.cluster = FakeCluster(pod("web", parse_address("127.0.0.2")), policy("isolate"))
        self.cluster.synced.set()
        self.kernel = FakeKernel()
        self.places = Places("127.0.0.1", 0, folder / "n1.sock")
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()

    def run(self) -> None:
        options = AgentOptions("n1")
        try:
            self.loop.run_until_complete(
                run_agent(options, parts(self.cluster, FakeDataplane(self.kernel)), self.places, self.stop)
            )
        finally:
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = Thread(target=self.run)
        thread.start()
        try:
            self.call_until(self.is_serving)
            yield
        finally:
            self.loop.call_soon_threadsafe(self.stop.set)
            thread.join(20)

    async def is_serving(self) -> bool:
        return self.kernel.enforced is not None and self.places.flows_socket.exists()

    def call_until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async def wait() -> None:
            async with asyncio.timeout(20):
                while not await condition():  # noqa: ASYNC110 (the kernel has no event for it)
                    await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(wait(), self.loop).result(30)

    def follow(self, count: int) -> list[FlowRecord]:
        found = read_flows([self.places.flows_socket], FlowRequest(follow=True))
        records: list[FlowRecord] = []
        while sum(record.count for record in records) < count:
            line = next(found)
            assert isinstance(line, FlowRecord)
            records.append(line)
        found.close()  # type: ignore[attr-defined]
        return records


def test_a_dropped_packet_is_a_record_on_the_socket_with_its_pod_and_policy(tmp_path: Path) -> None:
    def body() -> None:
        nft(RULES)
        bench = Bench(tmp_path)
        with bench.running():
            send(5353, count=5)
            records = bench.follow(5)
        assert sum(record.count for record in records) == 5
        assert {why(record) for record in records} == {"default deny of default/isolate"}
        assert {end_name(record.destination) for record in records} == {"default/web"}
        assert not bench.places.flows_socket.exists()
        assert bench.kernel.enforced is not None

    in_own_network(body)


def listeners() -> int:
    """Count who is told of ended connections, by the groups in the kernel's list of netlink sockets."""
    rows = [line.split() for line in Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]]
    return sum(int(row[1]) == NETFILTER and bool(int(row[3], 16) & 1 << 2) for row in rows)


@pytest.mark.parametrize("is_gone", [False, True], ids=["forgotten", "its pod gone"])
def test_the_end_of_a_connection_is_told_to_whoever_follows_and_only_while_they_do(
    tmp_path: Path,
    is_gone: bool,  # noqa: FBT001 (pytest passes by name)
) -> None:
    def body() -> None:
        nft(RULES)
        bench = Bench(tmp_path)

        def wait_for_listeners(count: int) -> None:
            async def are_there() -> bool:
                return await asyncio.to_thread(listeners) == count

            bench.call_until(are_there)

        # When the agent ends, so does whoever follows it.
        with ThreadPoolExecutor() as pool, bench.running():
            wait_for_listeners(0)
            found = read_flows([bench.places.flows_socket], FlowRequest(ended=True, follow=True))
            line = pool.submit(next, found)
            wait_for_listeners(1)
            send(9)
            if is_gone:
                bench.loop.call_soon_threadsafe(bench.cluster.drop, "web")
            else:
                forget_addresses([parse_address("127.0.0.2")])
            record = line.result(timeout=20)
            found.close()  # type: ignore[attr-defined]
            wait_for_listeners(0)
        assert isinstance(record, FlowRecord)
        assert (end_name(record.destination), record.port.port) == ("default/web", 9)
        assert isinstance(record.ended, Ended)

    in_own_network(body)


def test_a_second_agent_on_the_node_is_refused_before_it_changes_anything(tmp_path: Path) -> None:
    def body() -> None:
        first, second = Bench(tmp_path / "a"), Bench(tmp_path / "b")
        with first.running():
            with pytest.raises(PodfenceError, match="it has a reader already"):
                second.run()
            assert second.kernel.history == []

    in_own_network(body)


def test_connections_of_a_pod_that_went_are_forgotten(tmp_path: Path) -> None:
    def tracked() -> bool:
        with NetlinkSocket() as netlink:
            return any(item.original.destination == parse_address("127.0.0.2") for item in connections(netlink))

    def body() -> None:
        nft(RULES)
        bench = Bench(tmp_path)
        with bench.running():
            send(9)
            assert tracked()
            bench.loop.call_soon_threadsafe(bench.cluster.drop, "web")

            async def forgotten() -> bool:
                return not await asyncio.to_thread(tracked)

            bench.call_until(forgotten)

    in_own_network(body)


def test_the_command_line_reads_what_the_agent_serves(tmp_path: Path) -> None:
    def body() -> None:
        nft(RULES)
        bench = Bench(tmp_path)
        with bench.running():
            send(5353)
            bench.follow(1)
            command = ["podfence", "flows", "--socket", str(bench.places.flows_socket)]
            done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "→ default/web" in done.stdout
        assert done.stdout.endswith("UDP 5353    default deny of default/isolate\n")

    in_own_network(body)
