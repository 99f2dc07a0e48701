"""Names that a field could have been: what to suggest for one that the API does not have."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator

from podfence.manifests.validation.admission import Api
from podfence.manifests.validation.cluster_policy import Channel, cluster_policy_schema
from podfence.manifests.validation.decoding import ListOf, Record
from podfence.manifests.validation.network_policy_types import NETWORK_POLICY, OBJECT_META
from podfence.manifests.validation.schema import Schema

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
_CLOSE_ENOUGH = 0.7


def suggestion(api: Api, field: str, channel: Channel) -> str:
    """Say what an unknown field was perhaps meant to be, as a clause for people; empty when nothing comes close."""
    parent, _, name = field.rpartition(".")
    near = _nearest(name, _fields(api, parent, channel))
    if near:
        return f'did you mean "{near}"?'
    if channel is Channel.STANDARD and name in _fields(api, parent, Channel.EXPERIMENTAL):
        return "it exists in the experimental channel only"
    for outer in _parents(parent):
        if name in _fields(api, outer, channel):
            return f'"{name}" belongs to {_place(outer)}'
    known = sorted(_fields(api, parent, channel))
    return f"known here: {', '.join(known)}" if 0 < len(known) <= 8 else ""


def _place(path: str) -> str:
    return path or "the top level of the object"


def _parents(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition(".")[0]
        yield path


def _nearest(name: str, known: Collection[str]) -> str:
    by_case = {candidate.casefold(): candidate for candidate in known}
    if name.casefold() in by_case:
        return by_case[name.casefold()]
    squeezed = name.casefold().replace("_", "").replace("-", "")
    close = difflib.get_close_matches(squeezed, by_case, n=1, cutoff=_CLOSE_ENOUGH)
    return by_case[close[0]] if close else ""


def _fields(api: Api, path: str, channel: Channel) -> frozenset[str]:
    """Name the fields that an object at this path may have, none when it is no object."""
    if api.builtin:
        return _record_fields(NETWORK_POLICY, path)
    if path == "metadata" or path.startswith("metadata."):
        return _record_fields(OBJECT_META, path.removeprefix("metadata").removeprefix("."))
    return _schema_fields(cluster_policy_schema(api.kind, channel), path)


def _record_fields(record: object, path: str) -> frozenset[str]:
    at = record
    for name, index in _STEP.findall(path):
        if index:
            at = at.item if isinstance(at, ListOf) else None
        else:
            at = at.fields.get(name) if isinstance(at, Record) else None
    return frozenset(at.fields) if isinstance(at, Record) else frozenset()


def _schema_fields(schema: Schema, path: str) -> frozenset[str]:
    at: Schema | None = schema
    for name, index in _STEP.findall(path):
        if at is not None:
            at = at.items if index else at.field(name)
    return frozenset(at.properties) if at is not None else frozenset()
