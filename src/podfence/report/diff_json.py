"""The difference as JSON: ``kind: ConnectivityDiff`` (design: formats)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from podfence.engine.causes import Cause
from podfence.engine.difference import Difference
from podfence.engine.endpoints import Endpoint
from podfence.engine.possible import POSSIBLE_POD, Possible
from podfence.report.diff_entries import Entry, cause_position
from podfence.report.map_json import endpoint_json
from podfence.report.ports import ports_json
from podfence.report.positions import ref_json
from podfence.report.possible import possible_namespace, possible_pod


def diff_json(difference: Difference, found: Sequence[Entry]) -> str:
    """Write a difference; the same difference gives the same bytes."""
    value: dict[str, Any] = {
        "apiVersion": "podfence/v1",
        "kind": "ConnectivityDiff",
        "endpoints": [*_endpoints(pair.after for pair in difference.pairs), *_possible(difference, found)],
        "opened": _links(entry for entry in found if entry.opened),
        "closed": _links(entry for entry in found if not entry.opened),
        "endpointsAdded": _endpoints(difference.added),
        "endpointsRemoved": _endpoints(difference.removed),
    }
    unsure = difference.joint.possible.unsure
    if unsure:
        value["uncompared"] = [ref_json(ref) for ref in unsure]
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _endpoints(endpoints: Iterable[Endpoint]) -> list[dict[str, Any]]:
    return [endpoint_json(endpoint) for endpoint in endpoints]


def _possible(difference: Difference, found: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """Write the ends of examples that the input does not hold, and what else only they name."""
    known = {pair.after.id for pair in difference.pairs}
    ends = {end.id: end for entry in found for end in (entry.source, entry.destination) if end.id not in known}
    for _, end in sorted(ends.items()):
        yield endpoint_json(end) | _of_possible(end, difference.joint.possible)


def _of_possible(end: Endpoint, possible: Possible) -> dict[str, Any]:
    if end.kind != POSSIBLE_POD:
        return {}
    namespace, ports = possible_namespace(end, possible), possible_pod(end, possible).named_ports
    labels = {} if namespace is None else {"namespaceLabels": dict(namespace.labels)}
    declared = [{"name": port.name, "protocol": port.protocol.value, "port": port.number} for port in ports]
    return labels | ({"namedPorts": declared} if declared else {})


def _links(found: Iterable[Entry]) -> list[dict[str, Any]]:
    ordered = sorted(found, key=lambda entry: (entry.source.id, entry.destination.id))
    return [
        {
            "source": entry.source.id,
            "destination": entry.destination.id,
            "ports": ports_json(entry.ports),
            "causedBy": [_cause(cause) for cause in entry.causes],
        }
        | ({"example": True} if entry.is_possible else {})
        for entry in ordered
    ]


def _cause(cause: Cause) -> dict[str, Any]:
    return {"ref": ref_json(cause.ref), "change": cause.change.value, **_rule(cause)}


def _rule(cause: Cause) -> dict[str, Any]:
    position = cause_position(cause)
    if not cause.path:
        return {}
    return {"path": cause.path} | ({} if position is None else {"line": position.line})
