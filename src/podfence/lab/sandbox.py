"""What programs in the lab see of the machine's files: its programs, read-only, and files of their own.

A skeleton of read-only binds on a tmpfs replaces the root once, for the ground; each container copies that small
mount table and adds its own /tmp, /proc and the files of its pod. Nothing is written to the machine.

Left out on purpose: /run, /var, /home, /root and the like. A read-only bind does not stop a program from
connecting to a Unix socket in it, and the machine's own daemons listen in these.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from podfence.lab import syscalls
from podfence.lab.mounting import mount_volumes
from podfence.lab.orders import Mount
from podfence.lab.syscalls import bind_read_only, mount

PROGRAMS = "/.podfence"
"""Where the lab's own programs lie in every view; ``/.podfence/bin`` is the last folder of PATH in pods."""
VOLUMES = "/.volumes"
"""Where the volumes of all pods lie, in memory; no program of a container or node sees it."""
SHARED = "/run/podfence"
"""Where programs of nodes, but no pod, see the folder that the lab shares with the machine."""

_SHOWN = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "opt", "nix", "gnu")
_MADE = ("proc", "sys", "dev", "tmp", "var", ".pod", ".old", ".etc", PROGRAMS[1:], VOLUMES[1:])
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_POD_FILES = ("resolv.conf", "hosts", "hostname")
_READ_ONLY_PROC = ("sys", "bus", "fs", "irq", "sysrq-trigger")
_PRIVATE = syscalls.MS_NOSUID | syscalls.MS_NODEV
_UNREADABLE_PROC = ("kcore", "keys", "timer_list")
# Any folder serves as a mount point, but what it covers can no longer be shown; nobody is shown /sys.
_NEW_ROOT = Path("/sys")


def build_skeleton(shared_folder: str | None) -> None:
    """Replace the root of this mount namespace; must be called once, by a process with a namespace of its own."""
    mount(None, "/", flags=syscalls.MS_REC | syscalls.MS_SLAVE)
    mount("tmpfs", str(_NEW_ROOT), "tmpfs", syscalls.MS_NOSUID, "mode=755")
    for name in _MADE:
        (_NEW_ROOT / name).mkdir()
    mount("tmpfs", str(_NEW_ROOT / "tmp"), "tmpfs", _PRIVATE, "mode=1777")
    for folder in (*(Path("/", name) for name in _SHOWN), *_interpreter_folders()):
        _show(folder, _NEW_ROOT / folder.relative_to("/"))
    bind_read_only("/etc", str(_NEW_ROOT / ".etc"))
    _hide_secrets(_NEW_ROOT / ".etc")
    _link_etc(_NEW_ROOT / "etc")
    _fill_dev(_NEW_ROOT / "dev")
    _mount_proc(str(_NEW_ROOT / "proc"), "/proc")
    _copy_programs(_NEW_ROOT)
    _mount_shared(_NEW_ROOT / SHARED[1:], shared_folder)
    (_NEW_ROOT / "var" / "run").symlink_to("/run")
    mount("tmpfs", str(_NEW_ROOT / VOLUMES[1:]), "tmpfs", _PRIVATE, "mode=755")
    syscalls.pivot_root(str(_NEW_ROOT), str(_NEW_ROOT / ".old"))
    os.chdir("/")
    syscalls.umount("/.old")
    mount("tmpfs", "/.pod", "tmpfs", _PRIVATE, "mode=755")
    write_pod_files({"hosts": "127.0.0.1 localhost\n::1 localhost\n", "resolv.conf": "", "hostname": "ground\n"})
    mount(None, "/", flags=syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)


def enter_container_view(files: Mapping[str, str], mounts: Sequence[Mount], *, is_machine_root: bool) -> None:
    """Give this process, alone in a new mount and pid namespace, the view of a container; 0.3 ms.

    ``files`` are the pod's own hosts, resolv.conf and hostname. ``is_machine_root``: uid 0 here is uid 0 of the
    machine, for whom the kernel's switches in /proc would be writable.
    """
    # Covers what the lab shares with the machine; without CAP_SYS_ADMIN nobody takes the cover away.
    mount("tmpfs", "/run", "tmpfs", _PRIVATE, "mode=755")
    mount("tmpfs", "/.pod", "tmpfs", _PRIVATE, "mode=755")
    write_pod_files(files)
    mount("tmpfs", "/tmp", "tmpfs", _PRIVATE, "mode=1777")  # noqa: S108 - the container's own
    _mount_proc("/proc", None)
    if is_machine_root:
        _protect_proc()
    mount_volumes(mounts, VOLUMES)


def write_pod_files(files: Mapping[str, str]) -> None:
    """Write the files to which the links in /etc lead."""
    for name, text in files.items():
        Path("/.pod", name).write_text(text, encoding="utf-8")


def _show(source: Path, target: Path) -> None:
    """Show a folder of the machine read-only, or repeat it where it is a symbolic link (``/bin``)."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        bind_read_only(str(source), str(target))


def _interpreter_folders() -> list[Path]:
    """Find what Python needs and the shown folders do not hold: pyenv, an environment below /home, our own code."""
    wanted = {Path(os.path.realpath(path)) for path in (sys.prefix, sys.base_prefix, *sys.path) if path}
    wanted |= {Path(path) for path in (sys.prefix, sys.base_prefix)}
    outside = sorted(path for path in wanted if path.is_dir() and len(path.parts) > 2 and path.parts[1] not in _SHOWN)
    return [path for path in outside if not any(other in path.parents for other in outside)]


def _hide_secrets(shown: Path) -> None:
    """Cover what not everybody may read, such as /etc/shadow: to root's own lab the machine would let pods read it."""
    waiting = [shown]
    while waiting:
        for entry in os.scandir(waiting.pop()):
            mode = entry.stat(follow_symlinks=False).st_mode
            if entry.is_symlink() or (mode & stat.S_IROTH and entry.is_file()):
                continue
            if entry.is_dir() and mode & stat.S_IROTH and mode & stat.S_IXOTH:
                waiting.append(Path(entry.path))
            elif entry.is_dir():
                mount("tmpfs", entry.path, "tmpfs", _PRIVATE | syscalls.MS_RDONLY, "mode=700")
            else:
                mount("/dev/null", entry.path, flags=syscalls.MS_BIND)


def _link_etc(etc: Path) -> None:
    """Make an /etc of links: to the machine's for most, to the pod's own files for a few.

    Files bound over /etc/resolv.conf would instead follow the machine's own link out of the view.
    """
    etc.mkdir()
    for entry in Path("/etc").iterdir():
        if entry.name not in _POD_FILES:
            (etc / entry.name).symlink_to(f"/.etc/{entry.name}")
    for name in _POD_FILES:
        (etc / name).symlink_to(f"/.pod/{name}")


def _fill_dev(dev: Path) -> None:
    """Bind the harmless devices (a user namespace has no mknod) and mount terminals of our own."""
    for name in _DEVICES:
        (dev / name).touch()
        mount(f"/dev/{name}", str(dev / name), flags=syscalls.MS_BIND)
    (dev / "pts").mkdir()
    # Without gid=5: a user namespace that maps one id knows no group 5.
    mount("devpts", str(dev / "pts"), "devpts", 0, "newinstance,ptmxmode=0666,mode=0620")
    (dev / "shm").mkdir()
    mount("tmpfs", str(dev / "shm"), "tmpfs", _PRIVATE, "mode=1777")
    (dev / "ptmx").symlink_to("pts/ptmx")
    for name, target in {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}.items():
        (dev / name).symlink_to(f"/proc/self/{target}")


def _mount_proc(target: str, machine_proc: str | None) -> None:
    """Mount the processes of the own pid namespace; where the kernel refuses, keep what was there before.

    It refuses in a container whose /proc is partly masked; programs then see more processes than they should.
    """
    try:
        mount("proc", target, "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    except PermissionError:
        if machine_proc is not None:
            mount(machine_proc, target, flags=syscalls.MS_BIND | syscalls.MS_REC)


def _protect_proc() -> None:
    bind = syscalls.MS_BIND
    for name in _READ_ONLY_PROC:
        path = f"/proc/{name}"
        if Path(path).exists():
            mount(path, path, flags=bind)
            mount(None, path, flags=bind | syscalls.MS_REMOUNT | syscalls.MS_RDONLY)
    for name in _UNREADABLE_PROC:
        if Path("/proc", name).exists():
            mount("/dev/null", f"/proc/{name}", flags=bind)


def _copy_programs(root: Path) -> None:
    """Copy the lab's own programs, and put those in front of PATH's end that the machine may lack."""
    from podfence.lab.programs.commands import COMMANDS, launcher  # noqa: PLC0415 - warms them up, in this process only

    source = Path(__file__).parent / "programs"
    package = root / PROGRAMS[1:] / "podfence" / "lab"
    package.mkdir(parents=True)
    for init in (package / "__init__.py", package.parent / "__init__.py"):
        init.touch()
    shutil.copytree(source, package / "programs")
    folder = root / PROGRAMS[1:] / "bin"
    folder.mkdir()
    interpreter = os.path.realpath(sys.executable)
    for path, module in COMMANDS.items():
        program = root / path.removeprefix("/") if path.startswith("/") else folder / path
        program.write_text(launcher(interpreter, PROGRAMS, module), encoding="utf-8")
        program.chmod(0o755)


def _mount_shared(target: Path, source: str | None) -> None:
    target.mkdir(parents=True)
    if source is not None:
        mount(source, str(target), flags=syscalls.MS_BIND)
