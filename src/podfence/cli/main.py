"""Where the program starts and ends: the quick answers, the exit code, and every error as one line.

Only ``sys`` and ``os`` are imported before ``--version`` is answered.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from podfence import __version__
from podfence.model.error import PodfenceError

FINE = 0
UNANSWERED = 2
# What a shell reports for a program that SIGINT or SIGPIPE ended; neither may look like an answer.
INTERRUPTED = 130
PIPE_CLOSED = 141

COMPLETE_VARIABLE = "_PODFENCE_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and give its exit code: 0 fine, 1 the answer is "no", 2 no answer.

    ``arguments`` are those of the process by default. Never raises for bad input: a ``PodfenceError`` and a
    wrong usage are one line on standard error. Any other exception is a bug and keeps its traceback.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    program = program_name(sys.argv[0])
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 (for as long as the process lives)
    if sys.stdout is None:
        return _refuse(program, "standard output is closed")
    try:
        code = _answer_or_refuse(program, list(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough.
        _forget_output()
        return PIPE_CLOSED
    except OSError as error:
        _forget_output()
        return _refuse(program, f"cannot go on: {error.strerror or error}")
    return code


def _forget_output() -> None:
    """Send to nowhere what is still buffered, or it would fail again when the interpreter exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def program_name(path: str) -> str:
    """Name the program as the person typed it: ``kubectl netpol`` when kubectl runs it as its plugin."""
    stem = os.path.basename(path).removesuffix(".exe")  # noqa: PTH119 (pathlib alone would cost half the time)
    return "kubectl netpol" if stem == "kubectl-netpol" else "podfence"


def _answer_or_refuse(program: str, arguments: list[str]) -> int:
    try:
        return _answer(program, arguments)
    except PodfenceError as error:
        return _refuse(program, str(error))
    except MemoryError:
        return _refuse(program, "out of memory; give fewer manifests, or run it where there is more")


def _answer(program: str, arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"podfence {__version__}")
        return FINE
    # A file name may hold bytes that are no text, and a terminal may know no arrows: show them escaped.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return _run_command(program, arguments)


def _run_command(program: str, arguments: list[str]) -> int:
    import click
    from click.shell_completion import shell_complete

    from podfence.cli.commands import podfence
    from podfence.manifests.collector import paused_gc

    if instruction := os.environ.get(COMPLETE_VARIABLE):
        return shell_complete(podfence, {}, program, COMPLETE_VARIABLE, instruction)
    try:
        # Not podfence.main(): click's own handling prints three lines for an error and hides a closed pipe.
        # One question, then the process ends: nothing in between is worth looking for cycles among millions of objects.
        with paused_gc(), podfence.make_context(program, arguments) as context:
            code = podfence.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.UsageError as error:
        where = program if error.ctx is None else error.ctx.command_path
        return _refuse(program, f"{error.format_message().rstrip('.')} (see {where} --help)")
    except click.ClickException as error:
        return _refuse(program, error.format_message())
    return FINE if code is None else int(code)


def _refuse(program: str, message: str) -> int:
    from podfence.model.text import one_line

    print(f"{program}: {one_line(' '.join(message.split()))}", file=sys.stderr)
    return UNANSWERED
