"""Whatever happens in whatever order: the contents are what gathering the objects of the moment gives.

And whoever only hears of changes knows the same.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from podfence.kube.contents import Contents
from podfence.kube.entries import Entry, EntryReader
from podfence.kube.kinds import (
    CLUSTER_NETWORK_POLICIES,
    ENDPOINT_SLICES,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    SERVICES,
    WATCHED,
    Kind,
)
from podfence.manifests.gather import gather
from podfence.manifests.served import ServedItem
from podfence.model.change import Changing
from podfence.model.objects import EndpointSlice, Namespace, Node
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot

Object = dict[str, Any]
State = dict[tuple[str, str, str], Object]

NAMES = st.sampled_from(["a", "b", "c"])
SPACES = st.sampled_from(["x", "y"])
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["1", "2"]), max_size=2)


@st.composite
def pods(draw: st.DrawFn) -> Object:
    addresses = draw(st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]), max_size=2, unique=True))
    return {
        "metadata": {"labels": draw(LABELS)},
        "spec": {"hostNetwork": draw(st.booleans()), "nodeName": draw(NAMES)},
        "status": {
            "phase": draw(st.sampled_from(["Pending", "Running", "Running", "Succeeded"])),
            "podIPs": [{"ip": address} for address in addresses],
        },
    }


KINDS: dict[Kind, st.SearchStrategy[Object]] = {
    PODS: pods(),
    NAMESPACES: st.builds(lambda labels: {"metadata": {"labels": labels}}, LABELS),
    NODES: st.builds(
        lambda ip: {"metadata": {}, "status": {"addresses": [{"type": "InternalIP", "address": ip}]}},
        st.sampled_from(["192.168.0.1", "192.168.0.2"]),
    ),
    SERVICES: st.builds(lambda labels: {"metadata": {}, "spec": {"selector": labels, "ports": [{"port": 80}]}}, LABELS),
    ENDPOINT_SLICES: st.builds(
        lambda name: {"metadata": {"labels": {"kubernetes.io/service-name": name}}, "endpoints": []},
        st.sampled_from(["a", "b", ""]),
    ),
    NETWORK_POLICIES: st.builds(
        lambda labels: {"metadata": {}, "spec": {"podSelector": {"matchLabels": labels}}}, LABELS
    ),
    CLUSTER_NETWORK_POLICIES: st.builds(
        lambda peer: {
            "metadata": {},
            "spec": {
                "tier": "Admin",
                "priority": 1,
                "subject": {"namespaces": {}},
                "egress": [{"action": "Deny", "to": [peer]}],
            },
        },
        st.sampled_from([{"nodes": {}}, {"namespaces": {}}, {"odd": 1}]),
    ),
}
CLUSTER_SCOPED = {NAMESPACES, NODES, CLUSTER_NETWORK_POLICIES}


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, Kind, Any]:
    """Draw one thing that happens: an object comes, changes or goes, a kind is listed anew, or somebody asks."""
    kind = draw(st.sampled_from([PODS, PODS, PODS, PODS, *KINDS]))  # most of the subtleties are about pods
    what = draw(st.sampled_from(["put", "put", "put", "drop", "replace", "ask"]))
    many = draw(st.lists(st.tuples(SPACES, NAMES, KINDS[kind]), min_size=1, max_size=1 if what != "replace" else 4))
    return what, kind, [named(kind, *each) for each in many]


def named(kind: Kind, namespace: str, name: str, value: Object) -> Object:
    meta = {**value["metadata"], "name": name}
    if kind not in CLUSTER_SCOPED:
        meta["namespace"] = namespace
    return {**value, "metadata": meta}


def place(kind: Kind, value: Object) -> tuple[str, str, str]:
    return (kind.name, value["metadata"].get("namespace", ""), value["metadata"]["name"])


def entry(kind: Kind, value: Object) -> Entry:
    return EntryReader(kind).of_version(kind.versions[0])(msgspec.Raw(msgspec.json.encode(value)))


class Listener:
    """Knows what it was told, and nothing else."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, str], Changing] = {}

    def hear(self, before: Changing | None, after: Changing | None) -> None:
        """Take one change; what it says was there must be what was told."""
        value = after if after is not None else before
        assert value is not None
        key = _identity(value)
        assert self.known.pop(key, None) == before
        if after is not None:
            self.known[key] = after


def _identity(value: Changing) -> tuple[str, str, str]:
    match value:
        case Policy(ref=ref):
            return (ref.kind, ref.namespace or "", ref.name)
        case Namespace() | Node():
            return (type(value).__name__, "", value.name)
        case EndpointSlice():
            raise AssertionError("a slice has no name in the model")
        case _:
            return (type(value).__name__, value.namespace, value.name)


@settings(max_examples=150)
@given(st.lists(steps(), max_size=25))
def test_contents_are_what_gathering_gives_and_what_a_listener_knows(happened: list[tuple[str, Kind, Any]]) -> None:
    contents, state, listener = Contents(), State(), Listener()
    for what, kind, values in happened:
        match what:
            case "put":
                contents.put(kind, entry(kind, values[0]))
                state[place(kind, values[0])] = values[0]
            case "drop":
                contents.drop(kind, entry(kind, values[0]).key)
                state.pop(place(kind, values[0]), None)
            case "replace":
                contents.replace(kind, [entry(kind, value) for value in values])
                state = {key: value for key, value in state.items() if key[0] != kind.name}
                state |= {place(kind, value): value for value in values}
            case _:
                tell(contents, listener)
    tell(contents, listener)
    snapshot, wanted = contents.snapshot(), gathered(state)
    # An ended pod still names its namespace in a file; in a cluster the namespace has an object of its own.
    assert {each.name for each in wanted.namespaces} - {each.name for each in snapshot.namespaces} <= ended(state)
    assert [each for each in wanted.namespaces if each in snapshot.namespaces] == list(snapshot.namespaces)
    assert snapshot.pods == wanted.pods
    assert snapshot.nodes == wanted.nodes
    assert snapshot.services == wanted.services
    assert snapshot.policies == wanted.policies
    assert sorted(map(_sort, snapshot.endpoint_slices)) == sorted(map(_sort, wanted.endpoint_slices))
    told: list[Changing] = [
        *snapshot.namespaces,
        *snapshot.pods,
        *snapshot.nodes,
        *snapshot.services,
        *snapshot.policies,
    ]
    assert {_identity(each): each for each in told} == listener.known
    assert not contents.changes()


def tell(contents: Contents, listener: Listener) -> None:
    for change in contents.changes():
        assert change.before != change.after
        if not isinstance(change.before or change.after, EndpointSlice):
            listener.hear(change.before, change.after)


def gathered(state: State) -> Snapshot:
    versions = {kind.name: kind.api_version(kind.versions[0]) for kind in WATCHED}
    items = [ServedItem(versions[kind], kind, msgspec.json.encode(value)) for (kind, _, _), value in state.items()]
    return gather(items).snapshot


def ended(state: State) -> set[str]:
    """Name the namespaces of objects that do not matter: ended pods and slices of no Service."""
    return {namespace for (kind, namespace, _) in state if kind in {"Pod", "EndpointSlice"}}


def _sort(each: EndpointSlice) -> tuple[str, str]:
    return (each.namespace, each.service)
