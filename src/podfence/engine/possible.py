"""Pods and nodes that neither side of a comparison holds, but that a changed policy may be about one day.

They are added to both sides alike. Their names say what they are and can be no object's, since they hold parentheses.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import msgspec

from podfence.engine.policy_changes import Identity
from podfence.engine.renaming import renamed_policy
from podfence.model.objects import Namespace, Node, ObjectRef, Pod
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot

Item = TypeVar("Item", Pod, Node)

POSSIBLE_POD = "PossiblePod"
POSSIBLE_NODE = "PossibleNode"


class Possible(msgspec.Struct, frozen=True):
    """Possible pods and nodes, and the namespaces that they need and that a side lacks.

    ``namespaces`` are possible themselves, ``known`` are of one side. ``homes`` are those of ``namespaces`` that stand
    for a namespace of the input, with its name: its policies hold in them. ``plain`` are the pods and nodes with the
    fewest labels that a changed peer or subject means, by namespace and name, with the policies that say so.
    ``unsure`` are changed policies that may mean more than these pods and nodes can show, where the change
    ``may_open`` or ``may_close`` anything at all.
    """

    pods: tuple[Pod, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    known: tuple[Namespace, ...] = ()
    homes: Mapping[str, str] = MappingProxyType({})
    nodes: tuple[Node, ...] = ()
    plain: Mapping[tuple[str, str], frozenset[Identity]] = MappingProxyType({})
    unsure: tuple[ObjectRef, ...] = ()
    may_open: bool = False
    may_close: bool = False

    def added_to(self, snapshot: Snapshot) -> Snapshot:
        """Copy a snapshot with everything that is possible in it."""
        if not self.pods and not self.nodes:
            return snapshot
        there = {item.name for item in snapshot.namespaces}
        more = [item for item in (*self.namespaces, *self.known) if item.name not in there]
        return msgspec.structs.replace(
            snapshot,
            namespaces=tuple(sorted((*snapshot.namespaces, *more), key=lambda item: item.name)),
            pods=_inserted(snapshot.pods, self.pods, lambda pod: (pod.namespace, pod.name)),
            nodes=_inserted(snapshot.nodes, self.nodes, lambda node: (node.name,)),
            policies=(*snapshot.policies, *self._policies(snapshot)),
        )

    def as_written(self, ref: ObjectRef) -> ObjectRef:
        """Name a policy as the input does."""
        home = self.homes.get(ref.namespace or "")
        return ref if home is None else msgspec.structs.replace(ref, namespace=home)

    def _policies(self, snapshot: Snapshot) -> Iterator[Policy]:
        """Write the policies of the input's namespaces for the possible ones that stand for them."""
        for item in self.namespaces:
            home = self.homes.get(item.name)
            if home is not None:
                own = (policy for policy in snapshot.policies if policy.ref.namespace == home)
                yield from (renamed_policy(policy, {home: item.name}) for policy in own)

    def only(self, wanted: Iterable[tuple[str, str]]) -> Possible:
        """Keep only the pods and nodes of some names, and the namespaces that those pods are in."""
        names = set(wanted)
        pods = tuple(pod for pod in self.pods if (pod.namespace, pod.name) in names)
        homes = {pod.namespace for pod in pods}
        return msgspec.structs.replace(
            self,
            pods=pods,
            namespaces=tuple(item for item in self.namespaces if item.name in homes),
            known=tuple(item for item in self.known if item.name in homes),
            nodes=tuple(node for node in self.nodes if ("", node.name) in names),
        )


def _inserted(
    known: Sequence[Item], more: Iterable[Item], order: Callable[[Item], tuple[str, ...]]
) -> tuple[Item, ...]:
    """Put a few into a long list in order, without looking at each of it."""
    found = list(known)
    for item in more:
        insort(found, item, key=order)
    return tuple(found)
