"""Writes the files of one volume so that a program sees all of a change at once, as a kubelet does.

The files lie in a folder of their own; ``..data`` is a link to it that is replaced in one step, and each file that
programs open is a link through it (``AtomicWriter`` of ``pkg/volume/util``).
"""

from __future__ import annotations

import contextlib
import os
import shutil

from podfence.lab.volumes.content import Files

_DATA, _NEXT = "..data", "..data_tmp"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def write_files(volume: int, files: Files, version: str) -> None:
    """Bring an open folder to these files; ``version`` names the folder that holds them and was never used in it.

    Raises ``OSError``.
    """
    folder = f"..{version}"
    os.mkdir(folder, 0o755, dir_fd=volume)
    target = os.open(folder, _FOLDER, dir_fd=volume)
    try:
        for path, file in files.items():
            _write(target, path, file.data, file.mode)
    finally:
        os.close(target)
    before = _link(volume, _DATA)
    os.symlink(folder, _NEXT, dir_fd=volume)
    os.rename(_NEXT, _DATA, src_dir_fd=volume, dst_dir_fd=volume)
    _show(volume, {path.partition("/")[0] for path in files})
    if before is not None:
        shutil.rmtree(before, ignore_errors=True, dir_fd=volume)


def _write(folder: int, path: str, data: bytes, mode: int) -> None:
    parents = path.rpartition("/")[0]
    if parents:
        make_folders(folder, parents)
    opened = os.open(path, _NEW_FILE, 0o600, dir_fd=folder)
    with os.fdopen(opened, "wb") as file:
        file.write(data)
        # The process has a umask of its own.
        os.fchmod(opened, mode)


def make_folders(folder: int, path: str) -> None:
    """Make a folder within an open one, and all on the way to it."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        with contextlib.suppress(FileExistsError):
            os.mkdir("/".join(parts[:count]), 0o755, dir_fd=folder)


def _link(folder: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return None


def _show(volume: int, names: set[str]) -> None:
    """Have a link for each name, and none for those that are gone; a folder is a ``subPath`` that named nothing."""
    with os.scandir(volume) as entries:
        present = {entry.name: entry.is_symlink() for entry in entries if not entry.name.startswith("..")}
    for name in names - present.keys():
        os.symlink(f"{_DATA}/{name}", name, dir_fd=volume)
    for name, is_link in present.items():
        if is_link and name not in names:
            os.unlink(name, dir_fd=volume)
