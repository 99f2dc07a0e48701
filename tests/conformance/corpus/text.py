"""Manifests as text: trees of plain values written as block YAML or JSON, also with faults no dict can hold.

A tree is made of dict, list, str, int, float, bool and None. `Raw` stands for a scalar written as it is, and a
key wrapped in `Again` for a key that is written a second time.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

Tree = Any

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|[0-9]+(\.[0-9]+){3}/[0-9]+")
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@dataclass(frozen=True)
class Raw:
    """A scalar, or any flow text, that is written verbatim."""

    text: str


@dataclass(frozen=True)
class Again:
    """A key that is there already: the mapping holds it twice, or more often with further numbers."""

    key: str
    number: int = 1


def each(*trees: Tree) -> tuple[Tree, ...]:
    """Give some trees of whatever types as trees."""
    return trees


def to_yaml(tree: Tree) -> str:
    """Write a tree as a block-style YAML document, as a person would."""
    return "\n".join(block(tree)) + "\n"


def to_json(tree: Tree) -> str:
    """Write a tree as JSON; keys may repeat, and Raw is written as it is."""
    if isinstance(tree, Raw):
        return tree.text
    if isinstance(tree, dict):
        pairs = (f"{json.dumps(key_text(key))}: {to_json(value)}" for key, value in tree.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(to_json, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)


def block(tree: Tree) -> list[str]:
    """Give the lines of a value in block style, without indentation."""
    if isinstance(tree, dict) and tree:
        return [line for key, value in tree.items() for line in entry(f"{scalar_key(key)}:", value, in_map=True)]
    if isinstance(tree, list) and tree:
        return [line for value in tree for line in entry("-", value, in_map=False)]
    return [scalar(tree)]


def entry(lead: str, value: Tree, *, in_map: bool) -> list[str]:
    """Give the lines of one map entry or list item behind its lead (`key:` or `-`)."""
    if not (isinstance(value, dict | list) and value):
        return [f"{lead} {scalar(value)}".rstrip(" ")]
    lines = ["  " + line for line in block(value)]
    if in_map:
        return [lead, *lines]
    return ["- " + lines[0][2:], *lines[1:]]


def scalar(value: Tree) -> str:
    """Write a scalar, or an empty collection, so that YAML reads back the same value."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def scalar_key(key: str | Again | Raw) -> str:
    """Write a map key."""
    return key.text if isinstance(key, Raw) else scalar(key_text(key))


def key_text(key: str | Again | Raw) -> str:
    """Give the text of a key, however it is wrapped."""
    if isinstance(key, str):
        return key
    return key.key if isinstance(key, Again) else key.text
