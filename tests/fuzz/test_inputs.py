"""The fuzzers of input for a few seconds, with seeds that never change; ``./dev fuzz`` goes on from there."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podfence.manifests.gather import _KINDS
from podfence.manifests.inputs import read_data
from tests.fuzz import expected, inputs
from tests.fuzz.running import BrokenPromiseError, run

FUZZERS = {name: fuzz for name, fuzz in inspect.getmembers(inputs, inspect.isfunction) if name.startswith("fuzz_")}
SEEDS = 48
SLICES = 4

LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
WORDS = st.sampled_from(
    ("metadata", "name", "namespace", "labels", "spec", "podSelector", "matchLabels", "ingress", "from", "port")
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda tree: st.lists(tree, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), tree, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("name", FUZZERS)
def test_nothing_breaks_with_seeds_that_are_always_the_same(name: str, part: int) -> None:
    wrong = {seed: FUZZERS[name](seed) for seed in range(part, SEEDS, SLICES)}
    assert {seed: what for seed, what in wrong.items() if what is not None} == {}


@given(st.binary(max_size=60))
@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_bytes_come_out_as_something(data: bytes) -> None:
    for named in (True, False):
        readings = list(read_data(data, "f", named=named))
        inputs.gathered(readings)
        assert expected.silent(data, readings, named=named) is None


@given(st.sampled_from(sorted(_KINDS)), st.dictionaries(WORDS, TREES, max_size=4))
@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_fields_under_any_kind_are_checked_and_mapped(kind: tuple[str, str], fields: dict[str, Any]) -> None:
    text = json.dumps({"apiVersion": kind[0], "kind": kind[1], **fields}).encode()
    inputs.gathered(read_data(text, "f"))
    run(["check", "-", "-o", "json"], text)
    run(["map", "-", "-o", "json"], text)


@pytest.mark.parametrize(
    ("text", "lost"),
    [("kind: A\n---\nx: 1\n", 0), ('{"apiVersion": "v1", "kind": "List", "items": [{}, {}]}', 1), ("\t- {{ a }}\n", 0)],
)
def test_a_document_that_disappears_would_be_noticed(text: str, lost: int) -> None:
    readings = list(read_data(text.encode(), "f"))
    assert expected.silent(text.encode(), readings, named=True) is None
    assert expected.silent(text.encode(), readings[:lost] + readings[lost + 1 :], named=True) is not None


@pytest.mark.parametrize("line", ["Traceback (most recent call last):", "podfence: a\x1b[2J", "unfinished"])
def test_a_message_that_is_none_would_be_noticed(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def main(_: list[str]) -> int:
        import sys  # noqa: PLC0415 (standard error as it is while the command runs)

        sys.stderr.write(line if line == "unfinished" else f"{line}\n")
        return 2

    monkeypatch.setattr("tests.fuzz.running.main", main)
    with pytest.raises(BrokenPromiseError):
        run(["check", "-"])
