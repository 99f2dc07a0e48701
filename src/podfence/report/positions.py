"""Positions and object references in the form that all JSON output shares."""

from __future__ import annotations

from typing import Any

from podfence.model.objects import ObjectRef
from podfence.model.source import Position


def position_json(position: Position) -> dict[str, Any]:
    """Write a position: file, line and column, both from 1."""
    return {"file": position.file, "line": position.line, "column": position.column}


def ref_json(ref: ObjectRef, position: Position | None = None) -> dict[str, Any]:
    """Write an object reference, with its position where that is known."""
    where = position or (ref.source.position() if ref.source else None)
    identity = {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    return identity if where is None else identity | position_json(where)
