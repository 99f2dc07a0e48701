"""SARIF 2.1.0: findings in the form that code hosts show beside the lines they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from podfence import __version__
from podfence.model.source import Position

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}
"""SARIF's word for each severity."""


class Result(msgspec.Struct, frozen=True):
    """One result: the rule, how bad it is (error, warning, info), what to say, and where, if anywhere.

    ``fingerprint`` is what makes it the same result in another run, whatever line it has moved to. ``subject`` names
    the object that it is about. ``suppressed`` says where somebody accepted it (``inSource`` or ``external``) and why.
    """

    rule: str
    severity: str
    message: str
    position: Position | None = None
    fingerprint: str = ""
    subject: str = ""
    suppressed: tuple[str, str] | None = None


class RuleText(msgspec.Struct, frozen=True):
    """What a host shows of a rule."""

    id: str
    name: str
    short: str
    full: str = ""
    severity: str = "warning"
    help: str = ""


def sarif(rules: Sequence[RuleText], results: Iterable[Result]) -> str:
    """Write one run with its rules and results; only the rules that some result names are listed."""
    found = list(results)
    used = {result.rule for result in found}
    listed = [rule for rule in rules if rule.id in used]
    index = {rule.id: number for number, rule in enumerate(listed)}
    run = {
        "tool": {"driver": {"name": "podfence", "version": __version__, "rules": [_rule(rule) for rule in listed]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(result, index) for result in found],
    }
    value = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _rule(rule: RuleText) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.short},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }
    if rule.full:
        written["fullDescription"] = {"text": rule.full}
    if rule.help:
        written["help"] = {"text": rule.help}
    return written


def _result(result: Result, index: dict[str, int]) -> dict[str, Any]:
    written: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": index[result.rule],
        "level": LEVELS[result.severity],
        "message": {"text": result.message},
    }
    place = _place(result)
    if place:
        written["locations"] = [place]
    if result.suppressed is not None:
        kind, reason = result.suppressed
        written["suppressions"] = [{"kind": kind, "justification": reason}]
    if result.fingerprint:
        written["partialFingerprints"] = {"podfence/v1": result.fingerprint}
    return written


def _place(result: Result) -> dict[str, Any]:
    place = _location(result.position) if result.position is not None else {}
    if result.subject:
        place["logicalLocations"] = [{"fullyQualifiedName": result.subject, "kind": "resource"}]
    return place


def _location(position: Position) -> dict[str, Any]:
    region = {"startLine": position.line, "startColumn": position.column}
    return {"physicalLocation": {"artifactLocation": {"uri": uri(position.file)}, "region": region}}


def uri(file: str) -> str:
    """Write a path as the relative reference that SARIF wants: forward slashes, reserved characters escaped."""
    from urllib.parse import quote  # noqa: PLC0415 (costs its import only here)

    return quote(file.replace("\\", "/").removeprefix("./"), safe="/:@-._~")
