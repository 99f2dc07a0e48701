"""The state that is desired, being changed: every change is noted, and ``settle`` tells all of them at once.

Sets and chains are counted by their users and go with the last of them.
"""

from __future__ import annotations

from collections import Counter

from podfence.dataplane.difference import Desired, Difference, Shift, shrinks
from podfence.dataplane.objects import Chain, Clause, Element, NamedSet
from podfence.dataplane.permission import Uses
from podfence.dataplane.settings import Settings
from podfence.dataplane.skeleton import skeleton_sets
from podfence.model.error import PodfenceError


class Content:
    """A desired state and what has changed in it since it was settled last."""

    def __init__(self, settings: Settings) -> None:
        self.desired = Desired(settings, {}, {}, {}, {})
        self._users: Counter[tuple[str, str]] = Counter()
        self._uses = Uses()
        self._sets: dict[str, NamedSet | None] = {}
        self._chains: dict[str, Chain | None] = {}
        self._classes: dict[str, tuple[Clause, ...]] = {}
        self._elements: dict[tuple[str, str], Element | None] = {}
        for name, (described, elements) in skeleton_sets(settings).items():
            self.use_set(name, described, elements)

    def use_set(self, name: str, described: NamedSet, elements: dict[str, Element]) -> None:
        """Add a user of a set, and the set with the first of them. Raises ``PodfenceError`` when two share a name."""
        self._users["set", name] += 1
        known = self.desired.sets.get(name)
        if known is None:
            self._sets.setdefault(name, None)
            self.desired.sets[name] = described
            self.desired.elements[name] = {}
            for key, element in elements.items():
                self.put(name, key, element)
        elif known != described:
            raise PodfenceError(f"two different selectors have the same name {name} in the kernel; change one of them")

    def leave_set(self, name: str) -> None:
        """Take a user of a set away, and with the last the set and all that is in it."""
        self._users["set", name] -= 1
        if not self._users["set", name]:
            del self._users["set", name]
            for key in list(self.desired.elements[name]):
                self.drop(name, key)
            self._sets.setdefault(name, self.desired.sets[name])
            del self.desired.sets[name], self.desired.elements[name]

    def use_chain(self, name: str, chain: Chain) -> None:
        """Add a user of a chain, which becomes what it is now."""
        self._users["chain", name] += 1
        self.put_chain(name, chain)

    def leave_chain(self, name: str) -> None:
        """Take a user of a chain away, and with the last the chain."""
        self._users["chain", name] -= 1
        if not self._users["chain", name]:
            del self._users["chain", name]
            self._chains.setdefault(name, self.desired.chains[name])
            del self.desired.chains[name]

    def put_chain(self, name: str, chain: Chain) -> None:
        """Make a chain that is there another."""
        known = self.desired.chains.get(name)
        if known != chain:
            self._chains.setdefault(name, known)
            self.desired.chains[name] = chain

    def put_class(self, name: str, clauses: tuple[Clause, ...]) -> None:
        """Say what a chain means that maps lead to."""
        self.drop_class(name)
        self._uses.add(clauses)
        self.desired.classes[name] = clauses

    def drop_class(self, name: str) -> None:
        """Forget what a chain means, if it was known."""
        known = self.desired.classes.pop(name, None)
        if known is not None:
            self._classes.setdefault(name, known)
            self._uses.add(known, -1)

    def put(self, set_name: str, key: str, element: Element) -> None:
        """Put an element into a set, or in the place of another with its key, unless it is there."""
        elements = self.desired.elements[set_name]
        known = elements.get(key)
        if known != element:
            self._elements.setdefault((set_name, key), known)
            elements[key] = element

    def drop(self, set_name: str, key: str) -> None:
        """Take an element out of a set; that the set has gone already is fine."""
        known = self.desired.elements.get(set_name, {}).pop(key, None)
        if known is not None:
            self._elements.setdefault((set_name, key), known)

    def settle(self) -> Difference:
        """Give what has changed since the last time, and begin anew."""
        here = self.desired.sets
        sets = {name: here[name] for name in sorted(self._sets) if self._sets[name] is None and name in here}
        added, removed = self._changed_elements()
        changed = {name: old for name, old in self._classes.items() if self.desired.classes.get(name) != old}
        found = Difference(
            sets=sets,
            dropped_sets=tuple(name for name in sorted(self._sets) if self._sets[name] and name not in here),
            chains={
                name: self.desired.chains[name]
                for name in sorted(self._chains)
                if name in self.desired.chains and self._chains[name] != self.desired.chains[name]
            },
            dropped_chains=tuple(
                name for name in sorted(self._chains) if self._chains[name] and name not in self.desired.chains
            ),
            added=added,
            removed=removed,
            shrinks=shrinks(Shift(changed, self.desired, sets, added, removed), self._uses),
        )
        for noted in (self._sets, self._chains, self._classes, self._elements):
            noted.clear()
        return found

    def _changed_elements(self) -> tuple[dict[str, dict[str, Element]], dict[str, dict[str, Element]]]:
        added: dict[str, dict[str, Element]] = {}
        removed: dict[str, dict[str, Element]] = {}
        for (name, key), before in self._elements.items():
            if name not in self.desired.sets:
                continue
            after = self.desired.elements[name].get(key)
            if before == after:
                continue
            # A set that went and came again within one batch is the same set to the kernel.
            if before is not None:
                removed.setdefault(name, {})[key] = before
            if after is not None:
                added.setdefault(name, {})[key] = after
        return added, removed
