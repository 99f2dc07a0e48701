"""Pods of the snapshot: the Pod objects, and the pods that workloads without Pod objects will have.

Runs once everything has been read, for only then is known which workloads have Pod objects, which pod an address
belongs to and how many nodes a DaemonSet has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from podfence.manifests.convert.ownership import Ownership, WorkloadKey
from podfence.manifests.convert.pods import PodRecord
from podfence.manifests.convert.workloads import WorkloadRecord
from podfence.model.objects import Pod

PodRecords = Mapping[str, Mapping[str, PodRecord]]
"""Pod records by namespace and name."""

UNKNOWN_NODES = 2
"""How many pods a DaemonSet stands for when no node is known: more than one (design: replicas)."""


_REPLACED = ("ReplicaSet", "ReplicationController", "Job")


def assemble(
    records: PodRecords, workloads: Mapping[WorkloadKey, WorkloadRecord], nodes: Sequence[str]
) -> tuple[Pod, ...]:
    """Make the pods of a snapshot, sorted by namespace and name; ``nodes`` are the names of the known nodes."""
    ownership = Ownership(workloads)
    with_pods: set[WorkloadKey] = set()
    pods = list(_pod_objects(records, ownership, with_pods))
    templates = [
        pod
        for key, record in workloads.items()
        if key not in with_pods
        for pod in _template_pods(key, record, ownership, nodes)
    ]
    if templates:
        pods = sorted(pods + templates, key=lambda pod: (pod.namespace, pod.name, pod.workload))
    return tuple(pods)


def _pod_objects(records: PodRecords, ownership: Ownership, with_pods: set[WorkloadKey]) -> Iterator[Pod]:
    """Make the pods that live, and note the workloads that have Pod objects, ended ones included."""
    lost = _lost_addresses(records)
    for namespace in sorted(records):
        pods = records[namespace]
        for name in sorted(pods):
            record = pods[name]
            owner = record.owner
            key = ownership.workload(namespace, owner, record.labels) if owner is not None else None
            if key is not None:
                with_pods.add(key)
            if record.ended:
                continue
            addresses = record.addresses
            if lost and (namespace, name) in lost:
                addresses = tuple(item for item in addresses if item not in lost[namespace, name])
            yield Pod(
                namespace=namespace,
                name=name,
                labels=record.labels,
                named_ports=record.named_ports,
                addresses=addresses,
                node=record.node,
                host_network=record.host_network,
                workload=("Pod", name) if key is None else key[1:],
            )


def _lost_addresses(records: PodRecords) -> dict[tuple[str, str], set[int]]:
    """Tell which pods list an address that is another's: a Running pod's, else the first pod's (row S63).

    A hostNetwork pod has its node's address and takes it from nobody.
    """
    lost: dict[tuple[str, str], set[int]] = {}
    if not _any_shared(records):
        return lost
    holders: dict[int, tuple[bool, str, str]] = {}
    for namespace in sorted(records):
        for name, record in sorted(records[namespace].items()):
            if record.ended or record.host_network:
                continue
            claim = (record.running, namespace, name)
            for address in record.addresses:
                holder = holders.setdefault(address, claim)
                if holder is claim:
                    continue
                loser = holder if record.running and not holder[0] else claim
                holders[address] = claim if loser is holder else holder
                lost.setdefault(loser[1:], set()).add(address)
    return lost


def _any_shared(records: PodRecords) -> bool:
    """Tell whether two pods list one address; nearly always none do, and telling so is quick."""
    listed = [
        address
        for pods in records.values()
        for record in pods.values()
        if not record.ended
        for address in record.addresses
    ]
    return len(set(listed)) < len(listed)


def _template_pods(
    key: WorkloadKey, record: WorkloadRecord, ownership: Ownership, nodes: Sequence[str]
) -> Iterator[Pod]:
    """Make the pods of a workload that has no Pod object.

    What another workload of the input owns is that workload's affair, and an empty ReplicaSet or Job whose owner
    is elsewhere is a left-over.
    """
    namespace, kind, name = key
    if record.owner is not None:
        above = ownership.workload(namespace, record.owner, record.labels)
        left_over = record.count == 0 and kind in _REPLACED
        if left_over or above is not None:
            return
    if record.count is not None:
        yield _template_pod(key, record, name, record.node, record.count)
    elif not nodes:
        yield _template_pod(key, record, name, record.node, UNKNOWN_NODES)
    else:
        for number, node in enumerate(nodes):
            yield _template_pod(key, record, f"{name}-{number}", node, 1)


def _template_pod(key: WorkloadKey, record: WorkloadRecord, name: str, node: str | None, count: int) -> Pod:
    return Pod(
        namespace=key[0],
        name=name,
        labels=record.labels,
        named_ports=record.named_ports,
        node=node,
        host_network=record.host_network,
        workload=key[1:],
        count=count,
        from_template=True,
    )
