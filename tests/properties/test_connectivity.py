"""What the map says of two endpoints is what ``judge`` says of their pods, whatever the endpoints are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from podfence.engine.compile import Program
from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.frame import Frame
from podfence.engine.judge import Domain, Outside, Party, judge
from podfence.model.net import Protocol
from podfence.model.objects import Pod
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import random_cluster

SEEDS = 300
BATCH = 25

Member = tuple[Party, int]
"""A party, and which of the pods it stands for."""


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_the_map_says_what_judging_every_pair_of_pods_says(first: int) -> None:
    wrong = [f"seed {seed}: {found}" for seed in range(first, first + BATCH) for found in differences(cluster(seed))]
    assert not wrong


def cluster(seed: int) -> Snapshot:
    """Make a cluster in order, some of whose pods belong to one workload or come from a template."""
    snapshot = random_cluster(seed)
    pods = [
        msgspec.structs.replace(
            pod,
            from_template=pod.count > 1,
            workload=("Deployment", "d") if number % 3 == seed % 3 and pod.count == 1 else ("Pod", pod.name),
        )
        for number, pod in enumerate(snapshot.pods)
    ]
    return msgspec.structs.replace(
        snapshot,
        pods=tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name))),
        nodes=tuple(sorted(snapshot.nodes, key=lambda node: node.name)),
    )


def differences(snapshot: Snapshot) -> Iterator[str]:
    """Name every pair of endpoints and port on which the map and ``judge`` differ."""
    verdicts = Verdicts(snapshot)
    program = Program(Frame(snapshot))
    for grouping in Grouping:
        connectivity = Connectivity(snapshot, grouping, program)
        members = [list(members_of(connectivity, endpoint)) for endpoint in connectivity.endpoints]
        combine = any if grouping is Grouping.NAMESPACE else all
        for number, outgoing in connectivity.connections():
            reached = dict(outgoing)
            for other, destination in enumerate(connectivity.endpoints):
                pairs = [(a, b) for a in members[number] for b in members[other] if a != b]
                if not connectivity.endpoints[number].has_pods and not destination.has_pods:
                    pairs = []
                for atom, (protocol, port, _) in enumerate(program.ports.atoms):
                    said = [verdicts.allowed(a, b, protocol, port) for (a, _), (b, _) in pairs]
                    if (bool(said) and combine(said)) != bool(reached.get(other, 0) >> atom & 1):
                        name = connectivity.endpoints[number].id
                        yield f"{grouping.value}: {name} -> {destination.id} {protocol.value} {port}: judged {said}"


class Verdicts:
    """Judges each pair of parties once for each port."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._same: dict[Party, Party] = {}
        self._known: dict[tuple[int, int, Protocol, int], bool] = {}

    def allowed(self, source: Party, destination: Party, protocol: Protocol, port: int) -> bool:
        """Tell what ``judge`` says."""
        key = (id(self._same.setdefault(source, source)), id(self._same.setdefault(destination, destination)))
        if (*key, protocol, port) not in self._known:
            verdict = judge(self._snapshot, source, destination, protocol, port)
            self._known[(*key, protocol, port)] = verdict.allowed
        return self._known[(*key, protocol, port)]


def members_of(connectivity: Connectivity, endpoint: Endpoint) -> Iterator[Member]:
    """Give every single party that an endpoint stands for."""
    snapshot = connectivity.snapshot
    if endpoint.kind == "External":
        yield Outside(endpoint.ranges), 0
    elif endpoint.kind == "Domain":
        yield Domain(endpoint.name), 0
    elif endpoint.kind == "Node":
        yield next(node for node in snapshot.nodes if node.name == endpoint.name), 0
    else:
        for pod, found in zip(snapshot.pods, connectivity.program.classes.of_pod, strict=True):
            for index in range(pod.count):
                if is_in(pod, index, found, endpoint, connectivity.grouping):
                    yield pod, index


def is_in(pod: Pod, index: int, found: int, endpoint: Endpoint, grouping: Grouping) -> bool:
    """Tell by name, and for the parts of one workload by class, whether a pod is in an endpoint."""
    match grouping:
        case Grouping.NAMESPACE:
            return endpoint.id == f"namespace/{pod.namespace}"
        case Grouping.POD:
            name = f"{pod.name}-{index}" if pod.from_template else pod.name
            return endpoint.id == f"{pod.namespace}/Pod/{name}"
        case Grouping.WORKLOAD:
            whole = endpoint.id.partition("#")[0]
            return whole == "/".join((pod.namespace, *pod.workload)) and found in endpoint.classes
