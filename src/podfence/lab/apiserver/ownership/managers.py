"""The list ``metadata.managedFields``: who owns what, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from podfence.lab.apiserver.ownership.paths import Path, fields_v1, paths_of

Object = dict[str, Any]


class Manager(msgspec.Struct, frozen=True, order=True):
    """One who writes: appliers are told apart by name, updaters by name and API version; subresources count apart."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def applies(self) -> bool:
        """Tell whether these fields were applied."""
        return self.operation == "Apply"

    def __str__(self) -> str:
        name = f'"{self.name}"'
        if self.subresource:
            name = f'{name} with subresource "{self.subresource}"'
        return name if self.applies else f"{name} using {self.api_version}"


class Owned(msgspec.Struct, frozen=True):
    """The fields of one manager, and when they last changed."""

    paths: frozenset[Path]
    time: str


Managers = Mapping[Manager, Owned]


def read_managers(entries: Iterable[Object]) -> dict[Manager, Owned]:
    """Read the list of an object."""
    found = {}
    for entry in entries:
        manager = Manager(
            entry.get("manager", ""),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )
        found[manager] = Owned(paths_of(entry.get("fieldsV1") or {}), entry.get("time", ""))
    return found


def write_managers(managers: Managers) -> list[Object]:
    """Write the list of an object, appliers first, then by time and name."""
    order = sorted(managers.items(), key=lambda item: (not item[0].applies, item[1].time, item[0]))
    return [_entry(manager, owned) for manager, owned in order if owned.paths]


def _entry(manager: Manager, owned: Owned) -> Object:
    entry = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    entry["time"] = owned.time
    fields: Object = {"fieldsType": "FieldsV1", "fieldsV1": fields_v1(owned.paths)}
    return entry | fields | ({"subresource": manager.subresource} if manager.subresource else {})


def replaced(
    managers: Managers, manager: Manager, paths: frozenset[Path], now: str, *, taken: frozenset[Path]
) -> dict[Manager, Owned]:
    """Give a manager these fields, and take the fields ``taken`` away from all others."""
    result = {}
    for other, owned in managers.items():
        if other != manager:
            left = owned.paths - taken
            result[other] = owned if left == owned.paths else Owned(left, owned.time)
    before = managers.get(manager)
    unchanged = before is not None and before.paths == paths
    result[manager] = before if before is not None and unchanged else Owned(paths, now)
    return {other: owned for other, owned in result.items() if owned.paths}
