"""``podfence agent`` as it runs on a node: an API server in miniature above it, pods and packets below it."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from podfence.model.net import Protocol, parse_address
from tests.kernel.forest import Forest, probe
from tests.protocol.cluster import Cluster, namespace, network_policy, node, pod
from tests.protocol.web import serving

pytestmark = pytest.mark.kernel

CLIENT, WEB, NODE = "10.9.0.1", "10.9.0.2", "10.9.0.254"
DENY = network_policy("deny", {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]})
ALLOW = network_policy(
    "allow",
    {
        "podSelector": {"matchLabels": {"app": "web"}},
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": 80}]}],
    },
)


class Bench:
    """A node with two pods, a cluster that tells of them, and the agent as a process of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.forest = Forest(2)
        stack.callback(self.forest.close)
        self.forest.place({parse_address(CLIENT): 0, parse_address(WEB): 1}, [parse_address(NODE)])
        self.cluster = Cluster(
            namespace("shop"), node("n1", NODE), pod("client", CLIENT, app="client"), pod("web", WEB, app="web")
        )
        port = stack.enter_context(self.serve())
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                    "users": [{"name": "u", "user": {}}],
                }
            )
        )
        self.socket = folder / "n1.sock"
        self.agent: subprocess.Popen[str] | None = None
        self.number = 0
        stack.callback(self.kill)

    @contextmanager
    def serve(self) -> Iterator[int]:
        """Serve the cluster on the node's own loopback, from a thread with an event loop."""
        ready: Queue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

        async def until_stopped() -> None:
            stop = asyncio.Event()
            async with serving(self.cluster.handle) as port:
                ready.put((port, asyncio.get_running_loop(), stop))
                await stop.wait()

        thread = Thread(target=asyncio.run, args=(until_stopped(),))
        with self.forest.node.entered():
            thread.start()  # a thread begins in the namespace of who starts it
        port, self.loop, stop = ready.get(timeout=10)
        yield port
        self.loop.call_soon_threadsafe(stop.set)
        thread.join(10)

    def tell(self, action: Callable[..., None], *arguments: object) -> None:
        """Change the cluster, in its own thread."""
        self.loop.call_soon_threadsafe(action, *arguments)

    def launch(self, *options: str) -> None:
        command = ("agent", "--node", "n1", "--kubeconfig", str(self.kubeconfig), "--flows-socket", str(self.socket))
        self.agent = self.popen(*command, *options)

    def start(self, *options: str) -> None:
        self.launch(*options)
        self.until(self.is_ready)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["nsenter", f"--net={self.forest.node.path}", sys.executable, "-m", "podfence", *arguments],  # noqa: S607
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[self.forest.node.fd],
        )

    def end(self, number: signal.Signals) -> tuple[int, str]:
        assert self.agent is not None
        self.agent.send_signal(number)
        _, errors = self.agent.communicate(timeout=20)
        code, self.agent = self.agent.returncode, None
        return code, errors

    def kill(self) -> None:
        if self.agent is not None:
            print(self.end(signal.SIGKILL))

    def get(self, path: str) -> tuple[int, str]:
        with self.forest.node.entered():
            connection = http.client.HTTPConnection("127.0.0.1", 9470, timeout=5)
            connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def is_ready(self) -> bool:
        assert self.agent is not None
        assert self.agent.poll() is None, self.agent.communicate()
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def until(self, condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end_s
            time.sleep(0.02)

    def arrives(self, port: int) -> bool:
        """Tell whether a connection that the client opens to the web server gets there."""
        self.number += 1
        source, destination = parse_address(CLIENT), parse_address(WEB)
        self.forest.pods[0].send(probe(source, destination, Protocol.TCP, port, self.number), destination)
        marker = self.number = self.number + 1
        # Outside is judged by nobody: once its packet is there, whatever came before has been decided.
        out = parse_address("203.0.113.1")
        self.forest.pods[0].send(probe(source, out, Protocol.TCP, port, marker), out)
        return self.number - 1 in self.forest.settled([marker])

    def flows(self, *arguments: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "podfence", "flows", "-o", "json", "--socket", str(self.socket), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def test_the_story_of_an_agent(bench: Bench) -> None:
    bench.start("--pod-cidr", "10.9.0.0/24")
    assert bench.arrives(80)
    bench.tell(bench.cluster.put, DENY)
    bench.until(lambda: not bench.arrives(80))
    bench.until(lambda: bool(bench.flows()))
    (dropped, *_) = bench.flows()
    assert dropped["verdict"] == "drop"
    assert [item["ref"]["name"] for item in dropped["isolatedBy"]] == ["deny"]
    assert dropped["source"]["pod"]["ref"]["name"] == "client"
    assert dropped["destination"]["pod"]["ref"]["name"] == "web"

    assert bench.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert not bench.arrives(80)
    bench.tell(bench.cluster.put, ALLOW)
    bench.start("--pod-cidr", "10.9.0.0/24")
    assert bench.arrives(80)
    assert not bench.arrives(81)

    follower = subprocess.Popen(
        [sys.executable, "-m", "podfence", "flows", "--follow", "--all", "-o", "json", "--socket", str(bench.socket)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    try:
        generation = _metric(bench, "podfence_generation")
        bench.until(lambda: _metric(bench, "podfence_generation") > generation)
        assert bench.arrives(80)
        for line in follower.stdout:
            found = json.loads(line)
            if found["verdict"] == "allow" and found["decidedBy"]:
                assert found["decidedBy"] == {
                    "ref": {"kind": "NetworkPolicy", "namespace": "shop", "name": "allow"},
                    "path": "spec.ingress[0]",
                }
                break
    finally:
        follower.kill()
        follower.communicate()

    bench.tell(bench.cluster.go_away)
    assert bench.arrives(80)
    assert not bench.arrives(81)
    bench.tell(bench.cluster.delete, ALLOW)
    bench.tell(bench.cluster.come_back)
    bench.until(lambda: not bench.arrives(80))

    code, errors = bench.end(signal.SIGTERM)
    assert code == 0, errors
    assert not bench.arrives(80)
    assert bench.forest.node.run(sys.executable, "-m", "podfence", "agent", "uninstall") == ""
    assert bench.arrives(80)
    assert bench.forest.node.run("nft", "list", "tables") == ""


def test_killed_at_any_moment_an_agent_leaves_what_was_denied_denied(bench: Bench) -> None:
    bench.tell(bench.cluster.put, DENY)
    bench.start()
    assert bench.end(signal.SIGKILL)[0] == -signal.SIGKILL
    for round_ in range(20):
        bench.tell(bench.cluster.put if round_ % 2 == 0 else bench.cluster.delete, ALLOW)
        bench.launch()
        end_s = time.monotonic() + round_ * 0.03
        while time.monotonic() < end_s:
            assert not bench.arrives(81)
        bench.end(signal.SIGKILL)
        assert not bench.arrives(81)
    bench.tell(bench.cluster.put, ALLOW)
    bench.start()
    assert bench.arrives(80)
    assert not bench.arrives(81)


def test_an_agent_that_audits_says_what_it_would_drop_and_drops_nothing(bench: Bench) -> None:
    bench.tell(bench.cluster.put, DENY)
    bench.start("--audit")
    assert bench.arrives(80)
    bench.until(lambda: bool(bench.flows()))
    assert {record["verdict"] for record in bench.flows()} == {"audit"}


def _metric(bench: Bench, name: str) -> float:
    match = re.search(rf"^{name} (.+)$", bench.get("/metrics")[1], re.MULTILINE)
    assert match is not None
    return float(match[1])
