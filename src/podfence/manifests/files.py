"""Paths to files: which files a command's arguments stand for, and their bytes.

A path that was named must be readable; what is found in a folder is read as far as it can be, and whatever is not
read is named.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from podfence.manifests.documents import Skipped, Unparsed
from podfence.manifests.encoded import MAX_BYTES, size_text
from podfence.model.error import PodfenceError
from podfence.model.source import Position

STDIN: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz")

EXCLUDED: Final = "left out by the settings"

# Process substitution, `podfence check <(helm template .)`, gives such a path to a pipe.
_OPEN_FILES = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")


class File(msgspec.Struct, frozen=True, gc=False):
    """A file to read: its path as given or found, and whether it was named itself."""

    path: str
    named: bool


def find_files(
    paths: Sequence[str], is_excluded: Callable[[str], bool] | None = None
) -> Iterator[File | Skipped | Unparsed]:
    """List the files that paths stand for, folders recursively in path order, each file once.

    ``is_excluded`` leaves out files and folders that were not named themselves.

    Raises ``PodfenceError`` for a path that does not exist or is neither file nor folder, before anything is
    listed.
    """
    for path in paths:
        _check(path)
    if list(paths).count(STDIN) > 1:
        raise PodfenceError("standard input (-) can be read only once")
    return _once(_listed(paths, is_excluded))


def _check(path: str) -> None:
    if path == STDIN or path.startswith(_OPEN_FILES):
        return
    if not path:
        raise PodfenceError("a path is empty; use . for the current folder")
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        raise PodfenceError(f"{path}: {reason(error)}") from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise PodfenceError(f"{path}: {_no_file(mode)}; give its content on standard input, as -")


def _no_file(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    what = next((name for test, name in kinds if test(mode)), "a device")
    return f"{what}, neither a file nor a folder"


def reason(error: OSError | ValueError) -> str:
    """Say in a few words why a file cannot be read."""
    code = error.errno if isinstance(error, OSError) else None
    match code:
        case errno.ENOENT | errno.ENOTDIR:
            return "no such file or folder"
        case errno.EACCES | errno.EPERM:
            return "permission denied"
        case errno.ELOOP:
            return "a symbolic link that leads back to itself"
        case None:
            return "not a path"
        case _:
            return os.strerror(code).lower()


def _listed(paths: Sequence[str], is_excluded: Callable[[str], bool] | None) -> Iterator[File | Skipped | Unparsed]:
    for path in paths:
        if path != STDIN and Path(path).is_dir():
            yield from _folder(path, is_excluded)
        else:
            yield File(path, named=True)


def _folder(folder: str, is_excluded: Callable[[str], bool] | None) -> Iterator[File | Skipped | Unparsed]:
    """List a folder as kubectl does: by name, folders in their place, links to folders not followed."""
    waiting: list[os.DirEntry[str] | str] = [folder]
    while waiting:
        entry = waiting.pop()
        found: list[os.DirEntry[str]] | File | Skipped | Unparsed
        if isinstance(entry, str):
            found = _entries(entry)
        elif is_excluded is not None and is_excluded(entry.path):
            found = Skipped(entry.path, EXCLUDED)
        else:
            found = _entries(entry.path) if _is_open_folder(entry) else _found(entry)
        if isinstance(found, list):
            waiting.extend(reversed(found))
        else:
            yield found


def _entries(folder: str) -> list[os.DirEntry[str]] | Unparsed:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        return Unparsed(Position(folder, 1, 1), f"cannot be listed: {reason(error)}")


def _is_open_folder(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def _found(entry: os.DirEntry[str]) -> File | Skipped | Unparsed:
    """Judge one entry of a folder."""
    if entry.is_dir(follow_symlinks=False):
        return Skipped(entry.path, "a hidden folder")
    if not entry.name.lower().endswith(SUFFIXES):
        return Skipped(entry.path, "neither YAML nor JSON by its name")
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return Unparsed(Position(entry.path, 1, 1), f"cannot be read: {reason(error)}")
    if stat.S_ISDIR(mode):
        return Skipped(entry.path, "a link to a folder; name the folder to read it")
    if not stat.S_ISREG(mode):
        return Unparsed(Position(entry.path, 1, 1), f"cannot be read: {_no_file(mode)}")
    return File(entry.path, named=False)


def _once(found: Iterator[File | Skipped | Unparsed]) -> Iterator[File | Skipped | Unparsed]:
    """Pass each file once, by the path that it leads to."""
    seen: dict[str, str] = {}
    for entry in found:
        if not isinstance(entry, File) or entry.path == STDIN or entry.path.startswith(_OPEN_FILES):
            yield entry
            continue
        real = os.path.realpath(entry.path)
        if real in seen:
            yield Skipped(entry.path, f"already read as {seen[real]}")
        else:
            seen[real] = entry.path
            yield entry


def read_bytes(file: File, stdin: BinaryIO, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises ``PodfenceError`` when it cannot be read or holds more than ``max_bytes``.
    """
    try:
        if file.path == STDIN:
            data = stdin.read(max_bytes + 1)
        else:
            with Path(file.path).open("rb") as stream:
                data = _rest(stream, max_bytes)
    except (OSError, ValueError) as error:
        raise PodfenceError(f"{file.path}: cannot be read: {reason(error)}") from None
    if len(data) > max_bytes:
        raise PodfenceError(f"{file.path}: larger than {size_text(max_bytes)}; split it")
    return data


def _rest(stream: BinaryIO, max_bytes: int) -> bytes:
    """Read what a stream holds; a read without a size takes exactly the memory that a regular file needs."""
    return stream.read() if 0 < os.fstat(stream.fileno()).st_size <= max_bytes else stream.read(max_bytes + 1)
