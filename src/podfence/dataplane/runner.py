"""The only place that runs ``nft``: a transaction in, what the table holds out, and errors that people can act upon.

Small transactions go to libnftables within this process where it is there (``library``), for a process costs thirty
times as much; large ones always to a process, which gives its memory back (facts, dataplane 8.2).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Protocol

from podfence.dataplane.library import Library
from podfence.dataplane.listing import Listing, read_listing
from podfence.dataplane.pieces import most_bytes
from podfence.model.error import PodfenceError
from podfence.model.text import one_line

TIMEOUT_S = 60
MOST_IN_PROCESS = 1 << 16
"""Bytes of a transaction that libnftables is given within this process."""
_TOO_LARGE = "Message too long"


class Runner(Protocol):
    """Applies transactions to the table of one network namespace.

    ``most_bytes`` is what one of them may be as netlink, ``None`` for as much as there is.
    """

    most_bytes: int | None

    def apply(self, text: str) -> None:
        """Make all of a transaction true, or nothing; raises ``PodfenceError`` in that case."""

    def list_table(self) -> Listing:
        """Tell what our table holds, an empty listing when there is none; raises ``PodfenceError``."""


class ProcessRunner:
    """Runs the program ``nft`` for each transaction.

    ``command`` may hold more than the program, such as what enters another network namespace first.
    """

    def __init__(self, command: Sequence[str] = ("nft",), timeout_s: float = TIMEOUT_S) -> None:
        self._command, self._timeout_s = list(command), timeout_s
        self.most_bytes = most_bytes()

    def apply(self, text: str) -> None:
        """Make all of a transaction true, or nothing; raises ``PodfenceError``."""
        code, _, errors = self._run(["-f", "-"], text)
        if code != 0:
            raise PodfenceError(f"nft refused the transaction: {_complaint(errors)}")

    def list_table(self) -> Listing:
        """List our table."""
        code, output, errors = self._run(["-j", "list", "table", "inet", "podfence"], "")
        if code == 0:
            return read_listing(output)
        if "No such file or directory" in errors:
            return Listing()
        raise PodfenceError(f"nft cannot list table inet podfence: {_complaint(errors)}")

    def _run(self, arguments: list[str], text: str) -> tuple[int, str, str]:
        """Give exit code, output and errors."""
        pipe = subprocess.PIPE
        environment = {**os.environ, "LC_ALL": "C", "PATH": _search_path()}
        try:
            with subprocess.Popen(
                [*self._command, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
            ) as process:
                return self._talk(process, text)
        except FileNotFoundError:
            raise PodfenceError("nft is not installed; install the package nftables, version 1.0.6 or newer") from None
        except OSError as error:
            raise PodfenceError(f"nft cannot be started: {(error.strerror or str(error)).lower()}") from None

    def _talk(self, process: subprocess.Popen[str], text: str) -> tuple[int, str, str]:
        try:
            output, errors = process.communicate(text, timeout=self._timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise PodfenceError(f"nft did not answer within {self._timeout_s:g} s") from None
        return process.returncode, output, errors


class LibraryRunner:
    """Gives small transactions to libnftables within this process, everything else to ``nft``.

    What is too large for ``nft`` in a user namespace goes to libnftables after all: its buffer is wider (``library``).
    """

    def __init__(self, library: Library, process: ProcessRunner) -> None:
        self._library, self._process = library, process
        self.most_bytes = process.most_bytes

    def apply(self, text: str) -> None:
        """Make all of a transaction true, or nothing; raises ``PodfenceError``."""
        if len(text) > MOST_IN_PROCESS:
            try:
                self._process.apply(text)
            except PodfenceError as error:
                if _TOO_LARGE not in str(error):
                    raise
            else:
                return
        if complaint := self._library.run(text):
            raise PodfenceError(f"nft refused the transaction: {_complaint(complaint)}")

    def list_table(self) -> Listing:
        """List our table."""
        return self._process.list_table()


def runner() -> Runner:
    """Choose how to run nft in this process's own network namespace."""
    process = ProcessRunner()
    library = Library.load()
    return process if library is None else LibraryRunner(library, process)


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def nft_version() -> str | None:
    """Give what ``nft --version`` says, ``None`` where there is no nft."""
    try:
        done = subprocess.run(
            ["nft", "--version"],  # noqa: S607 (found in the folders of administration, too)
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": _search_path()},
        )
    except OSError:
        return None
    return done.stdout.strip()


def _complaint(text: str) -> str:
    """Give the first line that says what is wrong, with advice where the cause is known."""
    lines = [line.strip() for line in text.splitlines() if "Error" in line or "rror:" in line] or text.splitlines()
    first = one_line(lines[0]) if lines else "it does not say why"
    if "Operation not permitted" in text:
        return f"{first}; this needs root or CAP_NET_ADMIN"
    if "syntax error" in text or "unknown" in text:
        return f"{first}; nftables 1.0.6 or newer is needed"
    if _TOO_LARGE in text:
        return f"{first}; in a user namespace it must fit into net.core.wmem_max, which root of the machine can raise"
    if "Operation not supported" in text or "Protocol not supported" in text:
        return f"{first}; the kernel lacks nf_tables"
    return first
