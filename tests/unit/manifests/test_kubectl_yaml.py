"""Reading YAML means what it means to kubectl: its own packages answered two thousand texts (kubectl_yaml)."""

import json
from pathlib import Path
from typing import Any

import pytest

from podfence.manifests.documents import Item, Unparsed
from podfence.manifests.encoded import decoded, plain_breaks
from podfence.manifests.inputs import read_data
from podfence.manifests.yaml_errors import YamlError
from podfence.manifests.yaml_events import read_yaml

ANSWERS = [
    json.loads(line)
    for line in (Path(__file__).parent / "kubectl_yaml" / "answers.jsonl").read_text("utf-8").strip().split("\n")
]

# One document of YAML 1.2, which libyaml reads and Go refuses (said of every directive by yaml_text), and a
# document behind which Go never looks.
LIBYAML_DIFFERS = {"%YAML 1.2\n---\na: 1\n", "{}<<: \n"}

FAILED = object()


def first_value(text: str) -> object:
    """Read one document as kubectl's converter does, which looks no further."""
    documents = read_yaml(plain_breaks(decoded(text.encode())))
    try:
        return next((document.value for document in documents), None)
    except YamlError:
        return FAILED


def as_json_numbers(value: object) -> object:
    """Bring what Go printed to what its reader makes of it: an integral number is an integer within 64 bits."""
    if isinstance(value, dict):
        return {key: as_json_numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [as_json_numbers(entry) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 64:
        return float(value)
    return value


def strictly_equal(left: object, right: object) -> bool:
    """Compare values and their types: 1, 1.0 and true are three things."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@pytest.mark.parametrize("part", range(20))
def test_a_document_means_what_kubectl_makes_of_it(part: int) -> None:
    for answer in [answer for answer in ANSWERS if answer["mode"] == "value"][part::20]:
        text = answer["text"]
        if text in LIBYAML_DIFFERS:
            continue
        wanted = as_json_numbers(answer["values"][0]) if answer["values"] else FAILED
        value = first_value(text)
        if FAILED in (value, wanted):
            assert value is wanted, (text, answer, value)
        else:
            assert strictly_equal(value, wanted), (text, answer, value)


@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer["mode"] == "file"], ids=lambda a: a["text"])
def test_a_file_holds_the_documents_that_kubectl_finds_and_what_it_refuses_is_named(answer: dict[str, Any]) -> None:
    readings = list(read_data(answer["text"].encode(), "file.yaml"))
    values = [reading.plain() for reading in readings if isinstance(reading, Item)]
    faults = [reading for reading in readings if isinstance(reading, Unparsed)]
    if "error" in answer:
        assert faults
        assert strictly_equal(values[: len(answer["values"])], answer["values"])
    else:
        assert strictly_equal(values, answer["values"])
        assert all(fault.kept for fault in faults)


def test_the_answers_cover_every_way_that_a_scalar_is_read() -> None:
    kinds = {type(answer["values"][0].get("v")) for answer in ANSWERS if "v" in _mapping(answer)}
    assert kinds == {str, int, float, bool, type(None), list, dict}
    assert len(ANSWERS) > 2_000
    assert sum("error" in answer for answer in ANSWERS) > 300


def _mapping(answer: dict[str, Any]) -> dict[str, Any]:
    value = answer["values"][0] if answer["values"] else None
    return value if isinstance(value, dict) else {}
