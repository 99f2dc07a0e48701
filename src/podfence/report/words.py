"""Sets of endpoints in words: who they are together, so that nobody need read a list of everybody."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.model.policy import Direction
from podfence.report.addresses import ranges_text

ANYWHERE = "anywhere (outside the cluster included)"
OWN_NODE = "Pods are always reached from the node that they run on; that is not listed."
NOUNS = {Grouping.POD: "pod", Grouping.WORKLOAD: "workload", Grouping.NAMESPACE: "namespace"}
_MOST_NAMES = 12
_MOST_EXCEPTIONS = 3


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 pod``, ``2 pods``, ``12,000 pods``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Words:
    """Names the endpoints of a connectivity, alone and together."""

    def __init__(self, connectivity: Connectivity) -> None:
        self.endpoints = connectivity.endpoints
        self.noun = NOUNS[connectivity.grouping]
        everyone = range(len(self.endpoints))
        self.inside = frozenset(number for number in everyone if self.endpoints[number].has_pods)
        self.outside = frozenset(number for number in everyone if self.endpoints[number].kind == "External")
        self.abroad = frozenset(number for number in everyone if self.endpoints[number].is_outside)
        self.nodes = frozenset(number for number in everyone if self.endpoints[number].kind == "Node")
        self._isolated = _isolated_pods(connectivity)
        self.free = frozenset(number for number in self.inside if not self.isolated(number, Direction.EGRESS))
        self._names = _short_names(self.endpoints)
        self._members: dict[str, set[int]] = defaultdict(set)
        for number in self.inside:
            self._members[self.endpoints[number].namespace or ""].add(number)

    def name(self, number: int, home: str | None = None) -> str:
        """Name one endpoint; ``home`` is the namespace that goes without saying."""
        endpoint = self.endpoints[number]
        short = self._names[number]
        if endpoint.namespace is None or endpoint.namespace == home:
            return short
        return f"{endpoint.namespace}/{short}"

    def members_of(self, namespace: str | None) -> frozenset[int]:
        """Give the endpoints with pods of a namespace, the namespace itself where it is one; of all without one."""
        if namespace is None:
            return self.inside
        whole = f"namespace/{namespace}"
        return frozenset(
            number
            for number in self.inside
            if self.endpoints[number].namespace == namespace or self.endpoints[number].id == whole
        )

    def place(self, number: int) -> str:
        """Say where an endpoint is: in its namespace, among nodes or namespaces, or outside the cluster."""
        if number in self.abroad:
            return "outside the cluster"
        if number in self.nodes:
            return "nodes"
        return self.endpoints[number].namespace or "namespaces"

    def isolated(self, number: int, direction: Direction) -> int:
        """Count the isolated among the pods of a namespace; for any other endpoint 1 if it is isolated, else 0."""
        endpoint = self.endpoints[number]
        if endpoint.kind == "Namespace":
            return self._isolated[endpoint.name, direction]
        return int(endpoint.ingress_isolated if direction is Direction.INGRESS else endpoint.egress_isolated)

    def isolation(self, numbers: Collection[int]) -> str:
        """Say how many of some endpoints are isolated; of namespaces, how many of their pods."""
        ingress, egress = (sum(self.isolated(number, way) for number in numbers) for way in Direction)
        of_pods = f" of {self.pods(numbers)}" if self.noun == "namespace" else ""
        return f"{ingress:,}{of_pods} isolated for ingress, {egress:,} for egress"

    def pods(self, numbers: Iterable[int]) -> str:
        """Count the pods of some endpoints."""
        return count(sum(self.endpoints[number].pods for number in numbers), "pod")

    def sources(self, numbers: Collection[int], target: int, home: str | None = None, *, complete: bool = True) -> str:
        """Say who reaches a target: ``anywhere``, ``every pod``, or names.

        ``home`` is the namespace that goes without saying. Whoever is not ``complete``ly known gets no exceptions:
        who is missing may only not be shown.
        """
        found = frozenset(numbers)
        inside, outside = found & self.inside, found & self.outside
        missing = self.inside - inside - {target}
        all_outside = bool(self.outside) and outside == self.outside
        if all_outside and _nearly_all(inside, missing, complete=complete):
            return self._except(ANYWHERE, missing, home)
        parts = self._groups(inside, missing, target, home, complete=complete) if inside else []
        if outside:
            parts.append("anywhere outside the cluster" if all_outside else f"outside {self.addresses(outside)}")
        others = found - inside - outside
        if others:
            parts.append("every node" if others == self.nodes else self.names(sorted(others), home))
        return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)

    def nobody(self, number: int) -> str:
        """Say that nobody reaches an endpoint, but for a node in the input that runs it."""
        own = set(self.endpoints[number].runs_on)
        on_known_node = any(self.endpoints[node].name in own for node in self.nodes)
        return "nobody but its own node" if on_known_node else "nobody"

    def places(self, targets: Collection[int]) -> str:
        """Say where outside the cluster some targets are: ``anywhere``, or blocks and names."""
        addresses = self.outside.intersection(targets)
        if self.outside and addresses == self.outside:
            return "anywhere"
        names = [self.endpoints[number].name for number in targets if self.endpoints[number].kind == "Domain"]
        return ", ".join([*([self.addresses(addresses)] if addresses else ()), *names])

    def addresses(self, numbers: Iterable[int]) -> str:
        """Write the addresses of outside endpoints together."""
        return ranges_text(piece for number in numbers for piece in self.endpoints[number].ranges)

    def names(self, numbers: Sequence[int], home: str | None = None, most: int = _MOST_NAMES) -> str:
        """List names, the first of them when there are many."""
        names = [self.name(number, home) for number in numbers]
        if len(names) <= most:
            return ", ".join(names)
        return f"{', '.join(names[: most - 2])} and {len(names) - most + 2:,} more"

    def _groups(
        self, inside: frozenset[int], missing: frozenset[int], target: int, home: str | None, *, complete: bool
    ) -> list[str]:
        """Say who some endpoints with pods are: all, all that may go anywhere, all of a namespace, or by name."""
        if len(inside) > 1 and _nearly_all(inside, missing, complete=complete):
            every = "every pod" if self.noun == "workload" else f"every {self.noun}"
            return [self._except(every, missing, home)]
        if len(inside) > _MOST_EXCEPTIONS and inside | {target} == self.free | {target}:
            the = "the other" if target in self.free - inside else "the"
            return [f"{the} {count(len(inside), self.noun)} not isolated for egress"]
        parts = []
        left = set(inside)
        for namespace, members in sorted(self._members.items()):
            if namespace and len(members) > _MOST_EXCEPTIONS and members <= inside:
                parts.append(f"all of {namespace}")
                left -= members
        if left:
            parts.append(self.names(sorted(left, key=lambda number: self._order(number, home)), home))
        return parts

    def _order(self, number: int, home: str | None) -> tuple[bool, str]:
        return (self.endpoints[number].namespace != home, self.name(number))

    def _except(self, text: str, missing: Iterable[int], home: str | None) -> str:
        absent = sorted(missing, key=lambda number: self._order(number, home))
        return f"{text} except {self.names(absent, home)}" if absent else text


def _nearly_all(inside: frozenset[int], missing: frozenset[int], *, complete: bool) -> bool:
    most = _MOST_EXCEPTIONS if complete else 0
    return len(missing) <= most and 2 * len(missing) <= len(inside)


def _isolated_pods(connectivity: Connectivity) -> Counter[tuple[str, Direction]]:
    """Count the isolated pods of each namespace, where endpoints are namespaces."""
    found: Counter[tuple[str, Direction]] = Counter()
    if connectivity.grouping is Grouping.NAMESPACE:
        program = connectivity.program
        for pod, number in zip(connectivity.snapshot.pods, program.classes.of_pod, strict=True):
            for direction in Direction:
                if program.isolated[direction] >> number & 1:
                    found[pod.namespace, direction] += pod.count
    return found


def _short_names(endpoints: Sequence[Endpoint]) -> list[str]:
    """Name each endpoint without its namespace, with its kind only where the name alone is not enough."""
    kinds: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for endpoint in endpoints:
        if endpoint.namespace is not None:
            kinds[endpoint.namespace, endpoint.name].add(endpoint.kind)
    return [
        endpoint.id
        if endpoint.kind in {"Node", "Domain"}
        else endpoint.name
        if len(kinds[endpoint.namespace, endpoint.name]) < 2
        else f"{endpoint.kind}/{endpoint.name}"
        for endpoint in endpoints
    ]
