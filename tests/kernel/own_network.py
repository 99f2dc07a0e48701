"""A network namespace for one test: nothing in it reaches, or is reached from, the machine's own network."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from threading import Thread

_CLONE_NEWNET = 0x40000000


def in_own_network(body: Callable[[], None]) -> None:
    """Run a function in a thread whose network namespace is new and empty, its loopback up.

    Namespaces belong to threads, and sockets to the namespace where they were opened. Programs that the function
    starts are in the namespace too. The namespace ends with the thread.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _unshare()
            ip("link", "set", "lo", "up")
            body()
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            raised.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare: " + os.strerror(ctypes.get_errno()))


def nft(text: str) -> None:
    """Load a ruleset into the namespace of the calling thread."""
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)  # noqa: S607


def ip(*arguments: str) -> None:
    """Run the program ip in the namespace of the calling thread."""
    subprocess.run(["ip", *arguments], check=True)  # noqa: S607
