"""Tables of custom resources: the columns that their CRDs name by JSONPath."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from podfence.lab.apiserver.tables.table import Column, TableColumns
from podfence.lab.apiserver.tables.words import age, age_of, name_of

Object = dict[str, Any]

_STEP = re.compile(
    r"""\.(?P<name>(?:\\.|[^.\[\\])+)|\[(?P<index>-?[0-9]+|\*)\]|\['(?P<quoted>[^']*)'\]"""
    r"""|\[\?\(@\.(?P<key>[^=!<>\s]+)\s*==\s*(?P<wanted>"[^"]*"|'[^']*'|[^)\s]+)\)\]"""
)
_NAME: Final = Column("Name", format="name")
_AGE: Final = Column("Age", type="date")


def find_path(value: object, path: str) -> list[Any]:
    """Give what a simple JSONPath finds: fields, indexes, ``[*]`` and filters of equality."""
    found = [value]
    for step in _STEP.finditer(path):
        found = [below for each in found for below in _below(each, step)]
    return found


def _below(value: object, step: re.Match[str]) -> list[Any]:
    if step["index"]:
        if not isinstance(value, list):
            return []
        if step["index"] == "*":
            return value
        index = int(step["index"])
        return [value[index]] if -len(value) <= index < len(value) else []
    if step["key"]:
        wanted = step["wanted"].strip("\"'")
        items = value if isinstance(value, list) else []
        return [item for item in items if isinstance(item, dict) and str(item.get(step["key"])) == wanted]
    name = step["quoted"] if step["quoted"] is not None else re.sub(r"\\(.)", r"\1", step["name"])
    return [value[name]] if isinstance(value, dict) and name in value else []


def _cell(found: Sequence[Any], kind: str, now: float) -> Any:  # noqa: ANN401
    if not found:
        return None
    first = found[0]
    if kind == "date":
        return age(first, now)
    if kind in {"integer", "number", "boolean"}:
        return first
    if isinstance(first, str):
        return ",".join(map(str, found)) if len(found) > 1 else first
    return msgspec.json.encode(first).decode()


def custom_columns(definitions: Sequence[Object]) -> TableColumns:
    """Make the columns of a custom resource from ``additionalPrinterColumns``."""
    if not definitions:
        return TableColumns((_NAME, _AGE), lambda value, now: [name_of(value), age_of(value, now)])
    columns = tuple(
        Column(
            each.get("name", ""),
            each.get("type", "string"),
            each.get("format", ""),
            each.get("description", ""),
            each.get("priority", 0),
        )
        for each in definitions
    )
    paths = [(each.get("jsonPath", ""), each.get("type", "string")) for each in definitions]

    def cells(value: Object, now: float) -> list[Any]:
        return [name_of(value), *(_cell(find_path(value, path), kind, now) for path, kind in paths)]

    return TableColumns((_NAME, *columns), cells)
