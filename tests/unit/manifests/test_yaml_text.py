"""A YAML file: its documents one by one, lists taken apart, lines that stay right."""

import msgspec
import pytest

from podfence.manifests.documents import DuplicateKey, Item, NoObject, Template, Unparsed
from podfence.manifests.yaml_text import read_yaml_text
from podfence.model.source import Position, position_of

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n"


def read(text: str) -> list[object]:
    return list(read_yaml_text(text.encode(), "f.yaml"))


def items(text: str) -> list[Item]:
    return [outcome for outcome in read(text) if isinstance(outcome, Item)]


def names(text: str) -> list[object]:
    return [item.plain()["metadata"]["name"] for item in items(text)]  # type: ignore[index]


def test_a_document_that_does_not_parse_costs_only_itself() -> None:
    outcomes = read(POD.format("a") + "---\n\tx: 1\n---\n" + POD.format("b"))
    first, broken, last = outcomes
    assert isinstance(broken, Unparsed)
    assert str(broken) == "f.yaml:6:1: not YAML: a tab starts the line; indent with spaces"
    assert isinstance(first, Item)
    assert isinstance(last, Item)
    assert str(position_of(last.source, "metadata.name")) == "f.yaml:11:3"


def test_an_open_quote_ends_with_its_document() -> None:
    assert names("a: 'x\n---\n" + POD.format("b")) == ["b"]


def test_an_indented_line_of_dashes_is_text() -> None:
    (item,) = items(POD.format("a") + "x: |\n  y\n  ---\n  z\n")
    assert item.plain()["x"] == "y\n---\nz\n"


def test_documents_without_content_are_nothing() -> None:
    assert read("") == []
    assert read("# a comment\n---\n---\n# another\n--- # and one\nnull\n---\n") == []


@pytest.mark.parametrize(("head", "line"), [("%YAML 1.1\n---\n", 1), ("--- !x\n", 1), ("# c\n%YAML 1.1\n---\n", 2)])
def test_what_yaml_allows_and_kubectl_does_not_is_named_and_read_all_the_same(head: str, line: int) -> None:
    outcomes = read(head + POD.format("a"))
    faults = [outcome for outcome in outcomes if isinstance(outcome, Unparsed)]
    assert [(fault.kept, fault.position.line) for fault in faults] == [(True, line)]
    assert names(head + POD.format("a")) == ["a"]


def test_a_list_yields_its_items_with_their_own_places() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n"
    text += "- apiVersion: v1\n  kind: Pod\n  metadata: {name: b}\n"
    first, second = items(text)
    assert str(position_of(first.source)) == "f.yaml:4:3"
    assert str(position_of(second.source, "metadata.name")) == "f.yaml:9:14"


def test_items_of_a_typed_list_take_what_they_leave_out_from_it() -> None:
    (item,) = items("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- metadata: {name: a}\n")
    assert (item.api_version, item.kind) == ("networking.k8s.io/v1", "NetworkPolicy")
    assert item.plain() == {"apiVersion": item.api_version, "kind": item.kind, "metadata": {"name": "a"}}
    assert str(position_of(item.source, "metadata.name")) == "f.yaml:4:14"


def test_lists_within_lists_are_taken_apart() -> None:
    inner = "{apiVersion: v1, kind: PodList, items: [{metadata: {name: a}}]}"
    assert names(f"apiVersion: v1\nkind: List\nitems: [{inner}, {inner}]\n") == ["a", "a"]


def test_what_is_no_object_in_a_list_is_named_with_its_place() -> None:
    outcomes = read("apiVersion: v1\nkind: List\nitems:\n-\n- text\n- {kind: Pod}\n- {apiVersion: v1, kind: 1}\n")
    assert [str(outcome) for outcome in outcomes if isinstance(outcome, Unparsed)] == [
        "f.yaml:4:2: no Kubernetes object: nothing stands where a mapping should",
        "f.yaml:5:3: no Kubernetes object: text stands where a mapping should",
        "f.yaml:6:3: no Kubernetes object: apiVersion is missing",
        "f.yaml:7:3: no Kubernetes object: kind must be text",
    ]


def test_an_empty_list_and_a_list_of_null_are_no_fault() -> None:
    assert read("apiVersion: v1\nkind: List\nitems: []\n") == []
    (item,) = items("apiVersion: v1\nkind: PodList\nitems:\n")
    assert item.kind == "PodList"


def test_a_mapping_that_was_meant_as_an_object_is_told_from_one_that_was_not() -> None:
    (meant,) = read("apiversion: v1\nkind: Pod\nmetadata: {}\n")
    (other,) = read("replicas: 1\n")
    assert isinstance(meant, Unparsed)
    assert isinstance(other, NoObject)
    assert meant.message == "no Kubernetes object: apiVersion is missing"


def test_a_template_that_does_not_parse_is_told_from_a_broken_document() -> None:
    template, broken = read("{{- if .Values.x }}\na: 1\n---\na: 'x\n")
    assert isinstance(template, Template)
    assert isinstance(broken, Unparsed)


def test_a_template_that_parses_is_read() -> None:
    assert names(POD.format("'{{ .Release.Name }}-x'")) == ["{{ .Release.Name }}-x"]


def test_E18_duplicate_keys_are_found_at_every_level_with_both_places() -> None:
    text = POD.format("a") + "spec:\n  x: [{k: 1, k: 2}]\n  w:\n    z: 1\n    z: 2\n"
    (item,) = items(text)
    at = [(again.path, again.key, str(again.first), str(again.second)) for again in item.duplicates]
    assert at == [("spec.x[0]", "k", "f.yaml:6:8", "f.yaml:6:14"), ("spec.w", "z", "f.yaml:8:5", "f.yaml:9:5")]
    assert item.plain()["spec"] == {"x": [{"k": 2}], "w": {"z": 2}}


def test_duplicate_keys_of_an_item_are_the_items_and_those_of_the_list_are_named() -> None:
    text = "apiVersion: v1\nkind: List\nkind: List\nitems:\n- {apiVersion: v1, kind: A, b: {c: 1, c: 2}}\n"
    text += "- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: A, kind: A}\n"
    outcomes = read(text)
    assert [str(outcome) for outcome in outcomes if isinstance(outcome, Unparsed)] == [
        "f.yaml:3:1: the key 'kind' stands twice; the last one counts"
    ]
    assert [[(again.path, again.key) for again in item.duplicates] for item in items(text)] == [
        [("b", "c")],
        [],
        [("", "kind")],
    ]


def test_a_forgotten_separator_shows_every_key_of_the_lost_object() -> None:
    (item,) = items(POD.format("first") + "spec: {}\n" + POD.format("second") + "spec: {a: 1}\n")
    lost: list[DuplicateKey] = list(item.duplicates)
    assert [(again.path, again.key) for again in lost] == [
        ("", "apiVersion"),
        ("", "kind"),
        ("", "metadata"),
        ("", "spec"),
    ]
    assert [again.first.line for again in lost] == [1, 2, 3, 5]
    assert [again.second.line for again in lost] == [6, 7, 8, 10]
    assert lost[2].lost == {"name": "first"}
    assert item.plain()["metadata"] == {"name": "second"}


def test_an_item_decodes_into_a_type_strictly() -> None:
    class Meta(msgspec.Struct):
        name: str

    class Pod(msgspec.Struct):
        metadata: Meta

    good, bad = items(POD.format("a") + "---\n" + POD.format("yes"))
    assert good.decode(Pod).metadata.name == "a"
    with pytest.raises(msgspec.ValidationError):
        bad.decode(Pod)


def test_a_crd_with_plain_equals_signs_is_read() -> None:
    (item,) = items("apiVersion: v1\nkind: A\nenum:\n- =\n- '!='\nwide: [" + "=, " * 2_000 + "=]\n")
    assert item.plain()["enum"] == ["=", "!="]
    assert position_of(item.source, "wide[2000]") == Position("f.yaml", 6, 8 + 2_000 * 3)


@pytest.mark.parametrize("text", ["a: [1,", "a:\n  b: [{c: 1, d:", "a: {", 'a: "', "a: [é"])
def test_an_error_at_the_end_of_a_text_stands_within_it(text: str) -> None:
    (broken,) = read(text)
    assert isinstance(broken, Unparsed)
    last = text.split("\n")
    assert broken.position.line <= len(last)
    assert broken.position.column <= len(last[broken.position.line - 1]) + 1
