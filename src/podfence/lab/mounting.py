"""Puts volumes where a container wants them; runs in the container's own view, before its program.

The machine's folders are read-only, so a place that does not exist there is made in a copy: a folder in memory with
links to everything that the original holds. The root, which cannot be covered, is replaced by such a copy as a whole.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from podfence.lab import syscalls
from podfence.lab.orders import Mount

_ORIGINALS = Path("/.pod/originals")
_NEXT_ROOT = Path("/sys")
"""Any empty folder serves as a mount point, and nobody is shown /sys."""
_LEFT_OUT = (".volumes", ".old", "sys")


def mount_volumes(mounts: Sequence[Mount], folder: str) -> None:
    """Show volumes of a folder at their paths, and then the folder no more.

    Those with fewer parts in their path come first, so that one may lie in another. Raises ``OSError`` that names the
    volume and its path, as a container runtime does.
    """
    trees = []
    for one in sorted(mounts, key=lambda one: len(Path(one.path).parts)):
        try:
            trees.append((one, *_take(one, folder)))
        except OSError as error:
            raise _failure(one, error) from None
    syscalls.umount(folder)
    copies = _Copies()
    for one, tree, is_folder in trees:
        try:
            syscalls.attach_tree(tree, copies.place(one.path, is_folder=is_folder), read_only=one.read_only)
        except OSError as error:
            raise _failure(one, error) from None
        finally:
            os.close(tree)
    copies.seal()


def make_folder(path: str) -> None:
    """Make a folder that a program is to start in, where it is missing."""
    if not os.path.exists(path):  # noqa: PTH110 (also what cannot be looked at)
        copies = _Copies()
        copies.place(path, is_folder=True)
        copies.seal()


def _failure(volume: Mount, error: OSError) -> OSError:
    reason = os.strerror(error.errno or 0).lower()
    return OSError(
        error.errno,
        f'error during container init: error mounting volume "{volume.name}" to rootfs at "{volume.path}": {reason}',
    )


def _take(volume: Mount, folder: str) -> tuple[int, bool]:
    """Take a volume as a mount that is nowhere yet, and tell whether it is a folder."""
    root = os.open(f"{folder}/{volume.folder}", os.O_PATH | os.O_CLOEXEC)
    try:
        opened = _open_or_make(root, [part for part in volume.inner.split("/") if part], is_file=volume.is_file)
    finally:
        os.close(root)
    try:
        return syscalls.take_tree(opened), stat.S_ISDIR(os.fstat(opened).st_mode)
    finally:
        os.close(opened)


def _open_or_make(root: int, parts: Sequence[str], *, is_file: bool) -> int:
    """Open a path within a folder; each missing part is made. The links in it are those of other containers."""
    try:
        return syscalls.open_inside(root, "/".join(parts) or ".")
    except FileNotFoundError:
        parent = _open_or_make(root, parts[:-1], is_file=False)
    try:
        if is_file:
            os.close(os.open(parts[-1], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=parent))
        else:
            os.mkdir(parts[-1], 0o755, dir_fd=parent)
        return syscalls.open_inside(parent, parts[-1])
    finally:
        os.close(parent)


class _Copies:
    """Makes places in the container's view, with copies of folders where they must be."""

    def __init__(self) -> None:
        self._made: list[Path] = []

    def place(self, wanted: str, *, is_folder: bool) -> str:
        """Give a path, without links, of a folder or file that exists; what is missing is made."""
        path = Path(os.path.realpath(wanted))
        if path == Path("/"):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if path.exists():
            return str(path)
        try:
            _make(path, is_folder=is_folder)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            self._copy(next(one for one in path.parents if one.exists()))
            _make(path, is_folder=is_folder)
        return str(path)

    def seal(self) -> None:
        """Make the copies as unchangeable as what they stand for."""
        flags = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID
        for folder in self._made:
            syscalls.mount(None, str(folder), flags=flags)

    def _copy(self, folder: Path) -> None:
        """Have a copy instead of a folder, in which something can be made."""
        self._made.append(folder)
        if folder == Path("/"):
            _copy_root()
            return
        _ORIGINALS.mkdir(exist_ok=True)
        original = _ORIGINALS / str(len(list(_ORIGINALS.iterdir())))
        original.mkdir()
        syscalls.mount(str(folder), str(original), flags=syscalls.MS_BIND | syscalls.MS_REC)
        syscalls.mount("tmpfs", str(folder), "tmpfs", syscalls.MS_NOSUID, "mode=755")
        for entry in original.iterdir():
            (folder / entry.name).symlink_to(entry)


def _make(path: Path, *, is_folder: bool) -> None:
    (path if is_folder else path.parent).mkdir(mode=0o755, parents=True, exist_ok=True)
    if not is_folder:
        path.touch()


def _copy_root() -> None:
    syscalls.mount("tmpfs", str(_NEXT_ROOT), "tmpfs", syscalls.MS_NOSUID, "mode=755")
    for name in (".old", "sys"):
        (_NEXT_ROOT / name).mkdir()
    for entry in Path("/").iterdir():
        if entry.name not in _LEFT_OUT:
            _repeat(entry, _NEXT_ROOT / entry.name)
    syscalls.pivot_root(str(_NEXT_ROOT), str(_NEXT_ROOT / ".old"))
    os.chdir("/")
    syscalls.umount("/.old")


def _repeat(source: Path, target: Path) -> None:
    """Have an entry of one folder in another."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    syscalls.mount(str(source), str(target), flags=syscalls.MS_BIND | syscalls.MS_REC)
