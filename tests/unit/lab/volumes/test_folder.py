"""Files of a volume on a disk: all of a change at once, and nothing of what is gone."""

from __future__ import annotations

import os
from pathlib import Path

from podfence.lab.volumes.content import File
from podfence.lab.volumes.folder import write_files


def write(folder: Path, version: str, **texts: str) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        write_files(
            opened, {name.replace("__", "/"): File(text.encode(), 0o640) for name, text in texts.items()}, version
        )
    finally:
        os.close(opened)


def test_files_are_links_through_one_link_that_a_change_replaces(tmp_path: Path) -> None:
    write(tmp_path, "one", a="A", sub__deep__b="B")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "A"
    assert (tmp_path / "sub/deep/b").read_text(encoding="utf-8") == "B"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert {path.name: str(path.readlink()) for path in tmp_path.iterdir() if path.is_symlink()} == {
        "..data": "..one",
        "a": "..data/a",
        "sub": "..data/sub",
    }
    opened = (tmp_path / "a").open(encoding="utf-8")
    write(tmp_path, "two", a="changed", c="C")
    with opened:
        assert opened.read() == "A", "who has it open reads on"
    assert (tmp_path / "a").read_text(encoding="utf-8") == "changed"
    assert {path.name for path in tmp_path.iterdir()} == {"..data", "..two", "a", "c"}


def test_a_folder_that_a_container_mounts_by_a_name_that_nothing_has_stays(tmp_path: Path) -> None:
    write(tmp_path, "one", a="A")
    (tmp_path / "missing").mkdir()
    write(tmp_path, "two", missing="now there")
    assert (tmp_path / "missing").is_dir()
