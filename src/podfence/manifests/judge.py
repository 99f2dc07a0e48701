"""Judges one policy as ``kubectl apply`` and the API server would, and places each fault in the text.

The server answers in stages, and so does this: an object that cannot be decoded (wrong types, unknown fields) is
not validated, one that is not valid draws no warnings. Keys that occur twice are added to whatever stage speaks,
because kubectl drops the first of them before the server sees it (facts: semantics 1.2, 1.7, 1.10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from podfence.manifests.documents import DuplicateKey, Item, Unparsed
from podfence.manifests.fault import Fault
from podfence.manifests.kinds import GONE, Unserved
from podfence.manifests.loaded import Problem
from podfence.manifests.manual.catalogue import BY_NAME
from podfence.manifests.type_words import in_plain_words
from podfence.manifests.validation.admission import (
    Api,
    Server,
    decode,
    default,
    prepare,
    stored,
    validate_create,
    warnings,
)
from podfence.manifests.validation.cause import NO_FIELD, Cause, Reason, duplicate_field
from podfence.manifests.validation.field_names import suggestion
from podfence.manifests.write import write_yaml
from podfence.manifests.yaml_text import YamlItem
from podfence.model.objects import ObjectRef
from podfence.model.source import Position, position_of

_CLUSTER_SCOPED = frozenset({"Namespace", "Node", *(api.kind for api in Api if not api.builtin)})


class Judgement(msgspec.Struct, frozen=True):
    """What came out: the faults in the server's order, and how the server would store a policy it accepts.

    ``generated`` tells that the server makes up the rest of the name: no two such objects are the same.
    """

    ref: ObjectRef
    faults: tuple[Fault, ...]
    generated: bool
    stored: dict[str, Any] | None = None


def judge_text(unparsed: Unparsed) -> Fault:
    """Turn a text that could not be read into a fault."""
    name = "not-json" if unparsed.kept and unparsed.message.startswith("this is YAML") else "not-readable"
    return Fault(BY_NAME[name], unparsed.message, unparsed.position)


def judge_problem(problem: Problem) -> Fault:
    """Turn what could not be read of an object that is no policy into a fault."""
    source = problem.ref.source if problem.ref else None
    where = source.position() if source else problem.position
    rule = BY_NAME[problem.rule or "unreadable-field"]
    return Fault(rule, problem.message, problem.position, problem.path, "", problem.ref, where)


def judge_repeats(item: Item, namespace: str = "default") -> tuple[Fault, ...]:
    """Find the keys that occur twice in an object that is no policy: kubectl keeps the last and says nothing.

    Only in YAML, where people forget a line ``---``; nobody writes long JSON by hand.
    """
    if not isinstance(item, YamlItem) or not item.duplicates:
        return ()
    judge = _Judge(item, reference(item, namespace))
    judge.repeated(item.duplicates)
    return judge.faults()


def judge_policy(item: Item, api: Api | Unserved, server: Server, namespace: str = "default") -> Judgement:
    """Judge one policy; ``api`` is what ``api_of`` says of it, ``namespace`` that of objects which name none."""
    ref = reference(item, namespace)
    generated = "name" not in _metadata(item)
    judge = _Judge(item, ref)
    if isinstance(api, Unserved):
        judge.unserved(api.meant)
        return Judgement(ref, judge.faults(), generated=generated)
    kept = judge.policy(api, server, namespace)
    return Judgement(ref, judge.faults(), generated=generated, stored=kept)


def reference(item: Item, namespace: str) -> ObjectRef:
    """Name an object, as far as its metadata can be read."""
    named = _metadata(item)
    name, own = named.get("name") or named.get("generateName"), named.get("namespace")
    scope = None if item.kind in _CLUSTER_SCOPED else own if isinstance(own, str) and own else namespace
    return ObjectRef(item.kind, scope, name if isinstance(name, str) else "", item.source)


def _metadata(item: Item) -> dict[str, Any]:
    metadata = item.plain().get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def as_sent(value: object) -> object:
    """Give a plain value as kubectl sends it: a whole number loses its point and exponent."""
    match value:
        case dict():
            return {name: as_sent(entry) for name, entry in value.items()}
        case list():
            return [as_sent(entry) for entry in value]
        case float() if value.is_integer() and abs(value) < 1 << 63:
            return int(value)
        case _:
            return value


class _Judge:
    """Collects the faults of one item."""

    def __init__(self, item: Item, ref: ObjectRef) -> None:
        self._item = item
        self._ref = ref
        self._faults: list[Fault] = []

    def faults(self) -> tuple[Fault, ...]:
        return tuple(self._faults)

    def policy(self, api: Api, server: Server, namespace: str) -> dict[str, Any] | None:
        item = self._item
        if (item.api_version, item.kind) in GONE:
            self._gone(api)
        self.repeated(item.duplicates)
        decoded = decode(api, cast(dict[str, Any], as_sent(item.plain())), channel=server.channel)
        if decoded.wrong_types or decoded.strict:
            self._causes((*decoded.wrong_types, *decoded.strict), api, server)
            return None
        prepared = prepare(api, default(api, decoded.value, server.channel), namespace)
        causes = validate_create(api, prepared, server)
        if causes:
            self._causes(causes, api, server)
            return None
        for warned in warnings(api, {**prepared, "metadata": decoded.value.get("metadata") or {}}):
            message = warned.message.removeprefix(f"{warned.field}: ")
            self._add(warned.rule, message, warned.field)
        return stored(api, prepared)

    def unserved(self, meant: Api) -> None:
        item = self._item
        known = f'no matches for kind "{item.kind}" in version "{item.api_version}"'
        field = "apiVersion" if item.kind == meant.kind else "kind"
        hint = f"did you mean {meant.kind} in {meant.api_version}?"
        self._add("api-version-unknown", known, field, hint=hint)

    def _gone(self, api: Api) -> None:
        item = self._item
        message = (
            f'no matches for kind "{item.kind}" in version "{item.api_version}" since Kubernetes 1.16: '
            f"write apiVersion: {api.api_version}"
        )
        mended = {**item.plain(), "apiVersion": api.api_version}
        self._add("api-version-gone", message, "apiVersion", fix=write_yaml([mended]))

    def repeated(self, duplicates: Iterable[DuplicateKey]) -> None:
        merged = [key for key in duplicates if not key.path]
        names = {key.key for key in merged}
        if "kind" in names and names & {"metadata", "spec"}:
            self._missing_separators(merged)
        else:
            self._duplicate_fields(merged)
        self._duplicate_fields(key for key in duplicates if key.path)

    def _duplicate_fields(self, duplicates: Iterable[DuplicateKey]) -> None:
        for key in duplicates:
            field = f"{key.path}.{key.key}" if key.path else key.key
            message = f"{duplicate_field(field).message}: only the last one counts, line {key.first.line} is lost"
            self._add("duplicate-field", message, field, position=key.second)

    def _missing_separators(self, merged: list[DuplicateKey]) -> None:
        starts = [key for key in merged if key.key == "kind"]
        metadata = [key.lost for key in merged if key.key == "metadata"]
        names = [_named(key.lost, metadata, index) for index, key in enumerate(starts)]
        last = _named(self._item.kind, [*metadata, self._item.plain().get("metadata")], len(metadata))
        for index, key in enumerate(starts):
            first = min((other.second for other in merged if _occurrence(merged, other) == index), default=key.second)
            following = names[index + 1] if index + 1 < len(names) else last
            message = (
                f"the line --- is missing before this object: {names[index]} and {following} run into each "
                f"other, and the first is lost"
            )
            self._add("missing-separator", message, key.key, position=first)

    def _causes(self, causes: Iterable[Cause], api: Api, server: Server) -> None:
        for cause in causes:
            hint = ""
            message = cause.message
            if cause.reason is Reason.UNKNOWN_FIELD:
                hint = suggestion(api, cause.field, server.channel)
            elif cause.reason is Reason.WRONG_TYPE:
                message, hint = in_plain_words(cause.message), cause.message
            self._add(cause.rule, message, cause.field, hint=hint)

    def _add(
        self,
        rule: str,
        message: str,
        path: str,
        *,
        hint: str = "",
        position: Position | None = None,
        fix: str | None = None,
    ) -> None:
        source = self._item.source
        where = position or position_of(source, "" if path == NO_FIELD else path)
        self._faults.append(Fault(BY_NAME[rule], message, where, path, hint, self._ref, position_of(source), fix))


def _occurrence(merged: list[DuplicateKey], key: DuplicateKey) -> int:
    """Count how often the key of a duplicate was repeated before it."""
    return next(at for at, other in enumerate(k for k in merged if k.key == key.key) if other is key)


def _named(kind: object, metadata: list[object], index: int) -> str:
    named = metadata[index] if index < len(metadata) else None
    name = named.get("name") if isinstance(named, dict) else None
    return f"{kind} {name}" if name else f"a {kind}"


def stored_yaml(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Write stored objects as YAML documents, keys sorted as kubectl sorts them."""
    for index, value in enumerate(objects):
        text = write_yaml([_sorted(value)])
        yield text if index == 0 else f"---\n{text}"


def _sorted(value: Any) -> Any:  # noqa: ANN401 - any plain value
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
