"""The names of endpoints, for shell completion: read from where ``PODFENCE_INPUT`` points."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    import click

    from podfence.model.snapshot import Snapshot

INPUT_VARIABLE = "PODFENCE_INPUT"
"""Names files and folders, separated as in PATH, whose endpoints completion offers."""


def complete_endpoint(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Offer the endpoints that begin with what was typed; nothing where the input cannot be read.

    With ``-n`` the names of that namespace are offered without it, too.
    """
    paths = [path for path in os.environ.get(INPUT_VARIABLE, "").split(os.pathsep) if path]
    if not paths:
        return []
    import io

    from podfence.manifests.load import load

    namespace = ctx.params.get("namespace")
    try:
        snapshot = load(paths, stdin=io.BytesIO(), namespace=namespace or "default").snapshot
    except PodfenceError:
        return []
    return sorted({name for name in _names(snapshot, namespace) if name.startswith(typed)})


def _names(snapshot: Snapshot, namespace: str | None) -> Iterator[str]:
    yield "internet"
    for node in snapshot.nodes:
        yield f"node/{node.name}"
    inside = [(pod.namespace, pod.workload[1] or pod.name) for pod in snapshot.pods]
    inside += [(service.namespace, f"service/{service.name}") for service in snapshot.services]
    for where, name in inside:
        yield f"{where}/{name}"
        if where == namespace:
            yield name
