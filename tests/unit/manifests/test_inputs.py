"""Whole inputs: what is an item, what is an error, what is only no input, and that nothing makes reading fail."""

import gc
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.collector import paused_gc
from podfence.manifests.documents import Item, Skipped, Unparsed
from podfence.manifests.inputs import Reading, read_data, read_inputs
from podfence.model.error import PodfenceError
from podfence.model.source import position_of

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n"
POD_JSON = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}'
TEMPLATE = "{{- if .Values.x }}\nkind: Pod\n{{- end }}\n"


def in_folder(text: str | bytes) -> list[Reading]:
    return list(read_data(text.encode() if isinstance(text, str) else text, "f.yaml", named=False))


def named(text: str | bytes) -> list[Reading]:
    return list(read_data(text.encode() if isinstance(text, str) else text, "f.yaml"))


def kinds(readings: list[Reading]) -> list[str]:
    return [
        type(reading).__mro__[-3].__name__ if isinstance(reading, Item) else type(reading).__name__
        for reading in readings
    ]


@pytest.mark.parametrize(
    "text",
    [
        "resources:\n- a.yaml\n",
        "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
        "replicaCount: 1\nimage: {}\n",
        "services:\n  web:\n    image: x\n",
        "- op: add\n  path: /x\n",
        '[{"op": "add"}]',
        '{"name": "package"}',
        "just text\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
    ],
)
def test_a_file_without_objects_is_skipped_in_a_folder(text: str) -> None:
    assert kinds(in_folder(text)) == ["Skipped"]


def test_a_file_without_objects_is_an_error_when_it_is_named() -> None:
    assert [str(reading) for reading in named("replicas: 1\n")] == [
        "f.yaml:1:1: no Kubernetes object: apiVersion is missing"
    ]


def test_a_document_without_an_object_beside_real_ones_is_an_error_before_or_behind_them() -> None:
    assert kinds(in_folder("a: 1\n---\n" + POD + "---\nb: 1\n")) == ["Unparsed", "Item", "Unparsed"]


def test_an_object_that_lost_its_kind_is_an_error_even_alone_in_a_folder() -> None:
    assert kinds(in_folder("apiVersion: v1\nknd: Pod\nmetadata: {}\n")) == ["Unparsed"]


def test_a_template_is_skipped_in_a_folder_and_an_error_when_it_is_named() -> None:
    assert [str(reading) for reading in in_folder(TEMPLATE)] == [
        "f.yaml: a template at line 1; render it to have it read"
    ]
    (fault,) = named(TEMPLATE)
    assert "not YAML, but a template; render it first" in str(fault)


def test_the_documents_beside_a_template_are_read() -> None:
    assert kinds(in_folder(TEMPLATE + "---\n" + POD)) == ["Skipped", "Item"]


def test_a_document_that_does_not_parse_is_an_error_in_a_folder_too() -> None:
    assert kinds(in_folder("a: 'x\n")) == ["Unparsed"]


def test_an_empty_file_is_nothing() -> None:
    assert named("") == named("# only a comment\n") == named("---\n---\n") == []


def test_flow_style_behind_a_brace_is_named_and_read() -> None:
    fault, item = named("{apiVersion: v1, kind: Pod}")
    assert isinstance(fault, Unparsed)
    assert fault.kept
    assert "kubectl before 1.33 takes a file that starts with '{' for JSON" in fault.message
    assert isinstance(item, Item)


def test_json_that_breaks_is_explained_as_json() -> None:
    (fault,) = named(POD_JSON[:-3])
    sentence = "not JSON: the text ends too early: a bracket or a quote is never closed"
    assert str(fault) == f"f.yaml:1:{len(POD_JSON) - 2}: {sentence}"


def test_half_a_surrogate_pair_is_replaced_as_go_does() -> None:
    broken = POD_JSON.replace('"a"', '"a\\ud800\\ud83d\\ude00"')
    readings = named(POD_JSON + "\n" + broken)
    assert [item.plain()["metadata"] for item in readings if isinstance(item, Item)] == [
        {"name": "a"},
        {"name": "a\ufffd😀"},
    ]


def test_yaml_behind_one_json_value_is_read_with_its_lines() -> None:
    _, second = named(POD_JSON + "\n---\n" + POD)
    assert isinstance(second, Item)
    assert str(position_of(second.source, "metadata.name")) == "f.yaml:6:3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_encoding_and_line_break_gives_the_same_objects_and_positions(
    encoding: str, breaks: str, *, packed: bool
) -> None:
    data = (POD + "  é: {b: 1}\n---\n" + POD).replace("\n", breaks).encode(encoding)
    first, second = named(gzip.compress(data) if packed else data)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert first.plain()["metadata"] == {"name": "a", "é": {"b": 1}}
    assert str(position_of(first.source, "metadata.é.b")) == "f.yaml:5:7"
    assert str(position_of(second.source, "metadata.name")) == "f.yaml:10:3"


def test_a_gzip_bomb_and_a_broken_gzip_are_one_line() -> None:
    bomb = read_data(gzip.compress(bytes(5 << 20)), "f.gz", max_bytes=1 << 20)
    assert [str(fault) for fault in bomb] == ["f.gz:1:1: more than 1 MiB after gunzipping"]
    assert [str(fault) for fault in named(b"\x1f\x8b\x08")] == ["f.yaml:1:1: the gzip data ends too early"]


def test_bytes_that_are_not_utf_8_are_placed_and_cost_one_document() -> None:
    assert [str(reading) for reading in named(b"a: \xff\n") + named(b'{"a": "\xff"}')] == [
        "f.yaml:1:4: not YAML: the text is not UTF-8 here",
        "f.yaml:1:8: the text is not UTF-8 here",
    ]
    assert kinds(named(b"a: \xff\n---\n" + POD.encode())) == ["Unparsed", "Item"]


def test_paths_and_standard_input_are_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    Path("d/b.yaml").write_text(POD)
    Path("d/values.yaml").write_text("a: 1\n")
    Path("d/c.json.gz").write_bytes(gzip.compress(POD_JSON.encode()))
    readings = read_inputs(["-", "d"], stdin=io.BytesIO(POD.encode()))
    assert [reading.file for reading in readings if isinstance(reading, Item | Skipped)] == [
        "-",
        "d/b.yaml",
        "d/c.json.gz",
        "d/values.yaml",
    ]


def test_a_named_file_beyond_the_limit_stops_and_a_found_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    Path("d/b.yaml").write_text(POD)
    assert [str(reading) for reading in read_inputs(["d"], stdin=io.BytesIO(), max_bytes=8)] == [
        "d/b.yaml:1:1: larger than 8 bytes; split it"
    ]
    with pytest.raises(PodfenceError, match=r"^d/b\.yaml: larger than 8 bytes; split it$"):
        list(read_inputs(["d/b.yaml"], stdin=io.BytesIO(), max_bytes=8))


def test_the_collector_pauses_and_comes_back_only_if_it_was_on() -> None:
    assert gc.isenabled()
    with paused_gc():
        assert not gc.isenabled()
        with paused_gc():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def exercised(readings: Iterator[Reading]) -> None:
    """Ask everything of every reading; whatever the bytes were, none of it may fail."""
    for reading in readings:
        if isinstance(reading, Item):
            plain = reading.plain()
            json.dumps(plain, ensure_ascii=False).encode()
            assert isinstance(plain["apiVersion"], str)
            assert reading.source is not None
            assert reading.source.position().line >= 1
            assert reading.source.position("spec.ingress[0].from[1]").line >= 1
            assert all(again.first <= again.second for again in reading.duplicates)
        else:
            assert "\n" not in str(reading)


SEEDS = [
    POD + "spec:\n  x: &a [1, {k: 'v', k: \"w\"}]\n  y: *a\n  z: |\n    t\n",
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n- <<: {kind: Pod, apiVersion: v1}\n---\n" + POD,
    '{"apiVersion": "v1", "kind": "List", "items": ['
    + POD_JSON
    + ", "
    + POD_JSON
    + ', {"a": [1.5e3, "\\u00e9\\ud800"]}]}',
    POD_JSON + "\n" + POD_JSON + "\n---\n" + POD,
    TEMPLATE + "---\n" + POD,
]
PIECES = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "'",
    "\n",
    "---\n",
    "- ",
    "\\",
    "\t",
    "{{",
    "*a",
    "&a ",
    "<<: ",
    "!!int ",
    "\ufeff",
    "\0",
    "9" * 5_000,
]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 6), st.sampled_from(PIECES) | st.binary(max_size=3)), max_size=6
)


@given(seed=st.sampled_from(SEEDS), edits=EDITS, is_named=st.booleans())
def test_no_damage_to_a_manifest_makes_reading_fail(
    seed: str, edits: list[tuple[float, int, str | bytes]], *, is_named: bool
) -> None:
    data = seed.encode()
    for place, cut, piece in edits:
        at = int(place * len(data))
        data = data[:at] + (piece if isinstance(piece, bytes) else piece.encode()) + data[at + cut :]
    exercised(read_data(data, "f.yaml", named=is_named))


@given(st.sampled_from([b"", b"{", b"[", b"\x1f\x8b", b"\xff\xfe", b"\xef\xbb\xbf", b"---\n"]), st.binary(max_size=60))
def test_no_bytes_at_all_make_reading_fail(start: bytes, rest: bytes) -> None:
    exercised(read_data(start + rest, "f.yaml"))
