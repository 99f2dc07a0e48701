"""The difference as JSON: ``kind: ConnectivityDiff`` (design: formats)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from podfence.engine.causes import Cause
from podfence.engine.difference import Difference
from podfence.engine.endpoints import Endpoint
from podfence.report.diff_entries import Entry, cause_position
from podfence.report.map_json import endpoint_json
from podfence.report.ports import ports_json
from podfence.report.positions import ref_json


def diff_json(difference: Difference, found: Sequence[Entry]) -> str:
    """Write a difference; the same difference gives the same bytes."""
    value = {
        "apiVersion": "podfence/v1",
        "kind": "ConnectivityDiff",
        "endpoints": [endpoint_json(pair.after) for pair in difference.pairs],
        "opened": _links(entry for entry in found if entry.opened),
        "closed": _links(entry for entry in found if not entry.opened),
        "endpointsAdded": _endpoints(difference.added),
        "endpointsRemoved": _endpoints(difference.removed),
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _endpoints(endpoints: Iterable[Endpoint]) -> list[dict[str, Any]]:
    return [endpoint_json(endpoint) for endpoint in endpoints]


def _links(found: Iterable[Entry]) -> list[dict[str, Any]]:
    ordered = sorted(found, key=lambda entry: (entry.source.id, entry.destination.id))
    return [
        {
            "source": entry.source.id,
            "destination": entry.destination.id,
            "ports": ports_json(entry.ports),
            "causedBy": [_cause(cause) for cause in entry.causes],
        }
        for entry in ordered
    ]


def _cause(cause: Cause) -> dict[str, Any]:
    return {"ref": ref_json(cause.ref), "change": cause.change.value, **_rule(cause)}


def _rule(cause: Cause) -> dict[str, Any]:
    position = cause_position(cause)
    if not cause.path:
        return {}
    return {"path": cause.path} | ({} if position is None else {"line": position.line})
