"""Replays what a real API server answered to thousands of objects of built-in kinds: ours must answer the same.

Code, causes (reason, field, message), decoding errors, warnings and the stored form are compared word for word. Left
out is what depends on the rest of a cluster (see ``OF_THE_CLUSTER``), and the dumps of the server's own structs that
some messages about updates carry.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.kinds import Admission, admission_for

RECORDED = Path(__file__).parent / "recorded"
CREATES, UPDATES = RECORDED / "kinds.jsonl.gz", RECORDED / "kind-updates.jsonl.gz"

OF_THE_CLUSTER = (
    " is forbidden: ",  # plugins that look for a PriorityClass or a RuntimeClass
    "failed to allocate IP",  # which addresses there are to give out
    "already exists",
    "the object has been modified",
    "Precondition failed: UID",
    "failed calling webhook",
)
NOT_OURS = frozenset({"storage/0013"})
"""A topology without terms: the server compares it with nothing and calls it a duplicate."""
CREATION = "2026-01-01T00:00:00Z"
_STRUCT = re.compile(r"Invalid value: \{.*\}: field is immutable", re.DOTALL)


class Line(msgspec.Struct, frozen=True):
    """One line of a recording."""

    id: str
    api: str
    manifest: str
    code: int
    causes: list[list[str]] = []
    message: str = ""
    warnings: list[str] = []
    stored: dict[str, Any] | None = None
    old: dict[str, Any] | None = None
    subresource: str = ""

    @property
    def admission(self) -> Admission:
        """What the kind goes through here."""
        found = admission_for(*self.api.rsplit("/", 1))
        assert found is not None
        return found


def lines(path: Path) -> Iterator[Line]:
    """Read a recording, without what depends on the rest of the cluster."""
    for text in gzip.decompress(path.read_bytes()).splitlines():
        line = msgspec.json.decode(text, type=Line)
        said = line.message + "".join(message for _, _, message in line.causes)
        if line.id not in NOT_OURS and not any(part in said for part in OF_THE_CLUSTER):
            yield line


def recorded_answer(line: Line) -> list[Any]:
    """Give the server's answer in the form of ours."""
    if line.stored is not None:
        return ["stored", sorted(line.warnings), line.stored]
    if line.causes:
        return [422, sorted(line.causes)]
    return [line.code, line.message.rpartition(" cannot be handled as a ")[2].partition(": ")[2] or line.message]


def refusal(causes: tuple[Cause, ...]) -> list[Any]:
    """Give our causes in the form of the recording."""
    return [422, sorted([cause.reason.value, cause.field, cause.message] for cause in causes)]


def decoded(line: Line) -> dict[str, Any] | list[Any]:
    """Decode the manifest of a line and fill in its defaults, or give the refusal."""
    found = line.admission.decode(json.loads(line.manifest), sort=False)
    if found.wrong_types:
        return [400, found.wrong_types[0].message]
    if found.strict:
        return [400, "strict decoding error: " + ", ".join(cause.message for cause in found.strict)]
    return line.admission.default(found.value)


def shown(line: Line, value: dict[str, Any]) -> list[Any]:
    """Give the warnings and the stored form, as far as the recording has them."""
    stored = line.admission.stored(value)
    hidden = ("managedFields", "resourceVersion", *(() if line.old else ("uid", "creationTimestamp")))
    stored["metadata"] = {name: entry for name, entry in stored["metadata"].items() if name not in hidden}
    if stored["kind"] == "APIService":
        stored.pop("status", None)
    return ["stored", sorted(warned.message for warned in line.admission.warnings(value)), stored]


def answer_to_create(line: Line) -> list[Any]:
    """Give our answer to a new object, whose uid and time the server would have set."""
    value = decoded(line)
    if isinstance(value, list):
        return value
    server = {"uid": "UID", "creationTimestamp": "TIME"}
    prepared = line.admission.prepare({**value, "metadata": {**(value.get("metadata") or {}), **server}})
    causes = line.admission.validate_create(prepared)
    return refusal(causes) if causes else shown(line, prepared)


def answer_to_update(line: Line) -> list[Any]:
    """Give our answer to a changed object."""
    value = decoded(line)
    if isinstance(value, list):
        return value
    admission = line.admission
    old = admission.default(admission.decode(line.old or {}, sort=False).value)
    prepared = admission.prepare_update(value, old, line.subresource)
    causes = admission.validate_update(prepared, old, line.subresource)
    return refusal(causes) if causes else shown(line, prepared)


def without_structs(answer: list[Any]) -> list[Any]:
    """Leave out what a message says in the server's own structs, and whether a list that is not there was written."""
    if answer[0] != 422:
        return answer
    plain = [
        [reason, field, _STRUCT.sub("Invalid value: {}: field is immutable", message.partition("\n@@")[0])]
        for reason, field, message in answer[1]
    ]
    return [422, [[reason, field, re.sub(r"value: (null|\[\]):", "value: {}:", text)] for reason, field, text in plain]]


def test_every_recorded_answer_to_a_new_object_is_ours_too() -> None:
    different = [line.id for line in lines(CREATES) if answer_to_create(line) != recorded_answer(line)]
    assert different == []


def test_every_recorded_answer_to_a_changed_object_is_ours_too() -> None:
    different = [
        (line.id, line.manifest)
        for line in lines(UPDATES)
        if without_structs(answer_to_update(line)) != without_structs(recorded_answer(line))
    ]
    assert different == []


@pytest.mark.parametrize(("path", "least", "codes"), [(CREATES, 3_200, (201, 400, 422)), (UPDATES, 250, (200, 422))])
def test_the_recordings_are_there_and_large_enough_to_mean_something(
    path: Path, least: int, codes: tuple[int, ...]
) -> None:
    found = Counter(line.code for line in lines(path))
    assert sum(found.values()) >= least
    assert all(found[code] >= 75 for code in codes)


def test_nothing_that_is_given_to_an_admission_is_changed() -> None:
    for line in list(lines(CREATES))[::7]:
        value = decoded(line)
        if isinstance(value, list):
            continue
        before = json.dumps(value)
        prepared = line.admission.prepare(value)
        between = json.dumps(prepared)
        line.admission.validate_create(prepared)
        line.admission.stored(prepared)
        assert (json.dumps(value), json.dumps(prepared)) == (before, between)
