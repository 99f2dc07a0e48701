"""Two snapshots in one frame, so that the programs of both can be held against each other class by class.

What is the same on both sides is there once. A namespace or node that only changed its labels is there twice: the
one from before under a name that no object can have, in the pods and policies of its side as well. Where policies
changed, possible pods and nodes are on both sides alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TypeVar

import msgspec

from podfence.engine.candidates import possible_ends
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.possible import Possible
from podfence.engine.renaming import renamed_policy
from podfence.model.objects import Namespace, Node, Pod
from podfence.model.snapshot import Snapshot

Item = TypeVar("Item", Namespace, Pod, Node)
Named = TypeVar("Named", Namespace, Node)

_BEFORE = "\0before"
"""Behind the name of what changed; no name of an object holds NUL."""


class Side(msgspec.Struct, frozen=True):
    """One of the two snapshots as it is, with its policies' program.

    ``whole`` is the snapshot with what is possible, ``pods`` and ``nodes`` are those of the whole with their classes.
    """

    snapshot: Snapshot
    whole: Snapshot
    program: Program
    pods: tuple[tuple[Pod, int], ...]
    nodes: tuple[tuple[Node, int], ...]


class Joint(msgspec.Struct, frozen=True):
    """Both sides, in one frame; ``relabelled`` are the namespaces that changed their labels."""

    frame: Frame
    before: Side
    after: Side
    possible: Possible
    relabelled: frozenset[str] = frozenset()


def join(before: Snapshot, after: Snapshot, limit: int | None = None) -> Joint:
    """Write two snapshots in one frame; raises ``TooLargeError`` when it would take more than ``limit`` bytes."""
    possible = possible_ends(before, after)
    old, new = possible.added_to(before), possible.added_to(after)
    renamed = _renamed(old, new)
    pods = _both(new.pods, renamed.pods)
    nodes = _both(new.nodes, renamed.nodes)
    joined = Snapshot(
        namespaces=tuple(sorted(_both(new.namespaces, renamed.namespaces), key=lambda item: item.name)),
        pods=tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name))),
        nodes=tuple(sorted(nodes, key=lambda node: node.name)),
        policies=new.policies,
        pod_ranges=after.pod_ranges,
    )
    frame = Frame(joined, renamed.policies, limit)
    class_of_pod = dict(zip(joined.pods, frame.classes.of_pod, strict=True))
    class_of_node = dict(zip(joined.nodes, frame.classes.of_node, strict=True))

    def side(original: Snapshot, whole: Snapshot, written: Snapshot) -> Side:
        return Side(
            snapshot=original,
            whole=whole,
            program=Program(frame, written.policies),
            pods=tuple((a, class_of_pod[b]) for a, b in zip(whole.pods, written.pods, strict=True)),
            nodes=tuple((a, class_of_node[b]) for a, b in zip(whole.nodes, written.nodes, strict=True)),
        )

    relabelled = frozenset(_changed(old.namespaces, new.namespaces))
    return Joint(frame, side(before, old, renamed), side(after, new, new), possible, relabelled)


def _both(after: Iterable[Item], before: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(chain(after, before)))


def _renamed(before: Snapshot, after: Snapshot) -> Snapshot:
    """Give the objects from before other names where something else has theirs now."""
    namespaces = _changed(before.namespaces, after.namespaces)
    nodes = _changed(before.nodes, after.nodes)
    if not namespaces and not nodes:
        return before
    return msgspec.structs.replace(
        before,
        namespaces=tuple(_with_name(item, namespaces) for item in before.namespaces),
        nodes=tuple(_with_name(item, nodes) for item in before.nodes),
        pods=tuple(_moved(pod, namespaces, nodes) for pod in before.pods),
        policies=tuple(renamed_policy(policy, namespaces) for policy in before.policies),
    )


def _changed(before: Iterable[Named], after: Iterable[Named]) -> Mapping[str, str]:
    """Give a new name to each that is there on both sides and differs."""
    now = {item.name: item for item in after}
    return {item.name: item.name + _BEFORE for item in before if now.get(item.name, item) != item}


def _with_name(item: Named, names: Mapping[str, str]) -> Named:
    return msgspec.structs.replace(item, name=names[item.name]) if item.name in names else item


def _moved(pod: Pod, namespaces: Mapping[str, str], nodes: Mapping[str, str]) -> Pod:
    if pod.namespace not in namespaces and pod.node not in nodes:
        return pod
    node = pod.node if pod.node is None else nodes.get(pod.node, pod.node)
    return msgspec.structs.replace(pod, namespace=namespaces.get(pod.namespace, pod.namespace), node=node)
