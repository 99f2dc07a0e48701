"""One object of a watch to what is kept of it: read through ``manifests``, so that files and clusters mean the same.

Everything else of the object is dropped at once; a hundred thousand pods must fit into an agent's memory.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from podfence.kube.kinds import Kind
from podfence.manifests import wire
from podfence.manifests.convert import cluster, pods, services
from podfence.manifests.convert.closed import closed_policy
from podfence.manifests.convert.fields import FieldProblems
from podfence.manifests.convert.pods import PodRecord
from podfence.manifests.convert.sharing import Shared
from podfence.manifests.extraction import POLICY_CONVERTERS, converted_policy, decoded
from podfence.manifests.served import ServedItem
from podfence.model.objects import EndpointSlice, Namespace, Node, ObjectRef, Service
from podfence.model.policy import Policy

Key = tuple[str, str]
"""Namespace, empty for what is in none, and name."""

Kept = Namespace | Node | Service | EndpointSlice | Policy | PodRecord | None
"""``None``: the object exists and does not matter, such as a pod that has ended."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An object by its key; ``problems`` is what could not be read of it, in one line, empty when all could."""

    key: Key
    value: Kept
    problems: str = ""


class _Meta(msgspec.Struct, frozen=True):
    name: str
    namespace: str | None = None


class _Named(msgspec.Struct, frozen=True):
    metadata: _Meta


_NAMED = msgspec.json.Decoder(_Named)

Convert = Callable[[ServedItem, Key, Shared, FieldProblems], Kept]


class EntryReader:
    """Reads the objects of one kind; equal labels, ports and names of all of them are one object."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._shared = Shared()
        self._convert = _CONVERTERS.get(kind.name, _policy)

    def forget(self) -> None:
        """Share nothing with what was read before: labels of objects long gone would add up."""
        self._shared = Shared()

    def of_version(self, version: str) -> Callable[[msgspec.Raw], Entry]:
        """Give the function that reads the text of an object of one version.

        It raises ``msgspec.MsgspecError`` for what has no name, which no server sends: nobody can tell what it is.
        """
        api_version, kind = self._kind.api_version(version), self._kind.name

        def read(raw: msgspec.Raw) -> Entry:
            meta = _NAMED.decode(raw).metadata
            key = (self._shared.one(meta.namespace or ""), meta.name)
            problems: FieldProblems = []
            value = self._convert(ServedItem(api_version, kind, raw), key, self._shared, problems)
            return Entry(key, value, "; ".join(f"{problem.path}: {problem.message}" for problem in problems))

        return read


def _pod(item: ServedItem, _key: Key, shared: Shared, problems: FieldProblems) -> PodRecord | None:
    read, found = decoded(item, wire.Pod)
    record = pods.pod_record(read, "", shared, problems)
    problems.extend(found)
    return None if record.ended else record


def _namespace(item: ServedItem, key: Key, _shared: Shared, problems: FieldProblems) -> Namespace:
    read, found = decoded(item, wire.Object)
    problems.extend(found)
    return cluster.namespace(key[1], read.metadata.labels if read.metadata is not None else None)


def _node(item: ServedItem, key: Key, shared: Shared, problems: FieldProblems) -> Node:
    read, found = decoded(item, wire.Node)
    problems.extend(found)
    return cluster.node(read, key[1], shared, problems)


def _service(item: ServedItem, key: Key, shared: Shared, problems: FieldProblems) -> Service:
    read, found = decoded(item, wire.Service)
    problems.extend(found)
    return services.service(read, *key, shared, problems)


def _endpoint_slice(item: ServedItem, key: Key, _shared: Shared, problems: FieldProblems) -> EndpointSlice | None:
    read, found = decoded(item, wire.EndpointSlice)
    problems.extend(found)
    return services.endpoint_slice(read, key[0], problems)


def _policy(item: ServedItem, key: Key, _shared: Shared, problems: FieldProblems) -> Policy:
    """Read a policy; one that cannot be read at all stays, and closes."""
    ref = ObjectRef(item.kind, key[0] or None, key[1])
    try:
        value = item.plain()
    except (RecursionError, msgspec.MsgspecError) as error:
        return closed_policy(ref, f"the object cannot be read: {error}")
    policy, _ = converted_policy(value, ref, POLICY_CONVERTERS[item.api_version, item.kind], problems)
    return policy


_CONVERTERS: dict[str, Convert] = {
    "Pod": _pod,
    "Namespace": _namespace,
    "Node": _node,
    "Service": _service,
    "EndpointSlice": _endpoint_slice,
}
