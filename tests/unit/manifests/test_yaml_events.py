"""YAML to plain values: positions, repeated keys, aliases, limits, and sentences for what does not parse."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.field_path import MAX_DEPTH, Mark
from podfence.manifests.yaml_errors import YamlError
from podfence.manifests.yaml_events import COLUMN_BITS, YamlDocument, read_yaml


def one(text: str) -> YamlDocument:
    (document,) = read_yaml(text.encode())
    return document


def error_of(text: str | bytes) -> tuple[int, int, str]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(YamlError) as caught:
        list(read_yaml(data))
    return caught.value.line + 1, caught.value.column + 1, caught.value.message


def marks_of_nodes(node: yaml.Node | None) -> Mark:
    """Walk PyYAML's own tree of nodes, which knows positions as well, into the shape of our marks."""

    def place(at: yaml.Node, own: yaml.Node) -> Mark:
        mark = at.start_mark.line << COLUMN_BITS | at.start_mark.column
        if isinstance(own, yaml.MappingNode) and own.value:
            return [mark, *(place(key, value) for key, value in own.value)]
        if isinstance(own, yaml.SequenceNode) and own.value:
            return [mark, *(place(value, value) for value in own.value)]
        return mark

    assert node is not None
    return place(node, node)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text("aé𝄞 :#\n", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(value=PLAIN, flow=st.booleans(), indent=st.integers(1, 6))
def test_every_mark_is_where_another_parser_sees_the_field(value: object, *, flow: bool, indent: int) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, indent=indent, allow_unicode=True, width=60)
    document = one(text)
    assert document.value == value
    assert document.mark == marks_of_nodes(yaml.compose(text, yaml.SafeLoader))


def test_columns_count_characters() -> None:
    document = one("é: {𝄞𝄞: 1, b: 2}\n")
    assert document.mark == [0, [0, 4, 11]]


def test_a_repeated_key_is_told_with_both_places_and_the_last_value_wins() -> None:
    document = one("a: 1\nb:\n- x: {k: 1, l: 2, k: 3}\na: 2\na: 3\n")
    assert document.value == {"b": [{"x": {"l": 2, "k": 3}}], "a": 3}
    found = [(again.path, again.key, again.first, again.second, again.lost) for again in document.repeated]
    line = 1 << COLUMN_BITS
    assert found == [
        ("b[0].x", "k", 2 * line + 6, 2 * line + 18, 1),
        ("", "a", 0, 3 * line, 1),
        ("", "a", 0, 4 * line, 2),
    ]
    assert document.mark == [0, [line, [2 * line + 2, [2 * line + 2, 2 * line + 12, 2 * line + 18]]], 4 * line]


def test_keys_that_become_the_same_text_repeat_each_other() -> None:
    (again,) = one("yes: 1\n'true': 2\n").repeated
    assert again.key == "true"


def test_a_key_that_overrides_a_merged_one_does_not_repeat_it() -> None:
    document = one("x: &x {p: 1, q: 2}\nw:\n  <<: *x\n  q: 3\n")
    assert document.value == {"x": {"p": 1, "q": 2}, "w": {"p": 1, "q": 3}}
    assert document.repeated == ()


def test_a_merged_field_stands_where_its_text_is() -> None:
    line = 1 << COLUMN_BITS
    document = one("x: &x {p: 1, q: 2}\ny:\n  <<: *x\n  r: 3\n")
    assert isinstance(document.mark, list)
    assert document.mark[2] == [line, 7, 13, 3 * line + 2]


def test_a_field_behind_an_alias_stands_where_its_text_is_and_the_alias_where_it_is() -> None:
    document = one("x: &x {p: 1}\ny: [*x, *x]\n")
    line = 1 << COLUMN_BITS
    assert isinstance(document.mark, list)
    assert document.mark[2] == [line, [line + 4, 7], [line + 8, 7]]


def test_anchors_end_with_their_document() -> None:
    documents = read_yaml(b"a: &a 1\n---\nb: *a\n")
    assert next(documents).value == {"a": 1}
    with pytest.raises(YamlError, match="no anchor &a"):
        next(documents)


def bomb(levels: int) -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]" for i in range(levels)]
    return "\n".join(lines)


def test_an_alias_bomb_is_refused_and_a_modest_use_of_aliases_is_not() -> None:
    assert "aliases repeat too much" in error_of(bomb(8))[2]
    assert one(bomb(1)).value
    many = "base: &b {p: 1, q: [1, 2, 3]}\n" + "".join(f"k{i}: *b\n" for i in range(2_000))
    assert len(one(many).value) == 2_001  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &x 1\nb: &x [*x]"])
def test_an_alias_within_its_own_anchor_is_refused(text: str) -> None:
    assert "contains itself" in error_of(text)[2]


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ("{a: ", "}")])
def test_nesting_ends_at_the_limit(opened: str, closed: str) -> None:
    assert one(opened * MAX_DEPTH + closed * MAX_DEPTH).value
    assert error_of(opened * (MAX_DEPTH + 1) + closed * (MAX_DEPTH + 1))[2] == "nested deeper than 200 levels"


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence"),
    [
        ("a:\n\tb: 1", 2, 1, "a tab starts the line; indent with spaces"),
        ("a: b: c", 1, 5, "mapping values are not allowed here"),
        ("a: 'x\nb: 1\n", 1, 4, "the quote that opens here is never closed"),
        ('a:\n  b: "x\n', 2, 6, "the quote that opens here is never closed"),
        ("a: [1, 2\nb: 3", 1, 4, "the '[' that opens here is not closed by a ']'"),
        ("a: {b: 1\n", 1, 4, "the '{' that opens here is not closed by a '}'"),
        ("a: [b}", 1, 6, "expected ',' or ']' here"),
        ("a: @x", 1, 4, "a value cannot start with '@'; quote it"),
        ("a: *.x.com", 1, 4, "'*' and '&' begin an alias or anchor; quote the text"),
        ("a: *x", 1, 4, "no anchor &x stands before this alias"),
        ("a:\n  b: 1\n c: 2", 3, 2, "a key is expected here: the indentation fits neither"),
        ("a: 1\n- b", 2, 1, "a list item stands where a key is expected"),
        ("- a\nb: 1", 2, 1, "expected '-' here"),
        ("a: 'x'y", 1, 7, "a key is expected here"),
        ("a: - b", 1, 4, "a list cannot begin on this line"),
        ('a: "\\q"', 1, 5, "unknown escape in a double-quoted text"),
        ("a: !e!x 1", 1, 4, "a text that begins with '!' is a tag"),
        ("a: ]", 1, 4, "a value is missing here, or a bracket is unmatched"),
        ("a: .inf", 1, 4, "infinity and not-a-number have no place"),
        ("? [a]\n: 1", 1, 3, "a mapping or list cannot be a key"),
        ("a: &a [1]\n*a : 1", 2, 1, "a mapping or list cannot be a key"),
        ("~: 1", 1, 1, "null cannot be a key"),
        ("a: !!int x", 1, 4, "'x' does not fit its tag !!int"),
        ("a:\n  <<: 1", 2, 7, "'<<' merges a mapping or a list of mappings"),
        ("é: \x01", 1, 4, "control characters are not allowed in YAML, and this is U+0001"),
        ("a: 1\nb: \x00", 2, 4, "control characters are not allowed in YAML, and this is U+0000"),
        (b"a: 1\n\xc3\xa9: \xff", 2, 4, "the text is not UTF-8 here"),
    ],
)
def test_what_does_not_parse_is_said_in_one_plain_sentence_with_its_place(
    text: str | bytes, line: int, column: int, sentence: str
) -> None:
    found_line, found_column, message = error_of(text)
    assert message.startswith(sentence)
    assert "\n" not in message
    assert (found_line, found_column) == (line, column)


PIECES = (
    "a|b: |- |[|]|{|}|, |: |'|\"|#|&a |*a|<<: |!!int |? |>|1|yes|~|\t|%|---\n|...\n|é|\x07|\\|!|@|\ufeff|0x|\n|\n  "
)
YAMLISH = st.lists(st.sampled_from(["|", *PIECES.split("|")]), max_size=25).map("".join)


def sentence_about(text: str) -> YamlError | None:
    """Read a text to its end or to its first fault."""
    try:
        for document in read_yaml(text.encode()):
            assert isinstance(document, YamlDocument)
    except YamlError as error:
        return error
    return None


@given(YAMLISH)
def test_any_text_ends_in_documents_or_in_one_sentence(text: str) -> None:
    fault = sentence_about(text)
    assert fault is None or re.fullmatch(r"[^\n]+", fault.message)
    assert fault is None or fault.line <= text.count("\n") + 1
