"""Holds every mend against the cluster as it is: what it opens, what it closes, and nothing unnamed.

All mends share one frame. Where there are hundreds only the first are proved, those of the worst findings; the
others are not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from podfence.engine import bitset
from podfence.engine.compare import Change
from podfence.engine.frame import Frame
from podfence.lint.dns import is_assumed
from podfence.lint.inspection import Inspection
from podfence.lint.mend import Mend, carried_out
from podfence.lint.names import Names, and_more, ports_text
from podfence.lint.replaced import Replacing
from podfence.model.objects import Pod
from podfence.model.snapshot import Snapshot
from podfence.synthesis.proof import owned_atoms

_NAMED = 3
_MOST_PROVED = 300
_MOST_POLICIES = 30_000
"""How many mends are proved, and how many policies compiled for that: whoever has more begins with the worst."""


ANY_POD = "any pod"


def with_somebody_everywhere(snapshot: Snapshot) -> Snapshot:
    """Put a pod without labels into each namespace that shows none, so that rules about it have an effect to see."""
    inhabited = {pod.namespace for pod in snapshot.pods}
    added = [
        Pod(namespace=namespace.name, name=ANY_POD, workload=("", ANY_POD), from_template=True)
        for namespace in snapshot.namespaces
        if namespace.name not in inhabited
    ]
    if not added:
        return snapshot
    pods = sorted((*snapshot.pods, *added), key=lambda pod: (pod.namespace, pod.name, pod.workload))
    return msgspec.structs.replace(snapshot, pods=tuple(pods))


class Fix(msgspec.Struct, frozen=True):
    """A proved mend: whole manifests, the lines that differ, and what it opens and closes in words.

    ``only_opens`` tells that it opens something and closes nothing, ``opened`` how much: pairs of ends, for each
    range of ports that the policies tell apart.
    """

    mend: Mend
    manifest: str
    difference: tuple[str, ...]
    effect: str
    only_opens: bool
    opened: int = 0


class Prover:
    """Proves mends in one frame, which holds every policy that they make. Raises ``TooLargeError``."""

    def __init__(self, inspection: Inspection, mends: Sequence[Mend]) -> None:
        snapshot = with_somebody_everywhere(inspection.snapshot)
        self._mended = {id(mend): carried_out(mend, inspection.documents) for mend in _affordable(snapshot, mends)}
        more = [item.policy for item in self._mended.values() if item is not None]
        self._frame = Frame(snapshot, more, inspection.limit)
        self._replacing = Replacing(self._frame)
        self._names = Names(self._frame)
        self._owned = owned_atoms(self._frame, snapshot)
        pods = zip(snapshot.pods, self._frame.classes.of_pod, strict=True)
        self._assumed = bitset.make({number for pod, number in pods if is_assumed(pod)})

    def best(self, mends: Iterable[Mend]) -> Fix | None:
        """Prove mends that stand for each other, and give the one that opens the least, the first among equals.

        ``None`` where there are too many to prove them all: the one left out might be it.
        """
        mends = tuple(mends)
        if any(id(mend) not in self._mended for mend in mends):
            return None
        fixes = [fix for mend in mends if (fix := self.prove(mend)) is not None]
        return min(fixes, key=lambda fix: fix.opened, default=None)

    def prove(self, mend: Mend) -> Fix | None:
        """Prove one of the mends; ``None`` when it does not do what it is meant to, or does more."""
        mended = self._mended.get(id(mend))
        if mended is None:
            return None
        opens, closes = map(self._real, self._replacing.changes(mended.policy))
        if (opens and not mend.opens) or (closes and not mend.closes):
            return None
        if not opens and not closes and (mend.opens or mend.closes):
            return None
        opened = sum(change.ports.bit_count() * change.destinations.bit_count() for change in opens)
        effect = self._effect(opens, closes)
        return Fix(mend, mended.manifest, mended.difference, effect, bool(opens) and not closes, opened)

    def _real(self, changes: Iterable[Change]) -> list[Change]:
        """Leave out a pod's way to itself, and addresses that all have an owner: those are the owner's connections."""
        classes = self._frame.classes
        kept = []
        for change in changes:
            alone = change.source >= classes.pods or classes.sizes[change.source] <= 1
            destinations = change.destinations & ~self._owned
            if alone:
                destinations &= ~(1 << change.source)
            if destinations and not self._owned >> change.source & 1:
                kept.append(Change(change.source, change.ports, destinations))
        return kept

    def _effect(self, opens: Sequence[Change], closes: Sequence[Change]) -> str:
        parts = []
        if not opens and not closes:
            return "changes nothing"
        if opens:
            parts.append(f"opens {self._listed(opens)}")
        if closes:
            parts.append(f"closes {self._listed(closes)}")
        return f"{', '.join(parts)}, nothing else"

    def _listed(self, changes: Sequence[Change]) -> str:
        lines = dict.fromkeys(self._lines(changes))
        named = list(lines)[:_NAMED]
        more = f" and {len(lines) - len(named)} more" if len(lines) > len(named) else ""
        return "; ".join(named) + more

    def _lines(self, changes: Sequence[Change]) -> Iterator[str]:
        merged: dict[tuple[int, int], int] = {}
        for change in changes:
            for destination in bitset.members(change.destinations):
                key = (change.source, destination)
                merged[key] = merged.get(key, 0) | change.ports
        told = {pair: ports for pair, ports in merged.items() if not any(self._assumed >> end & 1 for end in pair)}
        merged = told or merged
        outside = {number for pair in merged for number in pair if number >= self._frame.classes.first_atom}
        sources_of: dict[tuple[str, int], dict[int, None]] = {}
        for (source, destination), ports in merged.items():
            sources_of.setdefault((self._name(destination, outside), ports), {})[source] = None
        for (name, ports), sources in sources_of.items():
            starts = dict.fromkeys(self._name(source, outside) for source in sources)
            listed = ["anybody"] if self._is_anybody(sources) else list(starts)
            yield f"{and_more(listed, _NAMED)} → {name} {ports_text(self._frame, ports)}"

    def _is_anybody(self, sources: Collection[int]) -> bool:
        """Tell whether sources are all ends that there are, but for the destination itself and assumed pods."""
        everybody = self._frame.classes.total - 1 - self._assumed.bit_count()
        return len(sources) >= everybody and max(sources) >= self._frame.classes.first_atom

    def _name(self, number: int, outside: set[int]) -> str:
        """Name a class; the pieces into which blocks cut the outside, where several differ, are all of it."""
        return "outside addresses" if number in outside and len(outside) > 1 else self._names.of(number)


def _affordable(snapshot: Snapshot, mends: Sequence[Mend]) -> Iterator[Mend]:
    """List the first mends, as many as can be proved in a second or so."""
    policies = Counter(policy.ref.namespace for policy in snapshot.policies)
    left = _MOST_POLICIES
    for mend in mends[:_MOST_PROVED]:
        namespace = mend.ref.namespace if mend.ref is not None else None
        left -= policies[None] + policies[namespace] if namespace is not None else policies.total()
        yield mend
        if left < 0:
            return
