"""A small lab for tests of pods: two nodes, an outside, pods from a few words, and what a program in one says."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from podfence.lab import orders
from podfence.lab.container_events import ContainerEvent
from podfence.lab.interface import PodRuntime, Process
from podfence.lab.pod_files import ClusterDns
from podfence.lab.probes import read_all
from podfence.lab.runtime import Known, Pods, Told
from podfence.lab.zygote_client import Zygote

NAMESPACE = "test"
NODES = ("node-1", "node-2")
_PATIENCE_S = 30
T = TypeVar("T")


class Outcome(NamedTuple):
    """What a program said and how it ended."""

    code: int
    stdout: str
    stderr: str


class Cluster:
    """The lab of one test."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.statuses: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.services: list[dict[str, Any]] = []
        self.events: list[ContainerEvent] = []
        known = Known(lambda *key: self.objects.get(key), lambda: self.services)
        self.pods = Pods(zygote, ClusterDns(), known, Told(self._hear, lambda _, event: self.events.append(event)))

    def _hear(self, pod: dict[str, Any], status: dict[str, Any]) -> None:
        self.statuses[pod["metadata"]["name"]] = self.statuses[pod["metadata"]["uid"]] = status
        self._changed.set()

    async def start(
        self, name: str, node: int = 1, image: str = "busybox", uid: str = "", **spec: object
    ) -> tuple[str, ...]:
        """Start a pod of one container; what is no field of a pod's spec is one of the container. Gives addresses."""
        of_pod = {
            "restartPolicy",
            "initContainers",
            "hostNetwork",
            "terminationGracePeriodSeconds",
            "hostname",
            "volumes",
        }
        container = {key: value for key, value in spec.items() if key not in of_pod}
        pod = {
            "metadata": {"namespace": NAMESPACE, "name": name, "uid": uid or f"uid-{name}"},
            "spec": {
                "nodeName": NODES[node - 1],
                "containers": [{"name": "main", "image": image, **container}],
                **{key: value for key, value in spec.items() if key in of_pod},
            },
        }
        await self.pods.prepare_volumes(pod)
        addresses = await self.pods.create_sandbox(pod)
        self.pods.start_containers(pod)
        return addresses

    async def porter(self, name: str, node: int = 1, ports: Sequence[object] = ()) -> tuple[str, ...]:
        """Start a pod that serves TCP 80, UDP 81 and SCTP 82, and wait until it does."""
        served = {"SERVE_PORT_80": "tcp", "SERVE_UDP_PORT_81": "udp", "SERVE_SCTP_PORT_82": "sctp"}
        env = [{"name": key, "value": f"{name}-{value}"} for key, value in served.items()]
        addresses = await self.start(name, node, "agnhost", args=["porter"], env=env, ports=ports)
        await self.until(name, lambda status: status["phase"] == "Running")
        return addresses

    async def until(self, name: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the status of a pod, by name or uid, is as wanted, and give it."""
        async with asyncio.timeout(_PATIENCE_S):
            while name not in self.statuses or not holds(self.statuses[name]):
                self._changed.clear()
                await self._changed.wait()
        return self.statuses[name]

    async def run(self, name: str, *command: str, stdin: bytes | None = None, container: str = "") -> Outcome:
        """Run a program in a pod's container, its first by default, to the program's end."""
        process = await as_runtime(self).exec(NAMESPACE, name, container, command, stdin=stdin is not None, tty=False)
        if process.stdin is not None:
            os.write(process.stdin, stdin or b"")
            os.close(process.stdin)
        return await outcome(process)

    async def connect(self, name: str, target: str, protocol: str = "tcp", patience: str = "5s") -> str:
        """Run ``agnhost connect`` in a pod: ``OK``, or the word that it says."""
        done = await self.run(name, "/agnhost", "connect", target, f"--timeout={patience}", f"--protocol={protocol}")
        return "OK" if done == (0, "", "") else done.stderr.partition(":")[0].strip()

    async def log(self, name: str, *, follow: bool = True, previous: bool = False) -> bytes:
        """Give the log of a pod's container, until its end if ``follow``."""
        lines = self.pods.logs(NAMESPACE, name, "main", follow=follow, previous=previous)
        return b"".join([line async for _, line in lines])


def as_runtime(cluster: Cluster) -> PodRuntime:
    """See the pods as the API server does; the type checker compares the two."""
    return cluster.pods


async def outcome(process: Process) -> Outcome:
    """Read what a program says, wait for its end, close its streams."""
    streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
    texts = await asyncio.gather(*(read_all(stream, 1 << 24) for stream in streams))
    code = await process.wait()
    for stream in streams:
        os.close(stream)
    out, err = (*(text.decode() for text in texts), "")[:2]
    return Outcome(code, out, err)


async def read_until(descriptor: int, text: bytes) -> None:
    """Read a terminal until it has shown a text."""
    os.set_blocking(descriptor, False)
    readable, seen = asyncio.Event(), b""
    asyncio.get_running_loop().add_reader(descriptor, readable.set)
    try:
        while text not in seen:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                seen += os.read(descriptor, 1000)
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)


@asynccontextmanager
async def cluster(shared_folder: str | None = None) -> AsyncIterator[Cluster]:
    """Make a lab and end it."""
    zygote = await Zygote.start(("172.18.0.1", "fd00:172:18::1"), shared_folder)
    try:
        made = Cluster(zygote)
        for place, node in enumerate(NODES, 1):
            addresses = (f"172.18.0.{place + 1}", f"fd00:172:18::{place + 1}")
            await made.pods.add_node(node, addresses, (f"10.244.{place}.0/24", f"fd00:10:244:{place}::/64"))
        outside = ("8.8.8.8", "203.0.113.10", "2001:4860:4860::8888")
        await zygote.ask(orders.AddOutside(outside, ("10.0.0.0/8", "172.16.0.0/12", "fd00::/8")))
        yield made
    finally:
        await zygote.close()


def in_cluster(story: Callable[[Cluster], Awaitable[T]], shared_folder: str | None = None) -> T:
    """Tell a story in a lab of its own."""

    async def tell() -> T:
        async with asyncio.timeout(_PATIENCE_S), cluster(shared_folder) as made:
            return await story(made)

    return asyncio.run(tell())
