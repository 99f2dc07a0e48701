"""Paths to a snapshot."""

from __future__ import annotations

import gc
import gzip
import io
from pathlib import Path

import pytest

from podfence.manifests.load import load
from podfence.model.error import PodfenceError

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"


def test_folders_files_and_standard_input_make_one_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "b.yaml").write_text(POD % "b")
    (folder / "a.yaml.gz").write_bytes(gzip.compress((POD % "a").encode()))
    (folder / "notes.md").write_text("# Notes")
    (folder / "values.yaml").write_text("replicas: 3\n")
    named = tmp_path / "named"
    named.write_text(POD % "c")
    result = load([str(folder), str(named), "-"], stdin=io.BytesIO((POD % "d").encode()), namespace="shop")
    assert [(pod.namespace, pod.name) for pod in result.snapshot.pods] == [("shop", name) for name in "abcd"]
    assert [Path(skipped.file).name for skipped in result.skipped] == ["notes.md", "values.yaml"]
    assert (result.objects, result.problems) == (4, ())


def test_the_last_file_wins_and_the_file_of_the_lost_object_is_named(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {version: %s}}\n"
    (tmp_path / "1.yaml").write_text(text % "old")
    (tmp_path / "2.yaml").write_text(text % "new")
    result = load([str(tmp_path)], stdin=io.BytesIO())
    (duplicate,) = result.duplicates
    assert result.snapshot.pods[0].labels == (("version", "new"),)
    assert Path(duplicate.lost_file).name == "1.yaml"
    assert duplicate.kept.source is not None
    assert Path(duplicate.kept.source.file).name == "2.yaml"


def test_a_path_that_is_not_there_is_the_only_thing_that_raises() -> None:
    with pytest.raises(PodfenceError):
        load(["no-such-file.yaml"], stdin=io.BytesIO())


def test_nothing_but_broken_text_is_no_object_and_a_problem() -> None:
    result = load(["-"], stdin=io.BytesIO(b"a: [\n"))
    assert (result.objects, len(result.problems)) == (0, 1)
    assert str(result.problems[0]).startswith("-:")


def test_the_garbage_collector_is_as_it_was() -> None:
    load(["-"], stdin=io.BytesIO(b""))
    assert gc.isenabled()
