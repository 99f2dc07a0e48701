"""Variants of an object: each is the object with one or more of its places changed.

A place is written like a field path with numbers for list items: `spec.containers.0.name`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.conformance.corpus.text import Tree

GONE: Any = object()
"""The value of a place that is to be left out."""
Edit = Mapping[str, Any]


def edited(base: Tree, edit: Edit) -> Tree:
    """Give a copy of an object with some places changed; what leads to a place is made where it is not there."""
    tree = copy.deepcopy(base)
    for path, value in edit.items():
        change(tree, path.split("|") if "|" in path else path.split("."), value)
    return tree


def change(tree: Tree, steps: Sequence[str], value: Any) -> None:  # noqa: ANN401 (any JSON)
    """Change one place of a tree."""
    for at, step in enumerate(steps[:-1]):
        key: Any = int(step) if isinstance(tree, list) else step
        if isinstance(tree, dict) and key not in tree:
            tree[key] = [] if steps[at + 1] == "0" else {}
        if isinstance(tree, list) and key == len(tree):
            tree.append({})
        tree = tree[key]
    last: Any = int(steps[-1]) if isinstance(tree, list) else steps[-1]
    if value is GONE:
        tree.pop(last, None) if isinstance(tree, dict) else tree.pop(last)
    elif isinstance(tree, list) and last == len(tree):
        tree.append(copy.deepcopy(value))
    else:
        tree[last] = copy.deepcopy(value)


def variants(base: Tree, *edits: Edit, **places: Sequence[Any]) -> Iterator[Tree]:
    """Give the object itself and its variants."""
    del places
    yield base
    for edit in edits:
        yield edited(base, edit)


def each(path: str, *values: Any) -> list[Edit]:  # noqa: ANN401 (any JSON)
    """Give an edit for each of some values of one place."""
    return [{path: value} for value in values]
