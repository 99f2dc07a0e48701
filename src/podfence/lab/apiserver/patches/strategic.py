"""Strategic merge patch: a merge patch that knows which lists are maps (apimachinery pkg/util/strategicpatch).

Its directives: ``$patch: replace|delete|merge``, ``$deleteFromPrimitiveList/FIELD``, ``$setElementOrder/FIELD``
and ``$retainKeys``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from podfence.lab.apiserver.merge_types import MergeType
from podfence.lab.apiserver.patches.json_patch import PatchError

Object = dict[str, Any]

_DELETE_FROM: Final = "$deleteFromPrimitiveList/"
_ORDER_OF: Final = "$setElementOrder/"


def apply_strategic_patch(value: Object, patch: Object, merge_type: MergeType) -> Object:
    """Merge a patch into an object; raises ``PatchError`` for a patch that contradicts itself."""
    return _merged(value, patch, merge_type)


def _merged(value: Object, patch: Object, merge_type: MergeType) -> Object:
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: _plain(entry) for name, entry in patch.items() if not name.startswith("$")}
    if directive == "delete":
        return {}
    if directive is not None and directive != "merge":
        raise PatchError(f"Unknown patch type: {directive}")
    result = _retained(value, patch)
    for name, change in patch.items():
        if name.startswith("$"):
            continue
        if change is None:
            result.pop(name, None)
        else:
            result[name] = _field(result.get(name), change, merge_type.field(name), _order(patch, name))
    return _without_primitives(result, patch)


def _retained(value: Object, patch: Object) -> Object:
    kept = patch.get("$retainKeys")
    if kept is None:
        return dict(value)
    if not isinstance(kept, list):
        raise PatchError("wrong retainKeys format: it should be a list of strings")
    return {name: entry for name, entry in value.items() if name in kept}


def _order(patch: Object, name: str) -> list[Any] | None:
    order = patch.get(_ORDER_OF + name)
    if order is not None and not isinstance(order, list):
        raise PatchError(f"the patch list of {_ORDER_OF}{name} is no list")
    return order


def _field(value: object, change: object, merge_type: MergeType, order: list[Any] | None) -> object:
    if isinstance(change, dict):
        return _merged(value if isinstance(value, dict) else {}, change, merge_type)
    if isinstance(change, list):
        return _list(value if isinstance(value, list) else [], change, merge_type, order)
    return change


def _list(value: list[Any], change: list[Any], merge_type: MergeType, order: list[Any] | None) -> list[Any]:
    if merge_type.merge_key and all(isinstance(item, dict) for item in (*value, *change)):
        return _list_of_objects(value, change, merge_type, order)
    if merge_type.merges_scalars:
        new = [item for index, item in enumerate(change) if item not in value and item not in change[:index]]
        return _in_order([*value, *new], value, order or change, lambda item: item)
    return [_plain(item) for item in change if not (isinstance(item, dict) and set(item) == {"$patch"})]


def _list_of_objects(value: list[Any], change: list[Any], merge_type: MergeType, order: list[Any] | None) -> list[Any]:
    key = merge_type.merge_key
    if any(item.get("$patch") == "replace" for item in change):
        return [_plain(item) for item in change if "$patch" not in item]
    merged = list(value)
    for item in change:
        if key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        at = next((index for index, old in enumerate(merged) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [old for old in merged if old.get(key) != item[key]]
        elif at is None:
            merged.append(_merged({}, item, merge_type.item()))
        else:
            merged[at] = _merged(merged[at], item, merge_type.item())
    # What the patch names comes in the patch's order, and before what only the object has.
    wanted = [entry.get(key) if isinstance(entry, dict) else entry for entry in order or change]
    return _in_order(merged, value, wanted, lambda item: item.get(key))


def _in_order(merged: list[Any], value: list[Any], order: Sequence[Any], key_of: Any) -> list[Any]:  # noqa: ANN401
    """Bring the items that an order names into it; the others keep their place relative to their old neighbours."""
    named = sorted((item for item in merged if key_of(item) in order), key=lambda item: order.index(key_of(item)))
    others = [item for item in merged if key_of(item) not in order]
    places = {repr(key_of(item)): index for index, item in enumerate(value)}
    result: list[Any] = []
    while named and others:
        first, second = places.get(repr(key_of(named[0]))), places.get(repr(key_of(others[0])))
        takes_other = second is not None and first is not None and second < first
        result.append(others.pop(0) if takes_other else named.pop(0))
    return result + named + others


def _without_primitives(result: Object, patch: Object) -> Object:
    for directive, gone in patch.items():
        if not directive.startswith(_DELETE_FROM):
            continue
        name = directive.removeprefix(_DELETE_FROM)
        if isinstance(result.get(name), list) and isinstance(gone, list):
            kept = [item for item in result[name] if item not in gone]
            order = _order(patch, name)
            result[name] = _in_order(kept, kept, order, lambda item: item) if order else kept
    return result


def _plain(value: object) -> Any:  # noqa: ANN401
    """Give a new part of an object without directives."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items() if not name.startswith("$") and entry is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
