"""Every id that a map prints means the same end wherever it is typed."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from podfence.engine.connectivity import Connectivity
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.focus import Focus
from podfence.engine.resolve import resolve
from podfence.model.labels import label_set, selector
from podfence.model.objects import Namespace, ObjectRef, Pod
from podfence.model.policy import PodPeer, Policy, Tier
from podfence.model.snapshot import Snapshot

PLACES = ("s", "node", "domain", "external", "pod")
NAMES = ("web", "web-0", "web-1", "web-0-0")
KINDS = ("Deployment", "StatefulSet", "Job", "DaemonSet", "ReplicaSet")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Make workloads with and without Pod objects, and lone pods, whose names meet as often as they can."""
    pods: dict[tuple[str, str], Pod] = {}
    templates: list[Pod] = []
    keys = st.tuples(st.sampled_from(PLACES[: draw(st.integers(1, len(PLACES)))]), st.sampled_from(NAMES))
    labels = st.sampled_from([label_set({"app": app}) for app in "ab"])
    for place, name in draw(st.lists(keys, max_size=4, unique=True)):
        pods[place, name] = Pod(place, name, draw(labels), workload=("Pod", name))
    for (place, name), kind in draw(
        st.lists(st.tuples(keys, st.sampled_from(KINDS)), max_size=5, unique_by=lambda item: (item[0], item[1]))
    ):
        count = draw(st.integers(0, 3))
        plain = Pod(place, name, draw(labels), workload=(kind, name), from_template=True)
        if draw(st.booleans()):
            for number in range(count):
                own = f"{name}-x{number}"
                pods[place, own] = Pod(place, own, draw(labels), workload=(kind, name))
        elif kind == "DaemonSet":
            templates.extend(
                msgspec.structs.replace(plain, name=f"{name}-{number}", node=f"n{number}") for number in range(count)
            )
        else:
            templates.append(msgspec.structs.replace(plain, count=count))
    everyone = sorted((*pods.values(), *templates), key=lambda pod: (pod.namespace, pod.name, pod.workload))
    subjects = [PodPeer(place, None, selector({"app": "a"})) for place in PLACES]
    isolating = [
        Policy(ObjectRef("NetworkPolicy", subject.namespace, "p"), Tier.NETWORK_POLICY, 0, subject, (), None)
        for subject in subjects
    ]
    return Snapshot(tuple(Namespace(place, ()) for place in PLACES), tuple(everyone), policies=tuple(isolating))


@settings(max_examples=150, deadline=None)
@given(snapshots(), st.sampled_from([Grouping.POD, Grouping.WORKLOAD]))
def test_every_id_of_a_map_resolves_to_its_endpoint(snapshot: Snapshot, grouping: Grouping) -> None:
    found = Connectivity(snapshot, grouping)
    directory, focus = Directory(snapshot), Focus(found)
    ids = [endpoint.id for endpoint in found.endpoints]
    assert len(set(ids)) == len(ids)
    for number, endpoint in enumerate(found.endpoints):
        assert focus.find(endpoint.id) == {number}
        if endpoint.has_pods:
            resolved = resolve(directory, endpoint.id)
            assert resolved.id == endpoint.id
            assert sum(pod.count for pod in resolved.pods) == endpoint.pods
            assert {pod.labels for pod in resolved.pods} == labels_of(endpoint, found)


def labels_of(endpoint: Endpoint, found: Connectivity) -> set[object]:
    """Give the labels of the pods of an endpoint by their class alone: here each class has labels of its own."""
    pods = zip(found.snapshot.pods, found.program.classes.of_pod, strict=True)
    return {pod.labels for pod, number in pods if number in endpoint.classes}


@settings(max_examples=50, deadline=None)
@given(snapshots())
def test_a_focus_on_a_workload_is_a_focus_on_all_of_its_pods(snapshot: Snapshot) -> None:
    found = Connectivity(snapshot, Grouping.POD)
    focus = Focus(found)
    workloads = {(pod.namespace, *pod.workload) for pod in snapshot.pods if pod.count}
    together: list[int] = []
    for namespace, kind, name in workloads:
        together.extend(focus.find(f"{namespace}/{kind}/{name}"))
    assert sorted(together) == [number for number, endpoint in enumerate(found.endpoints) if endpoint.has_pods]
