"""The manifests to be judged: they say what they mean, and the recorded answers belong to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conformance.answer import steady
from tests.conformance.corpus import cases, networkpolicy
from tests.conformance.corpus.cases import Case
from tests.conformance.corpus.mutate import everywhere, look, places
from tests.conformance.corpus.requests import requests
from tests.conformance.corpus.text import Again, Raw, Tree, to_json, to_yaml
from tests.conformance.corpus.updates import updates

RECORDED = Path(__file__).parent / "recorded"
CORPORA: dict[str, Callable[[], list[Case]]] = {
    "networkpolicy-strict": cases.network_policies,
    "clusternetworkpolicy-experimental": lambda: cases.cluster_policies("experimental"),
    "clusternetworkpolicy-standard": lambda: cases.cluster_policies("standard"),
    "adminnetworkpolicy-experimental": lambda: cases.admin_policies("experimental"),
    "adminnetworkpolicy-standard": lambda: cases.admin_policies("standard"),
    "kubectl": cases.for_kubectl,
    "requests": lambda: [request.case for request in requests()],
}
VALUES: list[Tree] = [
    {}, [], [[]], [{}], {"a": {}}, {"a": []}, [["a", ["b"]], {"c": [{"d": 1}, None]}],
    {"a": {"b": {"c": [1, -1, 1.5]}}},
    {"on": "yes", "no": "n", "1": "1", "": "", "null": None, "~": "~", "a: b": "#c", "- d": "e\nf"},
    {"{": "}", "*x": "&y"},
    "10.0.0.0/8", "::/0", "80", "0120", "1e3", " blank ", "é\t\"'\\",
    "a/b", "x.y-z_0", "\U0001f600", True, False, None, 80,
]  # fmt: skip


def recorded(name: str) -> list[tuple[str, str]]:
    """Read the ids and manifests of a recording."""
    lines = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(line["id"], line["manifest"]) for line in map(json.loads, lines)]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_tree_written_as_yaml_or_json_reads_back_as_itself(value: Tree) -> None:
    assert yaml.safe_load(to_yaml({"key": value})) == {"key": value}
    assert json.loads(to_json({"key": value})) == {"key": value}


def test_raw_text_and_doubled_keys_are_written_as_they_are() -> None:
    tree = {"a": Raw("0x50"), Again("a"): [Raw("")], Again("a", 2): {Raw("? b"): 1}}
    assert to_yaml(tree) == "a: 0x50\na:\n  -\na:\n  ? b: 1\n"
    assert json.loads(to_json({"a": 1, Again("a"): 2}), object_pairs_hook=list) == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("tree", networkpolicy.shapes())
def test_everything_in_a_policy_is_once_left_out_and_once_of_a_wrong_type(tree: Tree) -> None:
    damaged = [(set(places(each)), each) for each in everywhere(tree)]
    kept = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}
    for path in set(places(tree)) - kept:
        assert any(path not in found for found, _ in damaged), path
        assert any(path in found and type(look(each, path)) is not type(look(tree, path)) for found, each in damaged), (
            path
        )


@pytest.mark.parametrize("tree", networkpolicy.shapes())
def test_every_field_of_a_policy_is_once_misspelt_and_once_doubled(tree: Tree) -> None:
    texts = [to_yaml(each) for each in everywhere(tree)]
    for field in {path[-1] for path in places(tree["spec"]) if isinstance(path[-1], str)}:
        snake = "".join("_" + char.lower() if char.isupper() else char for char in field)
        wrong = {field.lower(), snake, field[:1].upper() + field[1:]} - {field}
        assert all(any(f" {name}:" in text for text in texts) for name in wrong), field
        assert any(text.count(f" {field}:") > to_yaml(tree).count(f" {field}:") for text in texts), field


@pytest.mark.parametrize("name", CORPORA)
def test_the_recorded_answers_are_those_to_the_manifests_of_today(name: str) -> None:
    today = [(case.id, case.manifest) for case in CORPORA[name]()]
    assert len(dict(today)) == len(today), "two cases have one id"
    assert recorded(name) == today


def test_the_recorded_updates_are_those_of_today() -> None:
    assert recorded("updates") == [(update.id, update.new) for update in updates()]


def test_the_lenient_answers_are_a_part_of_the_strict_ones() -> None:
    assert set(recorded("networkpolicy-lenient")) <= set(recorded("networkpolicy-strict"))


def test_only_the_random_end_of_a_generated_name_is_hidden() -> None:
    answer: Tree = {
        "manifest": "np-bcdfg",
        "message": 'name "np-bcdfg" is bad',
        "stored": {"name": "np-24567", "app": "np-x"},
    }
    hidden = {
        "manifest": "np-bcdfg",
        "message": 'name "np-xxxxx" is bad',
        "stored": {"name": "np-xxxxx", "app": "np-x"},
    }
    assert steady(answer, "np-") == hidden


def test_a_long_base_whose_end_looks_random_is_not_hidden() -> None:
    base = "n" * 63
    answer: Tree = {"generateName": base, "name": "n" * 58 + "bcdfg", "message": f'Invalid value: "{"n" * 254}"'}
    assert steady(answer, base) == answer | {"name": "n" * 58 + "xxxxx"}
