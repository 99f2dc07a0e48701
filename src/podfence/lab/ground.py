"""The ground of a lab: one user, network, mount and pid namespace that holds all of it and dies with one process.

``enter_ground`` makes it; whoever returns from it is pid 1 of the ground, and when that process ends, however it
ends, the kernel kills everything in it and nothing is left: no file, no mount, no interface, no name.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from podfence.lab import syscalls

_MOST_DESCRIPTORS = 65536
_NAMESPACES = syscalls.NEWUSER | syscalls.NEWNET | syscalls.NEWNS | syscalls.NEWPID | syscalls.NEWUTS | syscalls.NEWIPC


def enter_ground() -> bool:
    """Fork into new namespaces and return in the child, as root of them; the parent stays until the child ends.

    Returns whether the ids of the machine's root are those of the ground's root. Raises ``OSError`` where the
    machine does not allow it.
    """
    syscalls.die_with_parent()
    is_machine_root = _unshare_with_ids()
    child = os.fork()
    if child:
        os.closerange(3, 256)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    syscalls.die_with_parent()
    _raise_descriptor_limit()
    return is_machine_root


def _unshare_with_ids() -> bool:
    """Become root of a new user namespace. Only the machine's root can map more ids than its own.

    With many ids chown and su work in pods; with one, files of others belong to nobody there.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        if _unshare_with_many_ids():
            return True
    else:
        syscalls.unshare(_NAMESPACES)
    _write("setgroups", "deny")
    _write("uid_map", f"0 {uid} 1")
    _write("gid_map", f"0 {gid} 1")
    return uid == 0


def _unshare_with_many_ids() -> bool:
    """Leave the namespaces, and let a child that stays behind write the maps: it has the rights for that there.

    False when it was not allowed to, as in a container whose root is not the machine's.
    """
    ready, go = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        os.close(go)
        os.read(ready, 1)
        try:
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{parent}/{name}").write_text("0 0 65536", encoding="ascii")
        except OSError:
            os._exit(1)
        os._exit(0)
    os.close(ready)
    try:
        syscalls.unshare(_NAMESPACES)
    finally:
        os.close(go)
        status = os.waitpid(child, 0)[1]
    return status == 0


def _write(name: str, text: str) -> None:
    Path("/proc/self", name).write_text(text, encoding="ascii")


def _raise_descriptor_limit() -> None:
    """Lift the soft limit: 1024 descriptors are 200 pods and no more. Bounded, since children close them all."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
