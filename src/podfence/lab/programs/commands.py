"""Which commands there are, and how one is started: forked by the zygote, or as a process of its own.

The zygote has them warm in memory and forks them, which takes a tenth of the time that starting Python takes. Every
module of a command has ``main(arguments, ready) -> exit code``; ``ready`` is called once a server listens.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Sequence

FOLDER = "/.podfence/bin/"
"""Where the commands without a slash lie."""

Ready = Callable[[], None]

COMMANDS = {
    "/agnhost": "agnhost",
    "/pause": "pause",
    "curl": "curl",
    "curl-entrypoint": "curl_entrypoint",
    "dig": "dig",
    "echo-server": "websites",
    "hello": "hello",
    "hello-app": "websites",
    "http-echo": "websites",
    "httpd-foreground": "websites",
    "nc": "nc",
    "netcat": "nc",
    "nginx": "websites",
    "nslookup": "nslookup",
    "ping": "ping",
    "prober": "prober",
    "serve-ports": "serve_ports",
    "wget": "wget",
    "whoami": "websites",
}
"""Commands and their modules; those without a slash lie in a folder at the end of PATH."""


_SUBCOMMANDS = ("connect", "netexec", "porter", "serve_hostname")

_KILLED_BY_SIGNAL = 2
"""Go programs, which most of these stand for, end with this code when a signal that they do not handle arrives."""


def launcher(interpreter: str, folder: str, module: str) -> str:
    """Write the file that starts a program as a process of its own."""
    return (
        f"#!{interpreter} -IS\n"
        f"import sys\nsys.path.insert(0, {folder!r})\n"
        f"from podfence.lab.programs.commands import start\nsys.exit(start({module!r}, sys.argv))\n"
    )


def module_of(path: str) -> str | None:
    """Tell which module a file of the lab's view starts, ``None`` for other programs."""
    name = path.rpartition("/")[2] if path.startswith(FOLDER) else path
    return COMMANDS.get(name)


def warm() -> None:
    """Load every program, for processes that will fork them."""
    for module in {*COMMANDS.values(), *_SUBCOMMANDS}:
        importlib.import_module(f"podfence.lab.programs.{module}")


def start(module: str, arguments: Sequence[str], ready: Ready = lambda: None) -> int:
    """Run a program as the one of this process: it ends at SIGTERM even as the first process of a container.

    The kernel ignores signals without a handler for such a process.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(_KILLED_BY_SIGNAL))
    try:
        return run(module, arguments, ready)
    except (BrokenPipeError, ConnectionResetError):
        return 1


def run(module: str, arguments: Sequence[str], ready: Ready) -> int:
    """Run a program within this one."""
    return int(importlib.import_module(f"podfence.lab.programs.{module}").main(arguments, ready))


def ignore() -> None:
    """Tell nobody that a server listens."""
