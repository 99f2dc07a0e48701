"""Runs a command inside this process, and judges what every command owes its user, whatever it was given."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from podfence.cli.main import main

_MESSAGE = re.compile(
    r"podfence: .|[^\n]+:[0-9]+:[0-9]+: .|not read: .|not taken into account: .|and [0-9,]+ more; "
    r"|[0-9]+ objects? of (?:a kind|kinds) that "
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Ran(msgspec.Struct, frozen=True):
    """A command that ended: what it was asked, its exit code, and what it said."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"podfence {' '.join(map(repr, self.arguments))}: exit {self.code}\n{self.err[:2_000]}{self.out[:1_000]}"


class BrokenPromiseError(AssertionError):
    """Something that a command owes its user and did not give."""


def run(arguments: Sequence[str], data: bytes = b"") -> Ran:
    """Run a command with ``data`` on standard input and judge it; raises ``BrokenPromiseError``."""
    out, err = _Stream(), _Stream()
    with _standard_input(data), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    ran = Ran(tuple(arguments), code, out.text(), err.text())
    wrong = next(_complaints(ran), None)
    if wrong is not None:
        raise BrokenPromiseError(f"{wrong}: {ran}")
    return ran


def answered(ran: Ran, kind: str) -> Any:  # noqa: ANN401 (any JSON)
    """Give the JSON that a command wrote, ``None`` when it had no answer."""
    if ran.code == 2 and not ran.out:
        return None
    answer = json.loads(ran.out)
    if (answer.get("apiVersion"), answer.get("kind")) != ("podfence/v1", kind):
        raise BrokenPromiseError(f"no {kind}: {ran}")
    return answer


def _complaints(ran: Ran) -> Iterator[str]:
    if ran.code not in {0, 1, 2}:
        yield "an exit code that means nothing"
    if ran.code == 2 and not ran.err and not ("--strict" in ran.arguments and ran.out):
        yield "no answer and no reason"
    if ran.err and not ran.err.endswith("\n"):
        yield "a message without an end"
    if "--show-defaults" not in ran.arguments:
        for line in ran.err.split("\n")[:-1]:
            if not _MESSAGE.match(line):
                yield f"a message that is not one line, or says not where: {line!r}"
    control = _CONTROL.search(ran.err) or (None if _is_for_programs(ran) else _CONTROL.search(ran.out))
    if control is not None:
        yield f"the input reaches the terminal as the control character {control[0]!r}"


def _is_for_programs(ran: Ran) -> bool:
    return "csv" in ran.arguments or ran.out.startswith("{")


class _Stream(io.TextIOWrapper):
    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, "utf-8", newline="")

    def text(self) -> str:
        self.flush()
        return self._bytes.getvalue().decode()


@contextlib.contextmanager
def _standard_input(data: bytes) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(data), "utf-8")
    try:
        yield
    finally:
        sys.stdin = before
