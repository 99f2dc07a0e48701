"""The system calls that Python 3.11 lacks: namespaces, mounts, capabilities. Linux only; knows nothing of pods.

Every function raises ``OSError`` with the kernel's reason.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct

NEWNS = 0x00020000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 2, 16
# Calls since Linux 5.1 have the same number on every machine.
_OPEN_TREE, _MOVE_MOUNT, _OPENAT2, _MOUNT_SETATTR = 428, 429, 437, 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}

# What a container may do, as container runtimes give it (Docker's and containerd's default set, by number):
# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD
# AUDIT_WRITE SETFCAP.
CONTAINER_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})

_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_LIBC, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones; a new pid namespace holds for its next child only."""
    _call("unshare", flags)


def setns(descriptor: int, kinds: int = 0) -> None:
    """Enter a namespace by its file, or with ``kinds`` those of a process by its pidfd (kernel 5.8)."""
    _call("setns", descriptor, kinds)


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    """Add a file system or a bind to the tree, or change one, as the manual of the call says."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    try:
        _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from None


def umount(target: str) -> None:
    """Take a mount away, at once for those who look and later for those who use it."""
    _call("umount2", os.fsencode(target), MNT_DETACH)


def bind_read_only(source: str, target: str) -> None:
    """Show a folder and all that is mounted below it at another place, read-only."""
    mount(source, target, flags=MS_BIND | MS_REC)
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    try:
        _call("syscall", _MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, attributes, len(attributes))
    except OSError:
        # Kernels before 5.12: only the top mount; what lies below keeps the rights that it has outside.
        mount(None, target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)


def open_inside(folder: int, path: str) -> int:
    """Open what a path names as if a folder were the root: no link and no ``..`` in it leads out (kernel 5.6)."""
    how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    try:
        return _call("syscall", _OPENAT2, folder, os.fsencode(path), how, len(how))
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None


def take_tree(opened: int) -> int:
    """Take what a descriptor is open on as a mount that is nowhere yet (kernel 5.2)."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_EMPTY_PATH
    return _call("syscall", _OPEN_TREE, opened, b"", flags)


def attach_tree(tree: int, target: str, *, read_only: bool) -> None:
    """Attach a taken mount to a place of the same kind, file or folder; nothing in it gets rights or is a device."""
    _call("syscall", _MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    # Not mount_setattr, which kernels before 5.12 lack.
    flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | (MS_RDONLY if read_only else 0)
    mount(None, target, flags=flags)


def pivot_root(new_root: str, old_root: str) -> None:
    """Make a mounted folder the root; the old root appears below it."""
    number = _PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise OSError(0, f"pivot_root has no known number on {platform.machine()}")
    _call("syscall", number, os.fsencode(new_root), os.fsencode(old_root))


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def drop_capabilities(kept: frozenset[int] = CONTAINER_CAPABILITIES) -> None:
    """Give up, for good, every capability but those of an ordinary container."""
    for number in range(_LAST_CAPABILITY + 1):
        if number not in kept:
            try:
                _call("prctl", _PR_CAPBSET_DROP, number, 0, 0, 0)
            except OSError:
                break  # EINVAL: the kernel knows no capability with so high a number
    mask = sum(1 << number for number in kept)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _call("capset", header, struct.pack("IIIIII", low, low, 0, high, high, 0))
