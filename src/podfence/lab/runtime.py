"""The pods of a lab on all its nodes: makes their networks, runs their containers, gives access to both.

This is the process side of ``PodRuntime``, and what a kubelet and its container runtime do on a real node. It knows
no API server: whoever has one calls ``create_sandbox``, ``start_containers`` and ``stop``, and hears of every change.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import msgspec

from podfence.lab import orders
from podfence.lab.container import PodContext
from podfence.lab.container_events import ContainerEvent, pod_title
from podfence.lab.controllers.nodes import CAPACITY
from podfence.lab.environment import container_environment
from podfence.lab.host_port_network import HostPortNetwork
from podfence.lab.images import invocation
from podfence.lab.interface import Object, Process
from podfence.lab.pod import Pod
from podfence.lab.pod_addresses import PodAddresses
from podfence.lab.pod_files import ClusterDns, pod_files, pod_hostname
from podfence.lab.service_environment import services_for
from podfence.lab.volumes.content import Lookup
from podfence.lab.volumes.fields import Fields
from podfence.lab.volumes.keeper import PodVolumes
from podfence.lab.zygote_client import Zygote

_DEFAULT_GRACE_S = 30.0
_LOCALHOSTS = ("127.0.0.1", "::1")

StatusChanged = Callable[[Object, Object], None]
"""Hears of a pod (as it was given to ``create_sandbox``) and its new status."""

Happened = Callable[[Object, ContainerEvent], None]
"""Hears of a pod and of what happened to one of its containers that no status tells."""


class Told(msgspec.Struct, frozen=True):
    """Who hears of changes; by default nobody hears of events."""

    status_changed: StatusChanged
    happened: Happened = lambda _pod, _event: None


class Known(msgspec.Struct, frozen=True):
    """What pods may be told of the cluster: its ConfigMaps and Secrets, and its Services; by default no Services."""

    lookup: Lookup
    services: Callable[[], Iterable[Object]] = tuple


class _Node(msgspec.Struct):
    addresses: tuple[str, ...]
    pool: PodAddresses


class _Sandbox(msgspec.Struct):
    object: Object
    place: str
    addresses: tuple[str, ...]
    running: Pod | None = None
    is_gone: bool = False


class Pods:
    """All pods of a lab; implements ``PodRuntime``."""

    def __init__(self, zygote: Zygote, dns: ClusterDns, known: Known, told: Told) -> None:
        self._zygote = zygote
        self._dns = dns
        self._known = known
        self._told = told
        self.volumes = PodVolumes(zygote, known.lookup)
        self._host_ports = HostPortNetwork(zygote)
        self._nodes: dict[str, _Node] = {}
        self._sandboxes: dict[tuple[str, str], _Sandbox] = {}

    async def add_node(self, name: str, addresses: Sequence[str], pod_cidrs: Sequence[str]) -> None:
        """Make a node with its own addresses and the ranges of its pods (one of each family)."""
        await self._zygote.ask(orders.AddNode(name, tuple(addresses), tuple(pod_cidrs)))
        self._nodes[name] = _Node(tuple(addresses), PodAddresses(pod_cidrs))

    async def prepare_volumes(self, pod: Object) -> list[str]:
        """Make the volumes of a scheduled pod; gives remarks for people. Raises as ``PodVolumes.prepare`` does."""
        return await self.volumes.prepare(self._fields(pod, ()))

    async def create_sandbox(self, pod: Object) -> tuple[str, ...]:
        """Make the network of a scheduled pod and give its addresses; those of the node with ``hostNetwork``.

        Raises ``LookupError`` for an unknown node, ``PodfenceError`` when the node has no free address.
        """
        metadata, spec = pod["metadata"], pod["spec"]
        node = self._nodes[spec["nodeName"]]
        key = (metadata["namespace"], metadata["name"])
        if spec.get("hostNetwork"):
            sandbox = _Sandbox(pod, f"node/{spec['nodeName']}", node.addresses)
        else:
            addresses = node.pool.take()
            sandbox = _Sandbox(pod, f"pod/{metadata.get('uid') or '/'.join(key)}", addresses)
            try:
                await self._zygote.ask(orders.AddPod(sandbox.place[4:], spec["nodeName"], addresses))
                await self._host_ports.add(pod, sandbox.place, addresses, node.addresses)
            except BaseException:
                with contextlib.suppress(LookupError, OSError):
                    await self._zygote.ask(orders.Remove(sandbox.place))
                node.pool.give_back(addresses)
                raise
        self._sandboxes[key] = sandbox
        return sandbox.addresses

    def start_containers(self, pod: Object) -> None:
        """Start the containers of a pod that has a sandbox; what becomes of them is told by status changes."""
        sandbox = self._find(pod["metadata"]["namespace"], pod["metadata"]["name"])
        if sandbox.running is None:
            sandbox.running = Pod(
                pod, self._context(pod, sandbox), lambda status: self._told.status_changed(pod, status)
            )
            sandbox.running.start()

    def start_ephemeral(self, pod: Object) -> None:
        """Start the ephemeral containers that a running pod has got; before it runs there is nothing to do."""
        sandbox = self._sandboxes.get((pod["metadata"]["namespace"], pod["metadata"]["name"]))
        if sandbox is not None and sandbox.running is not None:
            sandbox.running.start_ephemeral(pod["spec"].get("ephemeralContainers") or [])

    async def stop(self, namespace: str, name: str, grace_s: float | None = None) -> None:
        """End a pod's containers within its grace period, and its network; a pod that is unknown is no error."""
        sandbox = self._sandboxes.get((namespace, name))
        if sandbox is None:
            return
        if sandbox.running is not None:
            await sandbox.running.stop(_grace_s(sandbox.object) if grace_s is None else grace_s)
        if sandbox.is_gone:
            return
        sandbox.is_gone = True
        # A successor of the same name may be there already.
        if self._sandboxes.get((namespace, name)) is sandbox:
            del self._sandboxes[namespace, name]
        if sandbox.place.startswith("pod/"):
            node = self._nodes[sandbox.object["spec"]["nodeName"]]
            await self._host_ports.remove(sandbox.object, sandbox.place, node.addresses)
            await self._zygote.ask(orders.Remove(sandbox.place))
            node.pool.give_back(sandbox.addresses)

    def place(self, namespace: str, name: str) -> str:
        """Give the place of a pod's network, for ``Zygote.open_socket`` and ``Zygote.run``."""
        return self._find(namespace, name).place

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a program in a running container; raises ``OSError`` or ``LookupError`` when it cannot be started."""
        found = self._running(namespace, pod).container(container)
        return await found.exec(command, stdin=stdin, tty=tty, environment=dict(environment or {}))

    async def attach(self, namespace: str, pod: str, container: str, *, stdin: bool, tty: bool) -> Process:
        """Join the streams of the container's own program; raises ``LookupError`` when that is not possible.

        An interactive container's output so far comes first, so that a short program is seen whole.
        """
        del tty  # whether there is a terminal was decided when the container started
        found = self._running(namespace, pod).container(container)
        if found.streams is None or not found.is_attachable:
            raise LookupError(f"container {found.name} is not running")
        past = found.log.text() if found.spec.get("stdin") else b""
        return found.streams.attach(past, stdin=stdin)

    async def logs(
        self, namespace: str, pod: str, container: str, *, follow: bool, previous: bool
    ) -> AsyncIterator[tuple[float, bytes]]:
        """Give the lines that a container wrote, each with its newline, then new ones.

        Raises ``LookupError`` when there is no such container, or no previous run of it.
        """
        found = self._running(namespace, pod).container(container)
        if not found.was_started:
            raise LookupError(f'container "{found.name}" in pod "{pod}" is waiting to start: {found.waiting_reason}')
        log = found.previous_log if previous else found.log
        if log is None:
            raise LookupError(f'previous terminated container "{found.name}" in pod "{pod}" not found')
        async for line in log.read(follow=follow):
            yield line

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[int, int]:
        """Open a TCP connection inside the pod's network; gives its descriptor and family.

        Raises ``OSError`` when nothing listens there.
        """
        place = self.place(namespace, pod)
        failure: OSError | None = None
        for address in _LOCALHOSTS:
            try:
                opened = await self._zygote.open_socket(place, address, port, connect=True)
            except OSError as error:
                failure = failure or error
            else:
                family = opened.family
                return opened.detach(), int(family)
        raise failure or OSError(0, "no address of the pod answers")

    @property
    def api_node(self) -> str:
        """The first node, which is the control plane."""
        return next(iter(self._nodes), "")

    async def dial(self, address: str, port: int) -> socket.socket:
        """Open a TCP connection from the first node; raises ``OSError``."""
        return await self._zygote.open_socket(f"node/{self.api_node}", address, port, connect=True)

    async def listen(self, place: str, address: str, port: int, protocol: str = "TCP") -> socket.socket:
        """Open a socket that listens (TCP) or is bound (UDP) in a place's network."""
        return await self._zygote.open_socket(place, address, port, protocol)

    async def close(self) -> None:
        """End all pods at once, without grace."""
        with contextlib.suppress(LookupError, OSError):
            await asyncio.gather(*(self.stop(namespace, name, 0) for namespace, name in list(self._sandboxes)))
        self.volumes.close()

    def _find(self, namespace: str, name: str) -> _Sandbox:
        try:
            return self._sandboxes[namespace, name]
        except KeyError:
            raise LookupError(f'pod "{name}" does not run') from None

    def _running(self, namespace: str, name: str) -> Pod:
        running = self._find(namespace, name).running
        if running is None:
            raise LookupError(f'pod "{name}" has no running containers yet')
        return running

    def _context(self, pod: Object, sandbox: _Sandbox) -> PodContext:
        node_name = pod["spec"]["nodeName"]
        host_addresses = self._nodes[node_name].addresses
        hostname = node_name if pod["spec"].get("hostNetwork") else pod_hostname(pod)
        name = pod["metadata"]["name"]
        fixed = {"HOSTNAME": hostname, "HOME": "/root", "TERM": "xterm"}

        def environment(container: Object) -> dict[str, str]:
            services = services_for(pod, self._known.services())
            fields = self._fields(pod, sandbox.addresses)
            return fixed | container_environment(fields, container, self._known.lookup, services)

        return PodContext(
            zygote=self._zygote,
            place=sandbox.place,
            node_place=f"node/{node_name}",
            hostname=hostname,
            title=pod_title(pod),
            files=pod_files(pod, sandbox.addresses, self._dns),
            addresses=sandbox.addresses,
            host_addresses=host_addresses,
            environment=environment,
            invocation=lambda container, variables: invocation(container, name, variables),
            mounts=lambda container, variables: self.volumes.mounts(pod, container, variables),
            awaited_objects=lambda: self.volumes.awaited(pod),
            happened=lambda event: self._told.happened(pod, event),
            grace_s=_grace_s(pod),
        )

    def _fields(self, pod: Object, addresses: Sequence[str]) -> Fields:
        return Fields(pod, addresses, self._nodes[pod["spec"]["nodeName"]].addresses, CAPACITY)


def _grace_s(pod: Object) -> float:
    grace_s = pod["spec"].get("terminationGracePeriodSeconds")
    return _DEFAULT_GRACE_S if grace_s is None else float(grace_s)
