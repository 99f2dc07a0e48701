"""Paths of fields as sets, and their form in objects, FieldsV1.

A path is a tuple of elements in the words of FieldsV1: ``f:NAME`` a field, ``k:{...}`` the item of a list with these
keys, ``v:...`` the item of a list that is a set. A field of an object is in a set on its own, apart from what is
below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

Path = tuple[str, ...]
Object = dict[str, Any]


def fields_v1(paths: Iterable[Path]) -> Object:
    """Write a set of paths as FieldsV1."""
    root: Object = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return {element: _without_lone_dots(node) for element, node in root.items() if element != "."}


def _without_lone_dots(node: Object) -> Object:
    if set(node) == {"."}:
        return {}
    return {element: below if element == "." else _without_lone_dots(below) for element, below in node.items()}


def paths_of(fields: Object) -> frozenset[Path]:
    """Read FieldsV1."""
    found: set[Path] = set()
    _collect(fields, (), found)
    return frozenset(found)


def _collect(node: Object, path: Path, found: set[Path]) -> None:
    if path and (not node or "." in node):
        found.add(path)
    for element, below in node.items():
        if element != ".":
            _collect(below, (*path, element), found)


def compact(value: object) -> str:
    """Write a value inside an element as the server does."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def shown_path(path: Path) -> str:
    """Write a path for people: ``.spec.containers[name="web"].image``."""
    return "".join(map(_shown, path))


def _shown(element: str) -> str:
    form, _, text = element.partition(":")
    match form:
        case "f":
            return f".{text}"
        case "k":
            keys = sorted(json.loads(text).items())
            return f"[{','.join(f'{key}={compact(value)}' for key, value in keys)}]"
        case "v":
            return f"[={text}]"
    return f"[{text}]"
