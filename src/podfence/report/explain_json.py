"""``explain`` as JSON: ``kind: Explanation``, each policy with its sentences and the rows of its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from podfence.model.source import Position
from podfence.report.explain_words import Explained, Row, Told
from podfence.report.positions import position_json, ref_json


def explain_json(found: Sequence[Explained], endpoint: str | None, table: Sequence[Row]) -> str:
    """Write policies; ``endpoint`` and ``table`` are those of an endpoint that was asked about."""
    value: dict[str, Any] = {
        "apiVersion": "podfence/v1",
        "kind": "Explanation",
        "endpoint": endpoint,
        "policies": [_policy(explained) for explained in found],
        "table": [_row(row) for row in table],
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _policy(explained: Explained) -> dict[str, Any]:
    return {
        "ref": ref_json(explained.ref),
        "subject": explained.whom,
        **{told.direction.value: _told(told) for told in explained.told},
        "unsaid": list(explained.unsaid),
        "table": [_row(row) for row in explained.rows],
    }


def _told(told: Told) -> dict[str, Any]:
    rules = [
        {"text": sentence.text, "peers": list(sentence.parts), "position": _position(sentence.position)}
        for sentence in told.rules
    ]
    return {"text": told.head, "rules": rules, "notes": list(told.notes)}


def _row(row: Row) -> dict[str, Any]:
    return {
        "direction": row.direction.value,
        "source": row.source,
        "destination": row.destination,
        "service": row.service,
        "action": row.action,
        "rule": row.rule,
        "position": _position(row.position),
    }


def _position(position: Position | None) -> dict[str, Any] | None:
    return None if position is None else position_json(position)
