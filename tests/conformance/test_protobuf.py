"""What a real API server encoded in protobuf is read as what it gave in JSON; broken bytes are refused, never more."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podfence.manifests.protobuf import MAGIC, ProtobufError, decode_protobuf
from podfence.manifests.types import RecordType, type_of
from podfence.manifests.validation.go_values import settle, without_nulls

RECORDED = Path(__file__).parent / "recorded" / "protobuf.jsonl.gz"


def recorded() -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Give each object as JSON and in protobuf."""
    for text in gzip.decompress(RECORDED.read_bytes()).splitlines():
        line = json.loads(text)
        yield line["id"], line["json"], base64.b64decode(line["protobuf"])


def without_nothing(record: RecordType, value: dict[str, Any]) -> dict[str, Any]:
    """Drop what Go cannot tell from absent: zero scalars, and empty structs that are no pointers."""
    kept = {}
    for name, entry in settle(record, without_nulls(value)).items():
        field = record.fields[name]
        inner = field.record
        if inner is not None and field.repeated:
            entry = [without_nothing(inner, each) for each in entry]  # noqa: PLW2901
        elif inner is not None and field.map:
            entry = {key: without_nothing(inner, each) for key, each in entry.items()}  # noqa: PLW2901
        elif inner is not None:
            entry = without_nothing(inner, entry)  # noqa: PLW2901
            if not entry and not field.pointer:
                continue
        kept[name] = entry
    return kept


def test_every_recorded_object_is_read_alike_in_both_encodings() -> None:
    different, count = [], 0
    for name, value, encoded in recorded():
        record = type_of(value["apiVersion"], value["kind"])
        assert record is not None
        count += 1
        if without_nothing(record, decode_protobuf(encoded)) != without_nothing(record, value):
            different.append(name)
    assert different == []
    assert count >= 100


def test_broken_bytes_are_refused_in_one_line_or_read_as_something_else() -> None:
    rng = random.Random(36)
    bodies = [encoded for _, _, encoded in recorded()]
    for _ in range(3_000):
        body = bytearray(rng.choice(bodies))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(MAGIC), len(body))
            match rng.randrange(4):
                case 0:
                    body[at] = rng.randrange(256)
                case 1:
                    del body[at:]
                    body += b"\0"
                case 2:
                    body[at:at] = rng.randbytes(rng.randint(1, 6))
                case _:
                    del body[at : at + rng.randint(1, 4)]
                    body += b"\x0a"
        try:
            json.dumps(decode_protobuf(bytes(body)))
        except ProtobufError as error:
            assert "\n" not in str(error)  # noqa: PT017 (most of them are read without any error)


@pytest.mark.parametrize("body", [b"", b"{}", b"k8s", MAGIC, MAGIC + b"\xff", MAGIC + b"\x0a\x05abc"])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode_protobuf(body)


def test_a_message_that_holds_itself_too_often_is_refused() -> None:
    schema = b""
    for _ in range(500):
        schema = field(28, schema)  # not: {not: {not: ...}}
    version = field(4, field(1, schema))
    crd = field(2, field(7, version))
    head = field(1, b"apiextensions.k8s.io/v1") + field(2, b"CustomResourceDefinition")
    with pytest.raises(ProtobufError, match="max depth"):
        decode_protobuf(MAGIC + field(1, head) + field(2, crd))


def field(number: int, data: bytes) -> bytes:
    """Encode a field that holds bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """Encode a whole number, seven bits at a time."""
    rest = bytearray()
    while number >= 0x80:
        rest.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*rest, number])
