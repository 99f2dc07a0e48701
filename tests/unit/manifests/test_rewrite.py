"""Edits of one object in the text that people wrote: exact in meaning, and nothing else is touched."""

from __future__ import annotations

import copy
import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.rewrite import CannotRewriteError, rewritten
from podfence.model.source import Position

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\n"
START = Position("f.yaml", 1, 1)


def edited(spec: str, new: dict[str, Any]) -> str:
    """Edit the spec of a policy, and give the text of it as it is then."""
    text = f"{HEAD}spec:\n{spec}"
    (item,) = (reading for reading in read_data(text.encode(), "f.yaml") if isinstance(reading, Item))
    after = rewritten(text.encode(), START, {**item.plain(), "spec": new}).decode()
    assert after.startswith(f"{HEAD}spec:")
    return after.removeprefix(f"{HEAD}spec:").removeprefix("\n")


FIRST = "  from:\n  - a:\n      x: 1\n  # and\n"
PEER_LINES = "  - podSelector:\n      matchLabels:\n        app: x\n"
PEER = {"podSelector": {"matchLabels": {"app": "x"}}}


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        # A value, in its quotes, with what stands behind it.
        ("  port: grcp  # why\n", {"port": "grpc"}, "  port: grpc  # why\n"),
        ('  port: "grcp"\n', {"port": "grpc"}, '  port: "grpc"\n'),
        ("  port: 'grcp'\n", {"port": 80}, "  port: 80\n"),
        ("  a: {b: 1, c: 2}  # why\n", {"a": {"b": 1, "c": "true"}}, '  a: {b: 1, c: "true"}  # why\n'),
        # Keys come and go.
        ("  a: 1\n  # of b\n  b: 2\n", {"a": 1}, "  a: 1\n  # of b\n"),
        ("  a: 1\n\n  # end\n", {"a": 1, "b": [2]}, "  a: 1\n  b:\n  - 2\n\n  # end\n"),
        ("  a: {b: 1}\n", {"a": {"b": 1, "c": {"d": 2}}}, "  a: {b: 1, c: {d: 2}}\n"),
        ("  a: {b: 1, c: 2}\n", {"a": {"c": 2}}, "  a: {c: 2}\n"),
        ("  a: {b: 1, c: 2}\n", {"a": {"b": 1}}, "  a: {b: 1}\n"),
        ("  - a: 1\n    b: 2\n".replace("  - ", "  l:\n  - ", 1), {"l": [{"b": 2}]}, "  l:\n  - b: 2\n"),
        # Items come and go, in the style of the list.
        ("  l:\n  - a  # 1\n  m: 1\n", {"l": ["a", PEER], "m": 1}, f"  l:\n  - a  # 1\n{PEER_LINES}  m: 1\n"),
        ("  l:\n    - a\n", {"l": ["a", {"p": [1]}]}, "  l:\n    - a\n    - p:\n        - 1\n"),
        ("  l: [a]\n", {"l": ["a", {"p": 1}]}, "  l: [a, {p: 1}]\n"),
        ("  l: [a, b, c]\n", {"l": ["a", "c"]}, "  l: [a, c]\n"),
        ("  l:\n  - a\n  # of b\n  - b: 1\n    c: 2\n  - d\n", {"l": ["a", "d"]}, "  l:\n  - a\n  # of b\n  - d\n"),
        # Nothing becomes something, and something nothing.
        ("  l: []\n  m: 1\n", {"l": [{"from": [PEER], "ports": [{"port": 80, "protocol": "TCP"}]}], "m": 1}, None),
        ("  l:  # none yet\n  m: 1\n", {"l": [{"a": 1}], "m": 1}, "  l:  # none yet\n  - a: 1\n  m: 1\n"),
        ("  l: []\n", {"l": ["Egress"]}, "  l: [Egress]\n"),
        ("  l:  # all\n  - a\n  - b\n  m: 1\n", {"l": [], "m": 1}, None),
        ("  s: {}\n", {"s": {"matchLabels": {"app": "x"}}}, "  s: {matchLabels: {app: x}}\n"),
        # One dash too many.
        (f"{FIRST}  - b: 2  # why\n", {"from": [{"a": {"x": 1}, "b": 2}]}, f"{FIRST}    b: 2  # why\n"),
        # No line break at the end of the file.
        ("  l:\n  - a", {"l": ["a", "b"]}, "  l:\n  - a\n  - b"),
    ],
)  # fmt: skip
def test_only_what_differs_is_edited(before: str, new: dict[str, Any], after: str | None) -> None:
    result = edited(before, new)
    assert yaml.safe_load(f"spec:\n{result}")["spec"] == new
    if after is not None:
        assert result == after


@pytest.mark.parametrize(
    ("before", "new", "reason"),
    [
        ("  a: &x {b: 1}\n  c: *x\n", {"a": {"b": 1}, "c": {"b": 2}}, "does not let the change stand alone"),
        ("  a: &x {b: 1}\n  c:\n    <<: *x\n    d: 1\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}, "merged"),
        ("  l:\n  - a\n  - c\n", {"l": ["a", "b", "c"]}, "into the middle of a list"),
    ],
)
def test_what_cannot_be_edited_alone_is_refused_with_the_reason(before: str, new: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotRewriteError, match=reason):
        edited(before, new)


@pytest.mark.parametrize(
    ("data", "position", "reason"),
    [
        (b"\xff\xfe", START, "UTF-8"),
        (HEAD.encode(), Position("f.yaml", 2, 1), "not found"),
        (HEAD.encode() + b"---\na: [\n", START, "has a fault in line"),
        (b'{"apiVersion": "v1", "kind": "Pod"}', START, "only YAML"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_refused(data: bytes, position: Position, reason: str) -> None:
    with pytest.raises(CannotRewriteError, match=reason):
        rewritten(data, position, {})


def test_line_breaks_and_the_byte_order_mark_stay() -> None:
    text = f"{HEAD}spec:\n  l:\n  - a\n".replace("\n", "\r\n")
    new = {**yaml.safe_load(text), "spec": {"l": ["a", "b"]}}
    assert rewritten(text.encode("utf-8-sig"), START, new) == f"{text}  - b\r\n".encode("utf-8-sig")


VALUES = st.recursive(
    st.integers(0, 9) | st.sampled_from(["a", "yes", "1e3", "ü: #", "{", "", "two words", "a,b"]) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
SPECS = st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1, max_size=3)


class _Indented(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 (as PyYAML calls it)
        del indentless
        super().increase_indent(flow, indentless=False)


@given(SPECS, SPECS, st.sampled_from(["block", "flow", "indented"]), st.sampled_from(["", "  # c"]))
def test_an_edit_is_right_or_refused_and_other_documents_stay_byte_for_byte(
    old: dict[str, Any], new: dict[str, Any], style: str, comment: str
) -> None:
    dumper = _Indented if style == "indented" else yaml.SafeDumper
    spec = yaml.dump({"spec": old}, Dumper=dumper, allow_unicode=True)
    if style == "flow":
        spec = f"spec: {yaml.dump(old, Dumper=dumper, default_flow_style=True, allow_unicode=True)}"
    spec = "".join(f"{line}{comment}\n" for line in spec.splitlines())
    other = "---\n# other\napiVersion: v1\nkind: Pod\nmetadata: {name:   odd}\n"
    data = f"{HEAD}{spec}{other}".encode()
    (item, _) = (reading for reading in read_data(data, "f.yaml") if isinstance(reading, Item))
    wanted = {**copy.deepcopy(item.plain()), "spec": new}
    try:
        after = rewritten(data, START, wanted)
    except CannotRewriteError:
        return
    (changed, _) = (reading for reading in read_data(after, "f.yaml") if isinstance(reading, Item))
    assert changed.plain() == wanted
    assert after.decode().startswith(HEAD)
    assert after.decode().endswith(other)
    if item.plain() == wanted:  # what PyYAML writes without quotes may be a number to kubectl
        assert after == data


def test_every_line_that_is_no_part_of_the_change_is_the_same() -> None:
    spec = "  # one\n  a:   1\n\n  l:   # two\n  - x :  1   # three\n  b: 'q'\n"
    after = edited(spec, {"a": 1, "l": [{"x": 1}, {"x": 2}], "b": "q"})
    changes = [line for line in difflib.ndiff(spec.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert changes == ["+   - x: 2"]
