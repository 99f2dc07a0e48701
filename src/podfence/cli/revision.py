"""Manifests as a git revision has them: ``git:REVISION:PATH``, without touching the working tree."""

from __future__ import annotations

import posixpath
import subprocess
from collections.abc import Callable, Iterator
from typing import Final

from podfence.manifests.documents import Skipped
from podfence.manifests.files import EXCLUDED, SUFFIXES
from podfence.manifests.inputs import Reading, read_data
from podfence.manifests.yaml_events import Memory
from podfence.model.error import PodfenceError

PREFIX: Final = "git:"


def read_revision(
    text: str, memory: Memory | None = None, is_excluded: Callable[[str], bool] | None = None
) -> Iterator[Reading]:
    """Read the files of a revision in path order, as a folder or a file would be read.

    ``is_excluded`` is asked for each of them as if it lay in the working tree.

    ``PATH`` counts from the root of the repository, or from the current folder when it is ``.`` or begins with
    ``./``; without it the whole tree is meant. Raises ``PodfenceError`` when git, the revision or the path is not
    there.
    """
    revision, _, path = text.removeprefix(PREFIX).partition(":")
    if not revision or revision.startswith("-"):
        raise PodfenceError(f"{text}: write git:REVISION:PATH, such as git:main:manifests")
    path = path.rstrip("/")
    # To git, "." alone is no path: the current folder is "./".
    tree = f"{revision}:./" if path == "." else f"{revision}:{path}"
    kind = _git(text, "cat-file", "-t", tree).decode().strip()
    if kind == "blob":
        yield from read_data(_git(text, "cat-file", "blob", tree), text, memory=memory)
        return
    folder = _in_working_tree(text, path) if is_excluded is not None else ""
    for name, object_id in _blobs(text, tree):
        file = f"{PREFIX}{revision}:{path}/{name}" if path else f"{PREFIX}{revision}:{name}"
        if any(part.startswith(".") for part in name.split("/")[:-1]):
            yield Skipped(file, "in a hidden folder")
        elif not name.lower().endswith(SUFFIXES):
            yield Skipped(file, "neither YAML nor JSON by its name")
        elif is_excluded is not None and _is_left_out(folder, name, is_excluded):
            yield Skipped(file, EXCLUDED)
        else:
            data = _git(text, "cat-file", "blob", object_id)
            yield from read_data(data, file, named=False, memory=memory)


def _in_working_tree(text: str, path: str) -> str:
    """Give a folder of a revision as it lies in the working tree."""
    top = "." if path.startswith(".") else _git(text, "rev-parse", "--show-toplevel").decode().rstrip("\n")
    return posixpath.join(top, path)


def _is_left_out(folder: str, name: str, is_excluded: Callable[[str], bool]) -> bool:
    """Tell whether a file below a folder, or a folder between the two, is left out."""
    parts = name.split("/")
    return any(is_excluded(posixpath.join(folder, *parts[:end])) for end in range(1, len(parts) + 1))


def _blobs(text: str, tree: str) -> list[tuple[str, str]]:
    """List name and object of every regular file below a tree, by path as folders are walked."""
    found = []
    for line in _git(text, "ls-tree", "--full-tree", "-r", "-z", tree).split(b"\0"):
        if line:
            description, _, name = line.partition(b"\t")
            mode, kind, object_id = description.decode().split(" ")[:3]
            if kind == "blob" and mode != "120000":
                found.append((name.decode("utf-8", "surrogateescape"), object_id))
    return sorted(found, key=lambda item: item[0].split("/"))


def _git(text: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603, S607 (no shell; git from PATH is what is wanted)
    except OSError:
        raise PodfenceError(f"{text}: git is not installed") from None
    if done.returncode != 0:
        complaint = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"]
        raise PodfenceError(f"{text}: {complaint[-1].removeprefix('fatal: ')}")
    return done.stdout
