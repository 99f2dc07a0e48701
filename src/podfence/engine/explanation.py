"""An answer with all that a person needs to understand it: the near misses of each side, and the fine print."""

from __future__ import annotations

import msgspec

from podfence.engine.corners import corners
from podfence.engine.directory import Directory
from podfence.engine.nearest import NearMiss, nearest_misses
from podfence.engine.question import Answer, Asked, ask
from podfence.engine.resolve import Resolved
from podfence.model.policy import Direction
from podfence.model.verdict import SideVerdict, Verdict


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """A question with its answer.

    ``egress`` and ``ingress`` hold the near misses of a denied side, ``notes`` whole sentences without a full stop.
    """

    source: Resolved
    destination: Resolved
    port: Asked
    answer: Answer
    egress: tuple[NearMiss, ...]
    ingress: tuple[NearMiss, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the pair that is shown."""
        return self.answer.verdict

    @property
    def sides(self) -> tuple[tuple[SideVerdict, tuple[NearMiss, ...]], ...]:
        """Both sides with their near misses, in the order in which a connection meets them."""
        return (self.verdict.egress, self.egress), (self.verdict.ingress, self.ingress)

    def end(self, direction: Direction) -> Resolved:
        """Give the end that a side is about."""
        return self.source if direction is Direction.EGRESS else self.destination


def explain(directory: Directory, source: Resolved, destination: Resolved, port: Asked) -> Explanation:
    """Answer a question and say why.

    Raises ``PodfenceError`` when a named port or a Service's port is not there.
    """
    answer = ask(directory, source, destination, port)
    verdict, near = answer.verdict, answer.near
    return Explanation(
        source=source,
        destination=destination,
        port=port,
        answer=answer,
        egress=nearest_misses(near, verdict.flow, verdict.egress),
        ingress=nearest_misses(near, verdict.flow, verdict.ingress),
        notes=corners(near, answer.pair, verdict),
    )
