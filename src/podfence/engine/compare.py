"""What one set of policies allows and another does not, class by class, in one frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from podfence.engine.reach import Reach, Row


class Change(msgspec.Struct, frozen=True, gc=False):
    """Connections of one source class: on each of these port atoms, to each of these destination classes."""

    source: int
    ports: int
    destinations: int


def opened(before: Reach, after: Reach, sources: Iterable[int] | None = None) -> Iterator[Change]:
    """List what ``after`` allows and ``before`` does not; both must read programs of one frame.

    What closes is what opens the other way round. A class that is its own destination stands for two of its
    pods, so a class of one pod must be left out by the caller.
    """
    if before.program.frame is not after.program.frame:
        raise ValueError("programs of two frames cannot be compared")
    for row in after.rows(sources):
        yield from newly_reached(before.row(row.source), row)


def newly_reached(before: Row, after: Row) -> Iterator[Change]:
    """List what one source class reaches and did not before."""
    old = before.reached
    if old == after.reached:
        return
    for ports, destinations in after.reached.items():
        new = ports
        for old_ports, old_destinations in old.items():
            shared = ports & old_ports
            if shared and destinations & ~old_destinations:
                yield Change(after.source, shared, destinations & ~old_destinations)
            new &= ~old_ports
        if new:
            yield Change(after.source, new, destinations)
