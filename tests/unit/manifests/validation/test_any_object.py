"""Objects of every kind, made at random from its type: admission judges each and never fails on one."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from podfence.manifests.types import Field, RecordType, all_kinds, type_of
from podfence.manifests.validation.kinds import admission_for

WORDS = ("", "a", "A b", "app", "10.0.0.1", "1Gi", "-1", "http", "None", "NodePort", "x/y", "*/5 * * * *", "ä", "In")
KINDS = sorted(kind for kind in all_kinds() if admission_for(*kind) is not None)


def random_record(rng: random.Random, record: RecordType, depth: int) -> dict[str, Any]:
    """Make an object of a record in which each field may stand; deep ones hold less."""
    share = 0.5 if depth < 3 else 0.15
    return {
        name: random_field(rng, field, depth)
        for name, field in record.fields.items()
        if rng.random() < share and depth < 9
    }


def random_field(rng: random.Random, field: Field, depth: int) -> object:
    """Make a value that a field can hold, or now and then one that it cannot."""
    if rng.random() < 0.01:
        return rng.choice([None, [], {}, "x", 1.5, True, [None]])
    if field.repeated:
        return [random_value(rng, field, depth) for _ in range(rng.randrange(3))]
    if field.map:
        return {rng.choice(WORDS): random_value(rng, field, depth) for _ in range(rng.randrange(3))}
    return random_value(rng, field, depth)


def random_value(rng: random.Random, field: Field, depth: int) -> object:  # noqa: PLR0911 (one for each type)
    """Make one value of a field's type."""
    if field.record is not None:
        return random_record(rng, field.record, depth + 1)
    match field.type:
        case "bool":
            return rng.random() < 0.5
        case "int32" | "int64" | "float64":
            return rng.choice([0, 1, -1, 80, 65536, 2**31 - 1])
        case "bytes":
            return rng.choice(["", "Yg==", "!"])
        case "time" | "micro-time":
            return rng.choice(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000+01:00", "x"])
        case "quantity":
            return rng.choice(["1", "100m", "1.5Gi", "-1", 2, "x"])
        case "int-or-string":
            return rng.choice([0, 80, "25%", "http", "x y"])
        case "[]string":
            return [rng.choice(WORDS)]
        case "string":
            return rng.choice(list(field.enum)) if field.enum and rng.random() < 0.7 else rng.choice(WORDS)
        case _:
            return rng.choice([{}, {"a": [1]}, True])


@pytest.mark.parametrize(("api_version", "kind"), KINDS, ids=[f"{version}/{kind}" for version, kind in KINDS])
def test_any_object_is_judged_and_written_without_a_failure(api_version: str, kind: str) -> None:
    record, admission = type_of(api_version, kind), admission_for(api_version, kind)
    if record is None or admission is None:
        pytest.skip("has no type in the table")
    rng = random.Random(f"{api_version}/{kind}")
    stored: dict[str, Any] | None = None
    for _ in range(25):
        decoded = admission.decode(random_record(rng, record, 0), strict=False)
        if decoded.wrong_types:
            continue
        prepared = admission.prepare(admission.default(decoded.value))
        admission.validate_create(prepared)
        admission.warnings(prepared)
        if stored is not None:
            changed = admission.prepare_update(prepared, stored)
            admission.validate_update(changed, stored)
            admission.validate_update(admission.prepare_update(prepared, stored, "status"), stored, "status")
        shown = admission.stored(prepared)
        again = admission.decode(json.loads(json.dumps(shown)))
        assert (again.wrong_types, again.strict) == ((), ())
        stored = admission.default(again.value)
