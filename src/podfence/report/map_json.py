"""The map as JSON: ``kind: ConnectivityMap`` (design: formats), one endpoint and one connection on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from podfence.engine.endpoints import Endpoint
from podfence.engine.excerpt import Excerpt
from podfence.report.ports import ports_json
from podfence.report.rows import Rows


def map_json(excerpt: Excerpt) -> Iterator[str]:
    """Write a map in chunks, so that nobody need hold all of it; the same map gives the same bytes."""
    yield '{"apiVersion":"podfence/v1","kind":"ConnectivityMap","endpoints":['
    yield from _separated(_json(endpoint_json(endpoint)) for endpoint in excerpt.endpoints())
    yield '\n],"connections":['
    rows = Rows(
        excerpt,
        head=lambda endpoint: f'{{"source":{_json(endpoint.id)}',
        tail=lambda endpoint: f',"destination":{_json(endpoint.id)}',
        ports=lambda ports: f',"ports":{_json(ports_json(ports))}}}',
    )
    yield from _separated(rows.chunks(between=",\n"))
    yield "\n]}\n"


def endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    """Write an endpoint; addresses outside the cluster and names there have no pods, labels or isolation."""
    if endpoint.kind == "External":
        return {"id": endpoint.id, "kind": endpoint.kind, "ranges": [str(piece) for piece in endpoint.ranges]}
    return {
        "id": endpoint.id,
        "kind": endpoint.kind,
        "namespace": endpoint.namespace,
        "name": endpoint.name,
        "pods": endpoint.pods,
        "labels": dict(endpoint.labels),
        "ingressIsolated": endpoint.ingress_isolated,
        "egressIsolated": endpoint.egress_isolated,
    }


def _separated(chunks: Iterator[str]) -> Iterator[str]:
    before = "\n"
    for chunk in chunks:
        yield before
        yield chunk
        before = ",\n"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
