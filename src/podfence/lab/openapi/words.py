"""Short descriptions of kinds and fields, for ``kubectl explain``. They are ours, and stand in ``descriptions``.

They are read when the first document is asked for, not when a lab starts. Groups and types that share their words stand
under one key, with commas between. ``.`` is the type itself, ``every.list`` any list, ``every.type`` any type at all.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import yaml

FOLDER: Final = "descriptions"
ITSELF: Final = "."
EVERY_LIST: Final = "every.list"
EVERY_TYPE: Final = "every.type"
# Everything stays a text. The loader in C is many times as fast, but not every system has it.
_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def kind_words(name: str) -> str:
    """Describe a type, given by its OpenAPI name; empty where there is nothing to say."""
    return field_words(name, ITSELF)


def field_words(name: str, field: str) -> str:
    """Describe a field of a type; empty where there is nothing to say."""
    words = _words()
    return next((words[each, field] for each in _headings(short_name(name)) if (each, field) in words), "")


def short_name(name: str) -> str:
    """Shorten an OpenAPI name to group, version and kind: ``core.v1.PodSpec``."""
    return ".".join(name.split(".")[-3:])


def descriptions() -> Iterator[tuple[str, str, str]]:
    """Read everything that is written: the short name of a type, a field of it, the words."""
    for file in sorted(files(__package__).joinpath(FOLDER).iterdir(), key=lambda file: file.name):
        for groups, types in yaml.load(file.read_text("utf-8"), _LOADER).items():  # noqa: S506 (it makes only texts)
            for group, names in itertools.product(groups.split(", "), types):
                for name in names.split(", "):
                    yield from ((f"{group}.{name}", field, words) for field, words in types[names].items())


@functools.cache
def _words() -> Mapping[tuple[str, str], str]:
    return {(name, field): words for name, field, words in descriptions()}


def _headings(short: str) -> Iterator[str]:
    yield short
    if short.endswith("List"):
        yield EVERY_LIST
    yield EVERY_TYPE
