"""Faults that any manifest can have, whatever its kind: things left out, misspelt, doubled, or of a wrong type.

`everywhere` puts each such fault at each place of one manifest; `at_random` makes some random ones.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator

from tests.conformance.corpus.text import Again, Tree
from tests.conformance.corpus.values import JUNK

Path = tuple[str | int, ...]


def places(tree: Tree, at: Path = ()) -> Iterator[Path]:
    """List the paths of everything inside a tree, parents first; keys that are wrapped are left out."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        if isinstance(key, str | int):
            yield (*at, key)
            yield from places(value, (*at, key))


def look(tree: Tree, path: Path) -> Tree:
    """Give what is at a path."""
    for key in path:
        tree = tree[key]
    return tree


def put(tree: Tree, path: Path, value: Tree) -> Tree:
    """Give a copy of a tree with another value at a path."""
    result = copy.deepcopy(tree)
    look(result, path[:-1])[path[-1]] = copy.deepcopy(value)
    return result


def drop(tree: Tree, path: Path) -> Tree:
    """Give a copy of a tree without what is at a path."""
    result = copy.deepcopy(tree)
    del look(result, path[:-1])[path[-1]]
    return result


def rename(tree: Tree, path: Path, name: str) -> Tree:
    """Give a copy of a tree in which a key, kept in its place, has another name."""
    result = copy.deepcopy(tree)
    parent = look(result, path[:-1])
    pairs = [(name if key == path[-1] else key, value) for key, value in parent.items()]
    parent.clear()
    parent.update(pairs)
    return result


def repeat(tree: Tree, path: Path, value: Tree) -> Tree:
    """Give a copy of a tree in which a key comes a second time, at the end of its mapping."""
    result = copy.deepcopy(tree)
    parent = look(result, path[:-1])
    number = sum(isinstance(key, Again) and key.key == path[-1] for key in parent) + 1
    parent[Again(str(path[-1]), number)] = copy.deepcopy(value)
    return result


def misspellings(name: str) -> list[str]:
    """Give the ways in which a field's name is usually got wrong."""
    plural = name[:-1] if name.endswith("s") else name + "s"
    snake = "".join("_" + char.lower() if char.isupper() else char for char in name)
    found = [name.lower(), name[:1].upper() + name[1:], plural, snake]
    return [each for each in dict.fromkeys(found) if each != name]


def everywhere(*trees: Tree) -> Iterator[Tree]:
    """Put every fault at every place of some manifests: left out, wrong types, misspelt, doubled, unknown beside."""
    for tree in trees:
        for number, path in enumerate(places(tree)):
            if path not in {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}:
                yield from at_place(tree, path, JUNK[number % 3 :: 3])


def at_place(tree: Tree, path: Path, junks: list[Tree]) -> Iterator[Tree]:
    """Put every fault at one place of a manifest; `junks` are the wrong values for it."""
    value = look(tree, path)
    yield drop(tree, path)
    for junk in junks:
        if junk != value or type(junk) is not type(value):
            yield put(tree, path, junk)
    if isinstance(path[-1], str):
        for name in misspellings(path[-1]):
            yield rename(tree, path, name)
        yield repeat(tree, path, value)
        yield repeat(tree, path, None)
    if isinstance(value, dict):
        yield put(tree, path, {**value, "unknown": "x"})
        yield put(tree, path, [value])
    if isinstance(value, list):
        yield put(tree, path, [*value, None])
        yield put(tree, path, value[0] if value else None)
        yield put(tree, path, value + value)


def at_random(rng: random.Random, tree: Tree, count: int) -> Tree:
    """Make some random faults in a manifest, one after the other; apiVersion and kind stay."""
    for _ in range(count):
        options = [path for path in places(tree) if path[0] not in {"apiVersion", "kind"} and path != ("metadata",)]
        if not options:
            break
        path = rng.choice(options)
        tree = rng.choice(CHANGES)(rng, tree, path)
    return tree


def random_junk(rng: random.Random, tree: Tree, path: Path) -> Tree:
    """Put something that does not belong there."""
    return put(tree, path, rng.choice(JUNK))


def random_name(rng: random.Random, tree: Tree, path: Path) -> Tree:
    """Misspell a key; drops a list item instead."""
    if isinstance(path[-1], int):
        return drop(tree, path)
    return rename(tree, path, rng.choice(misspellings(path[-1])))


def random_repeat(rng: random.Random, tree: Tree, path: Path) -> Tree:
    """Write a key or a list item a second time."""
    if isinstance(path[-1], int):
        parent = look(tree, path[:-1])
        return put(tree, path[:-1], [*parent, look(tree, path)]) if path[:-1] else tree
    return repeat(tree, path, rng.choice([look(tree, path), None, "other"]))


def random_growth(rng: random.Random, tree: Tree, path: Path) -> Tree:
    """Add an unknown field to an object, a null to a list, blanks to a text, or go beyond a number."""
    value = look(tree, path)
    if isinstance(value, dict):
        return put(tree, path, {**value, rng.choice(["unknown", "status", "name", "podSelector", "ports"]): {}})
    if isinstance(value, list):
        return put(tree, path, [*value, rng.choice([None, {}, "x"])])
    if isinstance(value, str):
        return put(
            tree, path, rng.choice([value + " ", value.upper(), value * 30, value + "/", "-" + value, value[:-1]])
        )
    if isinstance(value, int) and not isinstance(value, bool):
        return put(tree, path, rng.choice([-value, value + 65536, str(value), value + 0.5, 0, value * 10**9]))
    return put(tree, path, [value])


def random_drop(_rng: random.Random, tree: Tree, path: Path) -> Tree:
    """Leave something out."""
    return drop(tree, path)


CHANGES: list[Callable[[random.Random, Tree, Path], Tree]] = [
    random_junk, random_name, random_repeat, random_growth, random_drop,
]  # fmt: skip
