"""Collects possible pods, nodes and namespaces and gives each a name that says what it is."""

from __future__ import annotations

from collections import defaultdict

from podfence.engine.both_sides import BothSides, Space
from podfence.engine.label_sets import OTHER, LabelSets, label_sets, overlap
from podfence.engine.policy_changes import ChangedPart, Identity, PolicyChanges
from podfence.engine.possible import POSSIBLE_POD, Possible
from podfence.model.labels import NAMESPACE_NAME_LABEL, Labels, Selector
from podfence.model.objects import NamedPort, Namespace, Node, ObjectRef, Pod

MOST_LABEL_SETS = 64
_MOST = 256
"""Pods and nodes of one comparison: a row is read for each of them."""


class Choice:
    """Collects possible pods and nodes over all parts; what two parts need alike is there once."""

    def __init__(self, sides: BothSides) -> None:
        self.sides = sides
        self.unsure: dict[ObjectRef, None] = {}
        self._pods: dict[tuple[str, Labels, tuple[NamedPort, ...]], Pod] = {}
        self._spaces: dict[Labels, Namespace] = {}
        self._names: set[str] = set(sides.spaces)
        self._nodes: dict[Labels, Node] = {}
        self._plain: dict[tuple[str, str], set[Identity]] = defaultdict(set)
        self._known_overlaps: dict[tuple[Selector, Selector], bool] = {}
        self._known_sets: dict[tuple[tuple[Selector, ...], int], LabelSets] = {}

    @property
    def is_full(self) -> bool:
        """Tell whether there are as many as may be."""
        return len(self._pods) + len(self._nodes) >= _MOST

    def label_sets(self, selectors: tuple[Selector, ...], wanted: int) -> LabelSets:
        """Give the label sets that selectors tell apart, remembered."""
        key = (selectors, wanted)
        if key not in self._known_sets:
            self._known_sets[key] = label_sets(selectors, wanted, MOST_LABEL_SETS)
        return self._known_sets[key]

    def overlap(self, one: Selector, other: Selector) -> bool:
        """Tell whether some label set matches both of two selectors, remembered."""
        known = self._known_overlaps.get((one, other))
        if known is None:
            known = self._known_overlaps[one, other] = overlap(one, other)
        return known

    def space(self, labels: Labels) -> Space:
        """Give a possible namespace of some labels, its name among them."""
        found = self._spaces.get(labels)
        if found is None:
            named = dict(labels)[NAMESPACE_NAME_LABEL]
            rest = tuple(item for item in labels if item[0] != NAMESPACE_NAME_LABEL)
            name = named if named != OTHER else _label_text(rest) if rest else OTHER
            if name in self._names:
                name = f"{name} {_label_text(rest)}"
            self._names.add(name)
            found = self._spaces[labels] = Namespace(name, labels)
        return Space(found.name, (labels,), self._home(found), is_known=False)

    def _home(self, namespace: Namespace) -> str | None:
        """Name the namespace of the input that a possible one stands for."""
        named = dict(namespace.labels)[NAMESPACE_NAME_LABEL]
        return named if named in self.sides.spaces else None

    def add_pod(self, space: Space, labels: Labels, ports: tuple[NamedPort, ...]) -> Pod:
        """Add a pod; two of it, since alike pods may talk to each other."""
        key = (space.name, labels, ports)
        found = self._pods.get(key)
        if found is None:
            declared = "".join(f" {port.name}={port.protocol.value}/{port.number}" for port in ports)
            name = _label_text(labels) + declared
            found = self._pods[key] = Pod(
                space.name, name, labels, named_ports=ports, workload=(POSSIBLE_POD, name), count=2
            )
        return found

    def add_node(self, labels: Labels) -> Node:
        """Add a node."""
        return self._nodes.setdefault(labels, Node(_label_text(labels), labels))

    def mark_plain(self, item: Pod | Node, part: ChangedPart) -> None:
        """Mark a pod or node as the simplest that a selector of a part means."""
        name = (item.namespace if isinstance(item, Pod) else "", item.name)
        self._plain[name].update(ref.identity for ref in part.refs)

    def possible(self, changes: PolicyChanges) -> Possible:
        """Give everything that was chosen."""
        homes = {pod.namespace for pod in self._pods.values()}
        namespaces = tuple(item for item in self._spaces.values() if item.name in homes)
        return Possible(
            pods=tuple(self._pods.values()),
            namespaces=namespaces,
            homes={item.name: home for item in namespaces if (home := self._home(item)) is not None},
            known=tuple(self.sides.spaces[name][-1] for name in sorted(homes) if name in self.sides.spaces),
            nodes=tuple(self._nodes.values()),
            plain={name: frozenset(found) for name, found in self._plain.items()},
            unsure=tuple(sorted(self.unsure, key=lambda ref: str(ref.identity))),
            may_open=changes.may_open,
            may_close=changes.may_close,
        )


def _label_text(labels: Labels) -> str:
    """Name what has some labels: ``(app=web, tier=front)``."""
    return f"({', '.join(f'{key}={value}' for key, value in labels)})" if labels else "(no labels)"
