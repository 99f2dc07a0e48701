"""Server-side apply: merge a configuration into an object, give up what it no longer names, and find conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from podfence.lab.apiserver.merge_types import MergeType
from podfence.lab.apiserver.ownership.fields import difference, element_of, leaves
from podfence.lab.apiserver.ownership.managers import Manager, Managers, Owned, replaced
from podfence.lab.apiserver.ownership.paths import Path, shown_path
from podfence.lab.apiserver.status import StatusError

Object = dict[str, Any]


class Applied(msgspec.Struct, frozen=True):
    """The outcome: the merged object and who owns what of it."""

    value: Object
    managers: Mapping[Manager, Owned]


def apply_configuration(
    live: Object,
    configuration: Object,
    merge_type: MergeType,
    managers: Managers,
    manager: Manager,
    now: str,
    *,
    force: bool,
) -> Applied:
    """Apply a configuration in the name of a manager; raises ``StatusError`` 409 when others own what it changes."""
    merged = merge(live, configuration, merge_type)
    wanted = frozenset(leaves(configuration, merge_type, maps=False))
    before = managers[manager].paths if manager in managers else frozenset()
    others = frozenset().union(*(owned.paths for other, owned in managers.items() if other != manager))
    given_up = before - wanted - others
    result = without(merged, given_up, wanted | others, merge_type) if given_up else merged
    change = difference(leaves(live, merge_type, maps=True), leaves(result, merge_type, maps=True))
    clashes = _clashes(managers, manager, change.changed)
    if clashes and not force:
        raise _conflict(clashes)
    taken = change.changed | change.removed
    return Applied(result, replaced(managers, manager, wanted, now, taken=taken))


def _clashes(managers: Managers, manager: Manager, changed: frozenset[Path]) -> list[tuple[Manager, Path]]:
    return [
        (other, path)
        for other, owned in sorted(managers.items())
        if other != manager
        for path in sorted(owned.paths & changed)
    ]


def _conflict(clashes: list[tuple[Manager, Path]]) -> StatusError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {other}", "field": shown_path(path)}
        for other, path in clashes
    ]
    if len(clashes) == 1:
        message = f"Apply failed with 1 conflict: conflict with {clashes[0][0]}: {shown_path(clashes[0][1])}"
    else:
        message = f"Apply failed with {len(clashes)} conflicts: {_by_manager(clashes)}"
    return StatusError(409, "Conflict", message, {"causes": causes})


def _by_manager(clashes: list[tuple[Manager, Path]]) -> str:
    lines: list[str] = []
    for other in sorted({str(other) for other, _ in clashes}):
        lines.append(f"conflicts with {other}:")
        lines += (f"- {shown_path(path)}" for owner, path in clashes if str(owner) == other)
    return "\n".join(lines)


# Merging


def merge(live: object, wanted: object, merge_type: MergeType) -> Any:  # noqa: ANN401
    """Merge a configuration into a value: objects field by field, lists by their keys, all else is replaced."""
    if isinstance(wanted, dict) and isinstance(live, dict) and not merge_type.atomic:
        merged = dict(live)
        for name, entry in wanted.items():
            merged[name] = merge(live.get(name), entry, merge_type.field(name))
        return merged
    if isinstance(wanted, list) and isinstance(live, list) and (merge_type.keys or merge_type.is_set):
        return _merge_items(live, wanted, merge_type)
    return wanted


def _merge_items(live: list[Any], wanted: list[Any], merge_type: MergeType) -> list[Any]:
    old = {element_of(item, merge_type): item for item in live}
    new = {element_of(item, merge_type): item for item in wanted}
    merged = []
    for element in _order(list(old), list(new)):
        if element not in new:
            merged.append(old[element])
        elif element in old and not merge_type.is_set:
            merged.append(merge(old[element], new[element], merge_type.item()))
        else:
            merged.append(new[element])
    return merged


def _order(old: list[str], new: list[str]) -> Iterable[str]:
    """Follow the configuration's order; items that only the object has stay behind what they stood behind."""
    named = set(new)
    before: dict[str, list[str]] = {}
    anchor = ""
    for element in old:
        if element in named:
            anchor = element
        else:
            before.setdefault(anchor, []).append(element)
    yield from before.get("", ())
    for element in new:
        yield element
        yield from before.get(element, ())


# Giving up


def without(
    value: Any,  # noqa: ANN401 (any JSON)
    gone: frozenset[Path],
    kept: frozenset[Path],
    merge_type: MergeType,
    path: Path = (),
) -> Any:  # noqa: ANN401
    """Remove fields from a value; what still has an owner below it stays."""
    if isinstance(value, dict) and not merge_type.atomic:
        return _without_fields(value, gone, kept, merge_type, path)
    if isinstance(value, list) and (merge_type.keys or merge_type.is_set):
        result = []
        for item in value:
            where = (*path, element_of(item, merge_type))
            if not (where in gone and not _is_kept(where, kept)):
                result.append(without(item, gone, kept, merge_type.item(), where))
        return result
    return value


def _without_fields(
    value: Object, gone: frozenset[Path], kept: frozenset[Path], merge_type: MergeType, path: Path
) -> Object:
    result = {}
    for name, entry in value.items():
        where = (*path, f"f:{name}")
        if where in gone and not _is_kept(where, kept):
            continue
        left = without(entry, gone, kept, merge_type.field(name), where)
        # A map or list that lost everything goes with it.
        if left or not entry or _is_kept(where, kept):
            result[name] = left
    return result


def _is_kept(path: Path, kept: frozenset[Path]) -> bool:
    return any(other[: len(path)] == path for other in kept)
