"""Claims of storage in tables."""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.tables.table import Column, TableColumns
from podfence.lab.apiserver.tables.words import age_of, at, name_of

_UNSET: Final = "<unset>"
_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _claim(value: dict[str, Any], now: float) -> list[Any]:
    phase = "Terminating" if value["metadata"].get("deletionTimestamp") else at(value, "status", "phase") or ""
    volume = at(value, "spec", "volumeName") or ""
    modes = set(at(value, "status", "accessModes") or ()) if volume else set()
    return [
        name_of(value),
        phase,
        volume,
        at(value, "status", "capacity", "storage") or "" if volume else "",
        ",".join(short for mode, short in _MODES.items() if mode in modes),
        at(value, "spec", "storageClassName") or "",
        at(value, "spec", "volumeAttributesClassName") or _UNSET,
        age_of(value, now),
        at(value, "spec", "volumeMode") or _UNSET,
    ]


CLAIMS = TableColumns(
    (
        *(Column("Name", format="name"), Column("Status"), Column("Volume"), Column("Capacity")),
        *(Column("Access Modes"), Column("StorageClass"), Column("VolumeAttributesClass"), Column("Age")),
        Column("VolumeMode", priority=1),
    ),
    _claim,
)
