"""Real manifests for the fuzzers to damage: the examples, the scenarios, and what API servers have judged."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

WORLD = HERE / "world.yaml"
"""One object of every kind."""


@cache
def world() -> tuple[dict[str, Any], ...]:
    """Give the objects of the world as plain values, a list taken apart."""
    found: list[dict[str, Any]] = []
    for document in yaml.safe_load_all(WORLD.read_text("utf-8")):
        found.extend(document["items"] if document["kind"] == "List" else [document])
    return tuple(found)


@cache
def stories() -> tuple[tuple[Path, ...], ...]:
    """Group the manifests of the examples and scenarios: each group is a cluster of its own."""
    scenarios = (path.parent for path in (ROOT / "tests/scenarios").glob("*/scenario.yaml"))
    folders = [*sorted(scenarios), *sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())]
    groups = (tuple(sorted(folder.rglob("*.yaml"))) for folder in folders)
    found = (tuple(path for path in group if path.name != "scenario.yaml") for group in groups)
    return tuple(group for group in found if group)


@cache
def recorded() -> tuple[bytes, ...]:
    """Give the policies that API servers have judged, as they were sent."""
    files = sorted((ROOT / "tests/conformance/recorded").glob("*network*.jsonl"))
    lines = (line for file in files for line in file.read_text("utf-8").splitlines()[::7])
    texts = (json.loads(line).get("manifest") for line in lines)
    return tuple(text.encode() for text in texts if isinstance(text, str) and len(text) < 5_000)


def some(chance: Random) -> bytes:
    """Choose manifests of moderate size: the world, or a story, with policies that servers have seen."""
    parts = [WORLD.read_bytes()] if chance.random() < 0.5 else _story(chance)
    parts += chance.sample(recorded(), chance.choice((0, 0, 1, 3)))
    return b"\n---\n".join(parts)


def files(chance: Random) -> dict[str, bytes]:
    """Choose manifests as files of a folder, by name."""
    parts = [*_story(chance), *chance.sample(recorded(), 2)]
    return {f"{number:02}.yaml": part for number, part in enumerate(parts)}


def _story(chance: Random) -> list[bytes]:
    paths = chance.choice(stories())
    return [path.read_bytes() for path in chance.sample(paths, min(len(paths), 6))]
