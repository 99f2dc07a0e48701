"""An answer with all that a person needs to understand it: the near misses of each side, and the fine print."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podfence.engine.corners import corners
from podfence.engine.directory import Directory
from podfence.engine.nearest import NearMiss, nearest_misses
from podfence.engine.question import Answer, Asked, ask, left_out
from podfence.engine.resolve import Resolved
from podfence.model.policy import Direction
from podfence.model.verdict import SideVerdict, Verdict

_MOST_NAMED = 4
"""How many pods a note names."""


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
    return explain_answer(source, destination, port, ask(directory, source, destination, port))


def explain_answer(source: Resolved, destination: Resolved, port: Asked, answer: Answer) -> Explanation:
    """Say why an answer is what it is."""
    verdict, near = answer.verdict, answer.near
    return Explanation(
        source=source,
        destination=destination,
        port=port,
        answer=answer,
        egress=nearest_misses(near, verdict.flow, verdict.egress),
        ingress=nearest_misses(near, verdict.flow, verdict.ingress),
        notes=(*_left_out(destination, port), *corners(near, answer.pair, verdict)),
    )


def _left_out(destination: Resolved, port: Asked) -> Iterator[str]:
    """Say which pods of a Service get nothing from the port that was asked for."""
    found = left_out(destination, port)
    if found is None or destination.service is None:
        return
    item, pods = found
    names = [f"{pod.namespace}/{pod.name}" for pod in pods[:_MOST_NAMED]]
    more = f" and {len(pods) - len(names)} more" if len(pods) > len(names) else ""
    service = f"{destination.service.namespace}/{destination.service.name}"
    declare = "declares" if len(pods) == 1 else "declare"
    yield (
        f'left out: {", ".join(names)}{more}, which {declare} no port "{item.target}" ({item.protocol.value}): '
        f"Service {service} sends nothing there"
    )
