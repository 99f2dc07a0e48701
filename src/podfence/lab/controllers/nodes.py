"""Node objects and their heartbeats: what each of the lab's nodes tells of itself, as a kubelet would."""

from __future__ import annotations

import asyncio
import contextlib
import platform
from collections.abc import Sequence
from typing import Final

from podfence import __version__
from podfence.lab.apiserver.status import StatusError
from podfence.lab.controllers.clock import Clock, micro_timestamp, timestamp
from podfence.lab.controllers.conditions import with_condition
from podfence.lab.controllers.placement import NODES
from podfence.lab.interface import Object, ObjectStore, Resource

LEASES: Final = Resource("coordination.k8s.io", "leases")
LEASE_NAMESPACE: Final = "kube-node-lease"
LEASE_S: Final = 40
RENEWED_AFTER_S: Final = 10.0

CAPACITY: Final = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
"""What each node says that it has: enough for what manifests request, since pods of a lab take next to nothing."""

_GO_NAMES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


def node(name: str, addresses: Sequence[str], pod_cidrs: Sequence[str], *, version: str, is_first: bool) -> Object:
    """Describe a node that does not run yet; the first is the control plane, and takes pods like the others."""
    machine = platform.machine()
    architecture = _GO_NAMES.get(machine, machine)
    labels = {"kubernetes.io/arch": architecture, "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    if is_first:
        labels["node-role.kubernetes.io/control-plane"] = ""
    spec = {"podCIDR": pod_cidrs[0], "podCIDRs": list(pod_cidrs)}
    status: Object = {"addresses": [{"type": "InternalIP", "address": address} for address in addresses]}
    status["addresses"].append({"type": "Hostname", "address": name})
    status["nodeInfo"] = {
        "architecture": labels["kubernetes.io/arch"],
        "containerRuntimeVersion": f"podfence://{__version__}",
        "kernelVersion": platform.release(),
        "kubeletVersion": version,
        "operatingSystem": "linux",
        "osImage": "Podfence lab",
    }
    status["capacity"] = status["allocatable"] = dict(CAPACITY)
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status}


class NodeHeartbeat:
    """Keeps one node registered, ready, and its lease fresh."""

    def __init__(self, store: ObjectStore, clock: Clock, described: Object) -> None:
        self._store, self._clock, self._described = store, clock, described
        self._name: str = described["metadata"]["name"]

    async def run(self) -> None:
        """Beat until cancelled; what the store refuses is tried again with the next beat."""
        while True:
            with contextlib.suppress(StatusError):
                self.beat()
            await asyncio.sleep(RENEWED_AFTER_S)

    def beat(self) -> None:
        """Register the node if it is not, make it ready, renew its lease."""
        known = self._store.get(NODES, None, self._name)
        if known is None:
            known = self._store.create(NODES, None, self._described)
        self._report(known, is_ready=True)
        self._renew(known)

    def stop(self) -> None:
        """Tell that the node no longer runs."""
        known = self._store.get(NODES, None, self._name)
        if known is not None:
            self._report(known, is_ready=False)

    def _report(self, known: Object, *, is_ready: bool) -> None:
        now = timestamp(self._clock())
        status = {**self._described["status"], **(known.get("status") or {})}
        conditions = status.get("conditions") or []
        for kind, reason, message in _PRESSURES:
            conditions = with_condition(conditions, kind, reason, message, now, holds=False, lastHeartbeatTime=now)
        words = ("KubeletReady", "kubelet is posting ready status") if is_ready else ("NodeStatusUnknown", "stopped")
        conditions = with_condition(conditions, "Ready", *words, now, holds=is_ready, lastHeartbeatTime=now)
        if conditions != (known.get("status") or {}).get("conditions"):
            status["conditions"] = conditions
            self._store.update(NODES, None, known | {"status": status}, "status")

    def _renew(self, known: Object) -> None:
        now = micro_timestamp(self._clock())
        spec = {"holderIdentity": self._name, "leaseDurationSeconds": LEASE_S, "renewTime": now}
        lease = self._store.get(LEASES, LEASE_NAMESPACE, self._name)
        if lease is not None:
            self._store.update(LEASES, LEASE_NAMESPACE, lease | {"spec": spec})
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": self._name, "uid": known["metadata"]["uid"]}
        metadata = {"name": self._name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]}
        value = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        self._store.create(LEASES, LEASE_NAMESPACE, value)
