"""The smallest change to the policies that allows a connection, opens the least else, and closes nothing.

Sides are mended one after the other until the question is answered with yes; every way to do so is a draft. The
engine proves each draft, and the best of those that close nothing is the suggestion. What is not proved is never
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from podfence.engine.budget import TooLargeError
from podfence.engine.directory import Directory
from podfence.engine.judge import Party
from podfence.engine.question import Asked, Pair, judge_pair, pairs_of
from podfence.engine.resolve import Resolved
from podfence.manifests.loaded import Identity
from podfence.model.net import Protocol
from podfence.model.objects import Pod
from podfence.model.policy import Direction, Policy
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn, SideVerdict, Verdict
from podfence.synthesis.candidates import Denied, Workshop, candidates
from podfence.synthesis.edit import Draft, Edit, drafted
from podfence.synthesis.peers import UnnameableError
from podfence.synthesis.proof import Opened, Proof, Proved

_DEEPEST = 6
"""How many sides are mended one after the other: two in most cases, more where groups of pods differ."""

_MOST_DRAFTS = 48
_MOST_DRAFTS_OF_MANY_CLASSES = 4
_MANY_CLASSES = 5_000


class Suggestion(msgspec.Struct, frozen=True):
    """A proved change: the edits, whole manifests for ``kubectl apply``, and what opens besides what was asked.

    ``pairs`` counts the pairs of ends that open besides; ``besides`` names the first of them.
    """

    edits: tuple[Edit, ...]
    manifests: str
    besides: tuple[Opened, ...]
    pairs: int


class Refusal(msgspec.Struct, frozen=True):
    """Why there is no suggestion, in one sentence without a full stop."""

    reason: str


class _AdminDenyError(Exception):
    def __init__(self, side: SideVerdict) -> None:
        super().__init__(side)
        self.side = side


def suggest(
    directory: Directory,
    documents: Mapping[Identity, Mapping[str, Any]],
    source: Resolved,
    destination: Resolved,
    port: Asked,
    *,
    limit: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Suggestion | Refusal:
    """Find the change that allows a denied question.

    ``documents`` are the plain policies that may be changed, by identity: leave out those that the API server
    refuses. ``limit`` is how many bytes a proof may take, ``progress`` is told what is being done.
    """
    search = _Search(directory, documents, source, destination, port)
    try:
        drafts = list(search.drafts())
    except _AdminDenyError as denied:
        return Refusal(_admin_reason(denied.side))
    if not drafts:
        return Refusal(search.why)
    progress(f"proving {len(drafts)} changes")
    try:
        best = _best(directory.snapshot, search.pairs, drafts, limit)
    except TooLargeError as error:
        return Refusal(f"no change could be proved: {error}")
    if best is None:
        return Refusal("no change was found that closes nothing else")
    return Suggestion(best.draft.edits, best.draft.manifests, best.besides, best.pairs)


def _best(snapshot: Snapshot, pairs: list[Pair], drafts: list[Draft], memory: int | None) -> Proved | None:
    """Prove the drafts, those with the least to write first; one that opens nothing else cannot be beaten then.

    In a large cluster only a few are proved: those that speak of the fewest ends.
    """
    proof = Proof(snapshot, pairs, drafts, memory)
    order, limit = drafts, _MOST_DRAFTS
    if proof.size >= _MANY_CLASSES:
        order, limit = sorted(drafts, key=proof.breadth)[:_MOST_DRAFTS_OF_MANY_CLASSES], _MOST_DRAFTS_OF_MANY_CLASSES
    best: Proved | None = None
    for number, draft in enumerate(sorted(order, key=lambda draft: draft.lines)):
        if best is not None and (number >= limit or (best.pairs, best.ports) == (0, 0)):
            break
        proved = proof.prove(draft)
        if proved is not None and (best is None or proved.cost < best.cost):
            best = proved
    return best


class _Search:
    """Walks through all ways to mend one denied side after the other."""

    def __init__(
        self,
        directory: Directory,
        documents: Mapping[Identity, Mapping[str, Any]],
        source: Resolved,
        destination: Resolved,
        port: Asked,
    ) -> None:
        self._directory = directory
        self._documents = documents
        self._question = (source, destination, port)
        self._near = directory.near((*source.parties, *destination.parties))
        self.pairs = list(pairs_of(directory, self._near, *self._question))
        self.why = "no change to these policies was found that allows it"

    def drafts(self, draft: Draft | None = None, depth: int = 0) -> Iterator[Draft]:
        """Give the drafts under which everything that was asked is allowed. Raises ``_AdminDenyError``."""
        draft = draft or Draft()
        near = draft.on(self._near)
        pairs = list(pairs_of(self._directory, near, *self._question)) if draft.edits else self.pairs
        judged = [(pair, judge_pair(near, pair)) for pair in pairs]
        denied = _first_cause(judged)
        if denied is None:
            yield draft
            return
        if depth >= _DEEPEST:
            return
        workshop = Workshop(self._directory, near, self._documents, draft)
        try:
            found = candidates(workshop, denied)
        except UnnameableError as reason:
            self.why = str(reason)
            return
        for edits in found:
            changed = self._with(draft, edits)
            if changed is not None:
                yield from self.drafts(changed, depth + 1)

    def _with(self, draft: Draft, edits: tuple[Edit, ...]) -> Draft | None:
        changed: Draft | None = draft
        for edit in edits:
            changed = drafted(changed, edit, self._documents) if changed is not None else None
        return changed


def _first_cause(judged: list[tuple[Pair, Verdict]]) -> Denied | None:
    """Put together the denied sides that have the cause of the first one. Raises ``_AdminDenyError``."""
    sides = [
        (pair, verdict, side)
        for pair, verdict in judged
        for side in (verdict.egress, verdict.ingress)
        if not side.allowed
    ]
    for _, _, side in sides:
        if side.tier is DecidedIn.ADMIN:
            raise _AdminDenyError(side)
    if not sides:
        return None
    ports: dict[int, dict[tuple[Protocol, int], None]] = {}
    for pair, _, _ in sides:
        ports.setdefault(id(pair.destinations), {})[pair.protocol, pair.port] = None
    ports_of = {group: tuple(found) for group, found in ports.items()}
    first_pair, _, first = sides[0]
    wanted = (_cause(first), ports_of[id(first_pair.destinations)])
    alike = [item for item in sides if (_cause(item[2]), ports_of[id(item[0].destinations)]) == wanted]
    egress = first.direction is Direction.EGRESS
    subjects = _each(party for pair, _, _ in alike for party in (pair.sources if egress else pair.destinations))
    return Denied(
        direction=first.direction,
        side=first,
        subjects=tuple(party for party in subjects if isinstance(party, Pod)),
        others=_each(party for pair, _, _ in alike for party in (pair.destinations if egress else pair.sources)),
        ports=wanted[1],
        verdicts=tuple(verdict for _, verdict, _ in alike),
        isolated_by=_all_isolated_by([side for _, _, side in alike]),
    )


def _cause(side: SideVerdict) -> tuple[object, ...]:
    policy = side.policy.ref.identity if side.policy is not None else None
    return side.direction, side.tier, policy, side.rule.path if side.rule is not None else None


def _each(parties: Iterator[Party]) -> tuple[Party, ...]:
    return tuple(dict.fromkeys(parties))


def _all_isolated_by(sides: list[SideVerdict]) -> tuple[Policy, ...]:
    """List the policies that isolate the subjects of all sides."""
    shared = set.intersection(*({policy.ref.identity for policy in side.isolated_by} for side in sides))
    return tuple(policy for policy in sides[0].isolated_by if policy.ref.identity in shared)


def _admin_reason(side: SideVerdict) -> str:
    if side.policy is None or side.rule is None:
        return "an Admin-tier Deny stands above"
    ref = side.policy.ref
    where = f" ({ref.source.position(side.rule.path)})" if ref.source is not None else ""
    return (
        f"{ref.kind} {ref.name} denies it in the Admin tier, {side.rule.path}{where}: "
        f"no NetworkPolicy can allow what stands above it"
    )
