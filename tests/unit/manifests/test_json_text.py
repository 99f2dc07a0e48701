"""JSON files: streams and lists, items that stay bytes, positions and repeated keys when asked."""

import gc
import json
import random
import sys

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.documents import Item, NoObject, Unparsed
from podfence.manifests.field_path import Mark
from podfence.manifests.json_item import JsonItem, JsonText
from podfence.manifests.json_scan import depth, load, scan, without_lone_surrogates
from podfence.manifests.json_text import JsonError, read_json_text
from podfence.model.source import Position, position_of

POD = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "é"}, "spec": {"ports": [80, {"port": 81}]}}'


def read(text: str) -> list[object]:
    return list(read_json_text(text.encode(), "f.json"))


def items(text: str) -> list[Item]:
    return [outcome for outcome in read(text) if isinstance(outcome, Item)]


def one(text: str) -> Item:
    (item,) = items(text)
    return item


def listed(*objects: str, indent: str = "") -> str:
    return '{"apiVersion": "v1", "items": [' + f",{indent}".join(objects) + '], "kind": "List"}'


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(value=VALUE, indent=st.sampled_from([None, 1, "\t"]), ascii_only=st.booleans())
def test_a_scan_reads_what_the_standard_library_reads(
    value: object, indent: int | str | None, *, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    scanned = scan(text)
    assert scanned.value == json.loads(text) == load(text)[0]
    assert scanned.repeated == ()
    check_marks(text, scanned.value, scanned.mark)


def check_marks(text: bytes, value: object, mark: Mark) -> None:
    """At the mark of each field stand its key, and at that of each item the item, as JSON."""
    if isinstance(mark, int):
        return
    assert isinstance(value, dict | list)
    assert len(mark) == len(value) + 1
    for child, key in zip(mark[1:], value, strict=True):
        offset = child if isinstance(child, int) else child[0]
        assert isinstance(offset, int)
        found, _ = json.JSONDecoder().raw_decode(text[offset:].decode())
        assert found == key
    for child, inner in zip(mark[1:], value.values() if isinstance(value, dict) else value, strict=True):
        check_marks(text, inner, child)


@pytest.mark.parametrize(
    ("gap", "second"),
    [("", f"1:{len(POD) + 1}"), (" ", f"1:{len(POD) + 2}"), ("\n", "2:1"), ("\r\n  ", "2:3")],
)
def test_values_one_behind_the_other_are_all_read(gap: str, second: str) -> None:
    assert [str(position_of(item.source)) for item in items(POD + gap + POD)] == ["f.json:1:1", f"f.json:{second}"]


@pytest.mark.parametrize("indent", ["", "\n", "\n\t  ", "\r\n"])
def test_items_of_a_list_know_their_place(indent: str) -> None:
    text = listed(POD, POD, POD, indent=indent)
    for item in items(text):
        position = position_of(item.source, "spec.ports[1].port")
        assert position is not None
        line = text.split("\n")[position.line - 1]
        assert line[position.column - 1 :].startswith('"port": 81')
        assert item.plain() == json.loads(POD)


def test_positions_are_right_in_any_order_of_asking() -> None:
    rng = random.Random(5)
    lines = [" " * rng.randrange(3) + "é" * rng.randrange(3) + "x" for _ in range(50)]
    data = "\n".join(lines).encode()
    text = JsonText(data, "f")
    offsets = [rng.randrange(len(data)) for _ in range(200)]
    for offset in offsets:
        before = data[:offset].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        assert text.position(offset) == Position("f", line, column)


def test_an_item_whose_bytes_occur_earlier_in_the_list_is_placed_right() -> None:
    text = '{"metadata": {"items": [{}, {}]}, "kind": "List", "apiVersion": "v1", "items": [{}, {}]}'
    assert [str(outcome.position) for outcome in read(text) if isinstance(outcome, Unparsed)] == [
        f"f.json:1:{text.rindex('[') + 2}",
        f"f.json:1:{text.rindex('{') + 1}",
    ]


def test_a_list_whose_items_stand_twice_is_read_by_the_last_and_named() -> None:
    text = f'{{"apiVersion": "v1", "kind": "List", "items": [1, 2], "items": [{POD}]}}'
    fault, item = read(text)
    assert isinstance(fault, Unparsed)
    assert fault.kept
    assert isinstance(item, Item)
    assert str(position_of(item.source)) == f"f.json:1:{text.index(POD) + 1}"


def test_items_in_any_form_get_their_heads() -> None:
    late = '{"metadata": {"name": "a"}, "kind": "Pod", "apiVersion": "v1"}'
    escaped = '{"apiVersion": "v1", "kind": "P\\u006fd"}'
    bare = '{"metadata": {}}'
    text = '{"kind": "PodList", "apiVersion": "v1", "items": [' + f"{late}, {escaped}, {bare}, {POD}]}}"
    assert [(item.api_version, item.kind) for item in items(text)] == [("v1", "Pod")] * 4
    assert items(text)[2].plain() == {"apiVersion": "v1", "kind": "Pod", "metadata": {}}


def test_lists_within_lists_are_taken_apart() -> None:
    assert [item.kind for item in items(listed(listed(POD, POD), POD))] == ["Pod"] * 3


def test_what_is_no_object_in_a_list_is_named_with_its_place() -> None:
    outcomes = read('{"apiVersion": "v1", "kind": "List", "items": [null, "x", {"kind": "Pod"}, [1]]}')
    assert [str(outcome) for outcome in outcomes] == [
        "f.json:1:48: no Kubernetes object: nothing stands where a mapping should",
        "f.json:1:54: no Kubernetes object: text stands where a mapping should",
        "f.json:1:59: no Kubernetes object: apiVersion is missing",
        "f.json:1:76: no Kubernetes object: a list stands where a mapping should",
    ]


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}', '{"apiVersion": "v2", "name": "chart"}'])
def test_json_that_is_no_object_is_told(text: str) -> None:
    (outcome,) = read(text)
    assert isinstance(outcome, NoObject)


def test_numbers_are_as_they_are_written() -> None:
    value = one('{"apiVersion": "v1", "kind": "A", "n": [80, 80.0, 8e1, 1e999, -1e999, ' + "9" * 5_000 + "]}").plain()
    assert value["n"] == [80, 80.0, 80.0, sys.float_info.max, -sys.float_info.max, sys.float_info.max]
    assert [type(number) for number in value["n"]][:3] == [int, float, float]


def test_E18_duplicate_keys_are_found_with_both_places() -> None:
    item = one('{"apiVersion": "v1", "kind": "A",\n "a": [{"b": 1, "c": 2,\n  "b": 3}], "kind": "B", "kind": "C"}')
    at = [(again.path, again.key, str(again.first), str(again.second), again.lost) for again in item.duplicates]
    assert at == [
        ("a[0]", "b", "f.json:2:9", "f.json:3:3", 1),
        ("", "kind", "f.json:1:22", "f.json:3:13", "A"),
        ("", "kind", "f.json:1:22", "f.json:3:26", "B"),
    ]


def test_a_text_that_looks_like_a_repeated_key_is_none() -> None:
    item = one('{"apiVersion": "v1", "kind": "A", "a": "\\"kind\\": 1, \\"kind\\": 2", "\\\\": 1}')
    assert item.duplicates == ()


def test_an_item_decodes_into_a_type_without_its_other_fields() -> None:
    class Spec(msgspec.Struct):
        ports: list[object]

    class Pod(msgspec.Struct):
        spec: Spec

    assert one(POD).decode(Pod).spec.ports == [80, {"port": 81}]


def test_a_source_does_not_hold_the_file_and_an_item_does() -> None:
    data = listed(POD, POD).encode()
    before = sys.getrefcount(data)
    kept = [item for item in read_json_text(data, "f") if isinstance(item, JsonItem)]
    assert sys.getrefcount(data) > before
    sources = [item.source for item in kept]
    del kept
    gc.collect()
    assert sys.getrefcount(data) == before
    assert sources[1].position("metadata").line == 1


@pytest.mark.parametrize(
    ("text", "offset", "sentence"),
    [
        ('{"a": NaN}', 6, "JSON has neither NaN nor Infinity"),
        ('{"a": -Infinity}', 7, "JSON has neither NaN nor Infinity"),
        ('{"a": 1,}', 8, "a comma before '}'"),
        ('{"a": [1,]}', 9, "a comma before ']'"),
        ('{"a" 1}', 5, "a ':' is missing behind the key"),
        ("{a: 1}", 1, "a key must stand in double quotes"),
        ('{"a": 1', 7, "the text ends too early: a bracket or a quote is never closed"),
        ('{"a": "x', 8, "the text ends too early: a bracket or a quote is never closed"),
        ('{"a": 01}', 7, "this is no JSON number"),
        ('{"a": "x\ty"}', 8, "a control character stands in a text"),
        ('{"a": x}', 6, "'x' is unexpected here"),
        ('{"a": 1 "b": 2}', 8, "a ',' or '}' is missing here"),
    ],
)
def test_what_is_no_json_is_said_in_one_plain_sentence(text: str, offset: int, sentence: str) -> None:
    with pytest.raises(JsonError) as caught:
        read(text)
    assert caught.value.message.startswith(sentence)
    assert caught.value.offset == offset


def test_a_value_that_breaks_does_not_cost_those_before_it() -> None:
    outcomes: list[object] = []
    with pytest.raises(JsonError) as caught:
        outcomes.extend(read_json_text((POD + POD + "{x").encode(), "f"))
    assert (caught.value.values, caught.value.start) == (2, 2 * len(POD.encode()))


def test_nesting_ends_at_the_limit_and_never_in_a_traceback() -> None:
    def nested(levels: int) -> str:
        return '{"apiVersion": "v1", "kind": "A", "a": ' + "[" * levels + "]" * levels + "}"

    assert depth(nested(199).encode()) == 200
    assert one(nested(199)).plain()
    assert [str(outcome) for outcome in read(nested(200))] == ["f.json:1:1: nested deeper than 200 levels"]
    assert one('{"apiVersion": "v1", "kind": "A", "a": [' + "[], " * 400 + '"[[["]}').plain()
    with pytest.raises(JsonError, match="nested deeper than 200 levels"):
        read(nested(200_000))


def test_halves_of_surrogate_pairs_are_replaced_and_whole_ones_kept() -> None:
    text = rb'["\ud83d\ude00", "\ud800", "\udc00x", "\ud800\ud83d\ude00", "\\ud800", "\\\ud800"]'
    clean = without_lone_surrogates(text)
    assert len(clean) == len(text)
    assert json.loads(clean) == ["😀", "\ufffd", "\ufffdx", "\ufffd😀", "\\ud800", "\\\ufffd"]


@given(VALUE)
def test_yaml_and_json_agree_on_what_is_in_an_object(value: object) -> None:
    whole = {"apiVersion": "v1", "kind": "A", "value": value}
    text = json.dumps(whole).encode()
    if b"\\ud" not in text:
        (item,) = (item for item in read_json_text(text, "f") if isinstance(item, Item))
        assert item.plain() == whole
        assert yaml.safe_load(json.dumps(item.kind)) == "A"
