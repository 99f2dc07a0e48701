"""Replays what a real API server answered to thousands of manifests: ours must answer the same.

Code, causes (reason, field, message), messages of decoding errors, warnings and the stored form are compared
word for word. Left out is only what kubectl never sends (see ``NOT_SENT``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podfence.lint.finding import LAST_OF_THE_SERVER
from podfence.lint.run import check
from podfence.manifests.documents import Item, Unparsed
from podfence.manifests.inputs import read_data
from podfence.manifests.manual.rule import Severity
from podfence.manifests.validation.admission import (
    Api,
    Server,
    decode,
    default,
    prepare,
    stored,
    validate_create,
    validate_update,
    warnings,
)
from podfence.manifests.validation.cluster_policy import Channel
from podfence.manifests.validation.ip_block import CidrRegime

CREATES = sorted((Path(__file__).parent / "recorded").glob("*policy-*.jsonl"))
UPDATES = sorted((Path(__file__).parent / "recorded").glob("updates.jsonl"))
APIS = {f"{api.api_version}/{api.kind}": api for api in Api}

UNREADABLE = "unreadable"
"""Our answer to a text that is no object at all."""

NOT_SENT = (
    "does not match the namespace sent on the request",  # kubectl takes the namespace from the object
    "found incompatible YAML document",  # %YAML 1.2: refused by check as a text, but read
    "is registered for version",  # apiversion, which the server's first look takes for apiVersion
    "unknown conversion",  # another kind, posted to the path of this one
    "invalid character 'ï'",  # a byte order mark before JSON, which reading drops
)

# kubectl's reading drops repeated keys, so where they stand and in which order is our own affair.
_REPEATED_KEY = re.compile(r'\n  line [0-9]+: key "([^"]*)" already set in map')
_NUMBER = re.compile(r"cannot unmarshal number \S+ into")


class Case(msgspec.Struct, frozen=True):
    """One line of a recording: a manifest, the server it was sent to, and the answer."""

    id: str
    api: str
    regime: str
    form: str
    manifest: str
    code: int
    causes: list[list[str]]
    warnings: list[str]
    channel: str | None = None
    message: str | None = None
    stored: dict[str, Any] | None = None
    old: dict[str, Any] | None = None

    @property
    def server(self) -> Server:
        """The server that was asked."""
        return Server(CidrRegime(self.regime), Channel(self.channel or "experimental"))


def cases(path: Path) -> Iterator[Case]:
    """Read a recording."""
    for line in path.read_bytes().splitlines():
        yield msgspec.json.decode(line, type=Case)


_LONG_BASE = re.compile(r"generateName: (\w{58,})(\w{5})\n")


def cases_of_server(path: Path) -> Iterator[Case]:
    """Read a recording as far as it can be compared.

    Recording writes xxxxx for the five random characters of a generated name; a base longer than what the server
    keeps of it is not random, so its end is put back.
    """
    for case in filter(is_comparable, cases(path)):
        base = _LONG_BASE.search(case.manifest)
        if base is None:
            yield case
        else:
            text = msgspec.json.encode(case).decode().replace(f"{base[1]}xxxxx", f"{base[1]}{base[2]}")
            yield msgspec.json.decode(text, type=Case)


def recorded_answer(case: Case) -> list[Any]:
    """Give the server's answer in the form of ``our_answer``."""
    if case.code == 201:
        return [201, sorted(case.warnings), case.stored]
    if case.code == 422:
        return [422, sorted(case.causes)]
    kind = APIS[case.api].kind
    message = (case.message or "").rpartition(f"cannot be handled as a {kind}: ")[2]
    return [400, comparable(message, case)]


def comparable(message: str, case: Case) -> str:
    """Sort what has no order, and cut the spelling of a JSON number, which a parsed value does not keep."""
    keys = sorted(_REPEATED_KEY.findall(message))
    message = _REPEATED_KEY.sub("", message) + "".join(f" [{key}]" for key in keys)
    return _NUMBER.sub("cannot unmarshal number into", message) if case.form == "json" else message


def our_answer(case: Case) -> list[Any]:
    """Give our answer: code and causes, message, or warnings and stored form; ``UNREADABLE`` for no object."""
    readings = list(read_data(case.manifest.encode("utf-8", "surrogatepass"), "case"))
    (item,) = readings if len(readings) == 1 else (None,)
    api = APIS[case.api]
    if not isinstance(item, Item) or (item.api_version, item.kind) != (api.api_version, api.kind):
        return [UNREADABLE]
    decoded = decode(api, item.plain(), channel=case.server.channel, sort=case.form == "yaml")
    if decoded.wrong_types:
        return [400, comparable(decoded.wrong_types[0].message, case)]
    if decoded.strict or item.duplicates:
        return [400, comparable(strict_message(item, [cause.message for cause in decoded.strict], case), case)]
    prepared = prepare(api, default(api, decoded.value, case.server.channel))
    causes = validate_create(api, prepared, case.server)
    if causes:
        return [422, sorted([cause.reason.value, cause.field, cause.message] for cause in causes)]
    given = {**prepared, "metadata": decoded.value.get("metadata") or {}}
    return [201, sorted(warned.message for warned in warnings(api, given)), stored(api, prepared)]


def strict_message(item: Item, unknown: list[str], case: Case) -> str:
    """Write the message of a strict decoding error as the server does."""
    repeated: list[str] = []
    if item.duplicates and case.form == "yaml":
        lines = "".join(f'\n  line {key.second.line}: key "{key.key}" already set in map' for key in item.duplicates)
        repeated = [f"yaml: unmarshal errors:{lines}"]
    elif item.duplicates:
        paths = [f"{key.path}.{key.key}" if key.path else key.key for key in item.duplicates]
        repeated = [f"duplicate field {json.dumps(path)}" for path in paths]
    return "strict decoding error: " + ", ".join([*repeated, *unknown])


def is_comparable(case: Case) -> bool:
    """Tell whether kubectl could have sent the manifest, and as one object."""
    message = case.message or ""
    merged = "<<:" in case.manifest and "already set in map" in message
    one_document = case.form == "json" or len(re.findall(r"(?m)^---", case.manifest)) < 2
    return not merged and one_document and not any(part in message for part in NOT_SENT)


@pytest.mark.parametrize("path", CREATES, ids=lambda path: path.stem)
def test_every_recorded_answer_is_ours_too(path: Path) -> None:
    different = []
    for case in cases_of_server(path):
        ours = our_answer(case)
        if ours != [UNREADABLE] and ours != recorded_answer(case):
            different.append((case.id, ours, recorded_answer(case)))
    assert different == []


@pytest.mark.parametrize("path", CREATES, ids=lambda path: path.stem)
def test_check_refuses_what_the_server_refused_and_nothing_else(path: Path) -> None:
    different = []
    for case in cases_of_server(path):
        readings = list(read_data(case.manifest.encode("utf-8", "surrogatepass"), "case"))
        if (
            sum(isinstance(reading, Item) for reading in readings)
            + (sum(isinstance(reading, Unparsed) and not reading.kept for reading in readings))
            != 1
        ):
            continue  # several documents, or none: the server saw the first of them only
        if our_answer(case) == [UNREADABLE] and case.code != 400:
            continue  # apiVersion or kind left out: the server takes them from the request, kubectl refuses
        if case.form == "json" and any(isinstance(reading, Unparsed) for reading in readings):
            continue  # YAML sent as JSON: a newer kubectl reads it, and check only warns
        if case.form == "json" and "json: cannot unmarshal number" in (case.message or ""):
            continue  # 80.0 in raw JSON; kubectl sends 80
        findings = check(readings, case.server)
        said = [finding for finding in findings.findings if finding.rule <= LAST_OF_THE_SERVER]
        refused = any(finding.severity is Severity.ERROR for finding in said)
        if refused is not (case.code != 201):
            different.append((case.id, case.code, [finding.message for finding in findings.findings]))
    assert different == []


@pytest.mark.parametrize("path", UPDATES, ids=lambda path: path.stem)
def test_every_recorded_update_is_judged_alike(path: Path) -> None:
    different = []
    for case in cases(path):
        if case.code not in {200, 422} or case.old is None:
            continue  # about the request, not about the object
        (item,) = read_data(case.manifest.encode(), "case")
        assert isinstance(item, Item)
        api = APIS[case.api]
        new = prepare(api, default(api, decode(api, item.plain()).value))
        causes = sorted(
            [cause.reason.value, cause.field, cause.message] for cause in validate_update(api, new, case.old)
        )
        given = [] if causes else sorted(warned.message for warned in warnings(api, new))
        if (causes, given) != (sorted(case.causes), sorted(case.warnings)):
            different.append((case.id, causes, given, case.causes, case.warnings))
    assert different == []


def test_the_recordings_are_there_and_large_enough_to_mean_something() -> None:
    assert (len(CREATES), len(UPDATES)) == (6, 1)
    answers = [ours for path in CREATES for case in cases(path) for ours in [case.code]]
    assert len(answers) >= 10_000
    assert {code: answers.count(code) >= 1_500 for code in (201, 400, 422)} == {201: True, 400: True, 422: True}
