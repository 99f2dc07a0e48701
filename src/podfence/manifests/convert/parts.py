"""Lists of peers and ports: what can be read of them, and ``Unreadable`` where an item cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from podfence.manifests.convert.fields import FieldProblems, UnreadableField, wrong_type
from podfence.model.policy import Direction, Unreadable

Part = TypeVar("Part")

PEERS_FIELD = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def unreadable(fault: UnreadableField) -> Unreadable:
    """Stand for a part that could not be read, with the reason."""
    return Unreadable(f"{fault.path}: {fault.message}")


def parts(
    value: object,
    path: str,
    read: Callable[[object, str], Part],
    problems: FieldProblems,
    *,
    at_least_one: bool = False,
) -> tuple[Part | Unreadable, ...] | None:
    """Read a list, one part for each item at the same index; ``None`` when nothing is listed.

    A value that is no list is one unreadable part, and so is an empty list where ``at_least_one`` is wanted.
    """
    if value is None or (value == [] and not at_least_one):
        return None
    if not isinstance(value, list) or not value:
        empty = UnreadableField(path, "may not be empty")
        fault = empty if value == [] else wrong_type(value, "a list", path)
        problems.append(fault.problem)
        return (unreadable(fault),)
    return tuple(_part(item, f"{path}[{index}]", read, problems) for index, item in enumerate(value))


def _part(value: object, path: str, read: Callable[[object, str], Part], problems: FieldProblems) -> Part | Unreadable:
    try:
        return read(value, path)
    except UnreadableField as fault:
        problems.append(fault.problem)
        return unreadable(fault)
