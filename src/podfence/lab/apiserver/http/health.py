"""Whether the server is well, as ``/livez``, ``/readyz`` and ``/healthz`` tell it (apiserver ``pkg/server/healthz``).

The checks have the names of a real server's, of which the lab has those few that mean something here. Whoever gets an
answer at all gets a good one: there is nothing between the server and its store that could fail.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import QueryParams

CHECKS: Final = {
    "healthz": ("ping", "log", "etcd"),
    "livez": ("ping", "log", "etcd"),
    "readyz": ("ping", "log", "etcd", "informer-sync", "shutdown"),
}
"""The checks behind each path, in the order in which they are told."""


def health(path: str, query: QueryParams) -> str:
    """Write the answer of a path: ``ok``, or with ``verbose`` a line for each check."""
    if "verbose" not in query:
        return "ok"
    excluded = list(query.getlist("exclude"))
    lines = [f"[+]{check} {'excluded: ' if check in excluded else ''}ok" for check in CHECKS[path]]
    if unknown := [f'"{name}"' for name in excluded if name not in CHECKS[path]]:
        lines.append(f"warn: some health checks cannot be excluded: no matches for {', '.join(unknown)}")
    return "".join(f"{line}\n" for line in [*lines, f"{path} check passed"])
