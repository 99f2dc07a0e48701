"""What a forked child of the zygote does before it becomes a program: streams, namespaces, rights, environment."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import resource
import signal
import socket
import sys
import termios
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from podfence.lab import orders
from podfence.lab.mounting import make_folder
from podfence.lab.programs import commands
from podfence.lab.sandbox import enter_container_view
from podfence.lab.syscalls import (
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWUTS,
    die_with_parent,
    drop_capabilities,
    setns,
    unshare,
)

_STREAMS = 3


class Streams(msgspec.Struct, frozen=True):
    """Both ends of a program's streams: ``inner`` become its 0, 1 and 2, ``outer`` are for whoever asked."""

    inner: tuple[int, int, int]
    outer: tuple[int, ...]
    is_terminal: bool

    def close_inner(self) -> None:
        """Close the program's ends in the process that does not run it."""
        for descriptor in set(self.inner):
            os.close(descriptor)

    def close_outer(self) -> None:
        """Close the other ends once they were handed over."""
        for descriptor in self.outer:
            os.close(descriptor)


def open_streams(*, stdin: bool, tty: bool) -> Streams:
    """Open a terminal, or pipes; without ``stdin`` the program reads nothing.

    ``outer`` is the terminal alone, or stdin if asked for, stdout, stderr.
    """
    if tty:
        terminal, program = pty.openpty()
        return Streams((program, program, program), (terminal,), is_terminal=True)
    out, out_inner = os.pipe()
    err, err_inner = os.pipe()
    if not stdin:
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        return Streams((null, out_inner, err_inner), (out, err), is_terminal=False)
    in_inner, to = os.pipe()
    return Streams((in_inner, out_inner, err_inner), (to, out, err), is_terminal=False)


def run_child(
    order: orders.Start, streams: Streams, said: int, *, network: int, joined: int | None, is_machine_root: bool
) -> NoReturn:
    """Become the program of an order. Says ``ERRNO MESSAGE`` into the pipe ``said`` if that fails.

    A program that is one of the lab's own runs in this process; the pipe is closed when it is ready.
    """
    code = 70
    try:
        _prepare(streams)
        _enter(order, network, joined, is_machine_root=is_machine_root)
        said = _keep_only(said)
        code = _run(order, said)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(said, f"{error.errno or errno.EIO} {error.strerror or error}".encode())
        code = 128
    except BaseException:  # noqa: BLE001 - a child must never return into the zygote's loop
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _prepare(streams: Streams) -> None:
    """Take over the streams in a session of its own, so that a signal can reach the whole group."""
    die_with_parent()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    if streams.is_terminal:
        fcntl.ioctl(streams.inner[0], termios.TIOCSCTTY, 0)
    for target, source in enumerate(streams.inner):
        os.dup2(source, target)


def _enter(order: orders.Start, network: int, joined: int | None, *, is_machine_root: bool) -> None:
    if joined is not None and order.files is None:
        setns(joined, NEWNET | NEWNS | NEWUTS | NEWIPC)
    else:
        setns(network, NEWNET)
    if order.files is not None:
        unshare(NEWNS | NEWUTS | NEWIPC)
        socket.sethostname(order.hostname)
        enter_container_view(order.files, order.mounts, is_machine_root=is_machine_root)
        make_folder(order.folder)
    if joined is not None or order.files is not None:
        drop_capabilities()
    os.chdir(order.folder)


def _keep_only(said: int) -> int:
    """Close every descriptor but the streams and the pipe; gives the pipe's new number."""
    os.dup2(said, _STREAMS, inheritable=False)
    os.closerange(_STREAMS + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return _STREAMS


def _run(order: orders.Start, said: int) -> int:
    command = order.command
    path = find_program(command[0], order.environment)
    if order.stand_in and (path is None or command == order.stand_in):
        os.write(said, b"+stand-in")
        command, path = order.stand_in, order.stand_in[0]
    if path is None:
        in_path = "" if "/" in command[0] else ": executable file not found in $PATH"
        raise OSError(errno.ENOENT, f'exec: "{command[0]}"{in_path or ": stat: no such file or directory"}')
    module = commands.module_of(path)
    if module is None:
        os.execve(path, command, order.environment)  # noqa: S606 - no shell is wanted
    os.environ.clear()
    os.environ.update(order.environment)
    return commands.start(module, command, lambda: os.close(said))


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """Find a program as execvp does: a name with a slash is a path, others are looked up in PATH."""
    if "/" in name:
        return name if Path(name).exists() else None
    folders = environment.get("PATH", os.defpath).split(":")
    paths = (Path(folder, name) for folder in folders if folder)
    return next((str(path) for path in paths if os.access(path, os.X_OK) and path.is_file()), None)
