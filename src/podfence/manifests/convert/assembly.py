"""Pods of the snapshot: the Pod objects, and the pods that workloads without Pod objects will have.

Runs once everything has been read, for only then is known which workloads have Pod objects, which pod an address
belongs to and how many nodes a DaemonSet has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

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
            workload = ("Pod", name) if key is None else key[1:]
            yield pod_of(namespace, name, record, workload, lost.get((namespace, name), ()) if lost else ())


def pod_of(namespace: str, name: str, record: PodRecord, workload: tuple[str, str], lost: Collection[int] = ()) -> Pod:
    """Make a pod of the snapshot out of its record, without the addresses that are another's."""
    addresses = record.addresses
    if lost:
        addresses = tuple(item for item in addresses if item not in lost)
    return Pod(
        namespace=namespace,
        name=name,
        labels=record.labels,
        named_ports=record.named_ports,
        addresses=addresses,
        node=record.node,
        host_network=record.host_network,
        workload=workload,
    )


Claim = tuple[bool, str, str]


def claim(namespace: str, name: str, record: PodRecord) -> Claim:
    """Rank the pods that list one address, the least is whose it is: a Running pod's, else the first's (row S63)."""
    return (not record.running, namespace, name)


def claims_addresses(record: PodRecord) -> bool:
    """Tell whether a pod may hold an address: a hostNetwork pod has its node's and takes it from nobody."""
    return not record.ended and not record.host_network


def _lost_addresses(records: PodRecords) -> dict[tuple[str, str], set[int]]:
    """Tell which pods list an address that is another's."""
    lost: dict[tuple[str, str], set[int]] = {}
    if not _any_shared(records):
        return lost
    holders: dict[int, Claim] = {}
    for namespace in sorted(records):
        for name, record in sorted(records[namespace].items()):
            if not claims_addresses(record):
                continue
            own = claim(namespace, name, record)
            for address in record.addresses:
                holder = holders.setdefault(address, own)
                if holder is own:
                    continue
                holders[address] = min(holder, own)
                lost.setdefault(max(holder, own)[1:], set()).add(address)
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
