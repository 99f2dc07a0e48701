"""One lab: the API server, its controllers, the nodes with their agents, and the pods, put together.

Everything runs in this process and in the ground that its zygote makes; when this process ends, all of it is gone.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from podfence.lab import orders, outside
from podfence.lab.address_plan import (
    DNS_SERVICE_ADDRESSES,
    LOAD_BALANCER_NETWORKS,
    NODE_NETWORKS,
    POD_NETWORKS,
    SERVICE_NETWORKS,
    node_addresses,
)
from podfence.lab.apiserver.app import create_app, create_registry, serve
from podfence.lab.apiserver.connection import connection_class
from podfence.lab.apiserver.object_store import InProcessStore
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.sqlite_journal import claim
from podfence.lab.apiserver.streams import StreamServer
from podfence.lab.controllers.all import Surroundings, run_all
from podfence.lab.controllers.claims import CLAIMS
from podfence.lab.controllers.endpointslices import SERVICES
from podfence.lab.controllers.events import EVENTS, EventRecorder
from podfence.lab.controllers.nodes import NodeHeartbeat, node
from podfence.lab.controllers.placement import NODES
from podfence.lab.controllers.pods import PODS, is_finished
from podfence.lab.dns_pods import DnsPods
from podfence.lab.first_objects import OWN_LABEL, create_first_objects
from podfence.lab.folder import LabFolder, kubeconfig
from podfence.lab.interface import Object, Resource
from podfence.lab.kubelet import Kubelet
from podfence.lab.load_balancer_pool import LoadBalancerPool
from podfence.lab.node_agents import NodeAgents
from podfence.lab.options import LabOptions
from podfence.lab.pod_files import ClusterDns
from podfence.lab.runtime import Known, Pods, Told
from podfence.lab.sandbox import SHARED
from podfence.lab.service_network import ServiceNetwork
from podfence.lab.zygote_client import Zygote
from podfence.manifests.validation.admission import Server
from podfence.manifests.validation.cluster_policy import Channel
from podfence.model.error import PodfenceError
from podfence.model.text import one_line

GROUND_ADDRESSES: Final = ("172.18.0.1", "fc00:f853:ccd:e793::1")
"""Where the ground itself is found by nodes and pods: the API server answers there, too."""

API_PORT: Final = 6443
_NODE_NAME: Final = re.compile(r"node-[0-9]+")
VERSION: Final = "v1.36.3"
_RESOLVERS: Final = ("8.8.8.8", "1.1.1.1")
"""The outside's own DNS servers, whom cluster DNS asks for other names."""

_POD_ENFORCED_TIMEOUT_S: Final = 5.0
"""How long a pod's containers wait for agents that do not answer; one that runs takes some hundredths of a second."""

_ENFORCED: Final = (
    Resource("", "namespaces"),
    Resource("", "pods"),
    Resource("networking.k8s.io", "networkpolicies"),
    Resource("policy.networking.k8s.io", "clusternetworkpolicies"),
    Resource("policy.networking.k8s.io", "adminnetworkpolicies"),
    Resource("policy.networking.k8s.io", "baselineadminnetworkpolicies"),
)


class Lab:
    """A lab that runs within ``run``; the other methods may be called while it does."""

    def __init__(self, folder: LabFolder, options: LabOptions) -> None:
        self.folder = folder
        self.options = options
        self.places = {f"node-{number + 1}": node_addresses(number) for number in range(options.nodes)}
        self.node_names = tuple(self.places)
        self._enforcing = self.node_names if options.enforced else ()
        data = None if options.data is None else Path(options.data)
        self._claimed = None if data is None else claim(data)
        self.registry: Registry = create_registry(
            data=data,
            server=Server(channel=Channel(options.crd_channel)),
        )
        self.store = InProcessStore(self.registry, "podfence-lab")
        self.started = asyncio.Event()
        self.pods: Pods
        self.zygote: Zygote
        self.agents: NodeAgents

    async def run(self) -> None:
        """Start everything and run until cancelled. Raises ``PodfenceError`` where the machine does not allow it."""
        self.zygote = await Zygote.start(GROUND_ADDRESSES, str(self.folder.path))
        try:
            await self._run()
        finally:
            await self.zygote.close()

    async def _run(self) -> None:
        kubelet = Kubelet(self._store_of("kubelet"), time.time)
        dns = ClusterDns(servers=DNS_SERVICE_ADDRESSES[:1], node_servers=_RESOLVERS)
        known = Known(self._find, lambda: self.store.list(SERVICES))
        self.pods = Pods(self.zygote, dns, known, Told(kubelet.status_changed, kubelet.happened))
        sockets = [self._listen_on_loopback()]
        sockets += [await self.zygote.open_socket("ground", address, API_PORT) for address in GROUND_ADDRESSES]
        agents_kubeconfig = self.folder.path / "agents-kubeconfig"
        agents_kubeconfig.write_text(
            kubeconfig(f"http://{GROUND_ADDRESSES[0]}:{API_PORT}", "podfence-agent"), encoding="utf-8"
        )
        self.agents = NodeAgents(self.zygote, f"{SHARED}/{agents_kubeconfig.name}")
        services = ServiceNetwork(self.zygote, self.places)
        self._forget_lost_nodes()
        events = EventRecorder(self._store_of("kubelet"), "kubelet", time.time)
        streams = connection_class(StreamServer(self.store, self.pods, events))
        server = serve(create_app(self.registry, self.pods), sockets, streams)
        async with asyncio.TaskGroup() as group:
            group.create_task(server)
            for number, name in enumerate(self.node_names):
                await self._add_node(name, group, is_first=number == 0)
            group.create_task(outside.serve(await self._open_outside()))
            group.create_task(kubelet.run(self.pods, self._wait_pod_enforced))
            for plural in ("configmaps", "secrets"):
                group.create_task(self._follow_objects(plural))
            group.create_task(self._follow_claims())
            group.create_task(run_all(self._store_of, self._surroundings()))
            group.create_task(services.run(self._store_of("kube-proxy")))
            group.create_task(DnsPods(self.zygote, self.store, _RESOLVERS).run())
            create_first_objects(self.store)
            self.started.set()

    def _forget_lost_nodes(self) -> None:
        """Delete nodes that a lab with more of them has left in its data, and their pods, which nobody would run."""
        lost = {name for one in self.store.list(NODES) if _NODE_NAME.fullmatch(name := one["metadata"]["name"])}
        lost -= set(self.node_names)
        for pod in self.store.list(PODS):
            if pod["spec"].get("nodeName") in lost:
                self.store.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"], grace_s=0)
        for name in sorted(lost):
            self.store.delete(NODES, None, name)

    async def _follow_objects(self, plural: str) -> None:
        """Let changes of ConfigMaps or Secrets reach the volumes that show them."""
        async for seen in self.store.watch(Resource("", plural)):
            metadata = seen.object["metadata"]
            self.pods.volumes.object_changed((plural, metadata["namespace"], metadata["name"]))

    async def _follow_claims(self) -> None:
        """Have nothing left of a claim that is deleted."""
        async for seen in self.store.watch(CLAIMS):
            if seen.type == "DELETED":
                await self.pods.volumes.remove_claim(seen.object)

    def _store_of(self, component: str) -> InProcessStore:
        return InProcessStore(self.registry, component)

    async def _add_node(self, name: str, group: asyncio.TaskGroup, *, is_first: bool) -> None:
        place = self.places[name]
        cidrs = tuple(str(network) for network in place.pod_networks)
        await self.pods.add_node(name, place.addresses, cidrs)
        described = node(name, place.addresses, cidrs, version=VERSION, is_first=is_first)
        heartbeat = NodeHeartbeat(self._store_of("kubelet"), time.time, described)
        heartbeat.beat()
        group.create_task(heartbeat.run())
        if name in self._enforcing:
            group.create_task(self.agents.run(name))

    async def _open_outside(self) -> outside.Opened:
        """Make the world outside, which finds its way back to everything of the lab."""
        inside = (*POD_NETWORKS, *NODE_NETWORKS, *SERVICE_NETWORKS, *LOAD_BALANCER_NETWORKS)
        await self.zygote.ask(orders.AddOutside(outside.addresses(), tuple(map(str, inside))))

        async def listen(address: str, port: int, protocol: str) -> socket.socket:
            return await self.zygote.open_socket("outside", address, port, protocol)

        return await outside.open_sockets(listen)

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            clock=time.time,
            bind=self.store.bind,
            served=self.store.served,
            served_in_namespaces=self.store.served_in_namespaces,
            resource_of=self.store.resource_of,
            load_balancers={f"IPv{network.version}": LoadBalancerPool(network) for network in LOAD_BALANCER_NETWORKS},
            api_server=(str(SERVICE_NETWORKS[0][1]), GROUND_ADDRESSES[0], API_PORT),
        )

    def _find(self, plural: str, namespace: str, name: str) -> Object | None:
        return self.store.get(Resource("", plural), namespace, name)

    def _listen_on_loopback(self) -> socket.socket:
        """Open the only socket that the machine sees, and say in the kubeconfig where it is."""
        opened = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.folder.write_kubeconfig(opened.getsockname()[1])
        return opened

    def counts(self) -> dict[str, int]:
        """Count pods, the lab's own left out, and policies; tell whether anything enforces them."""
        pods = [pod for pod in self.store.list(PODS) if OWN_LABEL not in (pod["metadata"].get("labels") or {})]
        policies = sum(len(self.store.list(resource)) for resource in _ENFORCED[2:])
        return {"pods": len(pods), "policies": policies, "enforces": bool(self._enforcing)}

    def unready(self) -> list[str]:
        """Name the pods that should be ready and are not, as ``NS/NAME``."""
        waiting = []
        for pod in self.store.list(PODS):
            conditions = (pod.get("status") or {}).get("conditions") or ()
            is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
            if not is_ready and not is_finished(pod):
                waiting.append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")
        return waiting

    def with_warning(self, pod: str) -> str:
        """Name a pod, ``NS/NAME``, and in brackets the last warning about it, such as of a missing Secret."""
        namespace, _, name = pod.partition("/")
        warnings = [
            event
            for event in self.store.list(EVENTS, namespace)
            if event.get("type") == "Warning" and (event.get("involvedObject") or {}).get("name") == name
        ]
        last = max(warnings, key=lambda event: event.get("lastTimestamp") or "", default=None)
        return pod if last is None else f"{pod} ({one_line(last['message'])})"

    async def wait_enforced(self, timeout_s: float) -> None:
        """Wait until every node enforces the cluster as it is; raises ``PodfenceError`` when that takes too long."""
        versions = self._versions()
        await asyncio.gather(*(self.agents.wait_enforced(name, versions, timeout_s) for name in self._enforcing))

    async def behind(self, timeout_s: float) -> list[str]:
        """Say of each node that does not enforce the cluster as it is, even after a while, why."""
        versions = self._versions()
        waits = (self.agents.wait_enforced(name, versions, timeout_s) for name in self._enforcing)
        found = await asyncio.gather(*waits, return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, PodfenceError):
                raise one
        return [str(one) for one in found if one is not None]

    async def _wait_pod_enforced(self, pod: Object) -> None:
        """Wait until every node knows a pod, since any of them may have a policy that names it."""
        versions = {"pods": int(pod["metadata"]["resourceVersion"])}
        await asyncio.gather(
            *(self.agents.wait_enforced(name, versions, _POD_ENFORCED_TIMEOUT_S) for name in self._enforcing)
        )

    def _versions(self) -> Mapping[str, int]:
        """Give the version of the last write to each resource that agents watch."""
        found = {}
        for resource in _ENFORCED:
            name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            found[name] = self.registry.storage.collection(resource).last_revision
        return found
