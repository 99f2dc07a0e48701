"""Starting and ending: quick answers, exit codes, errors as one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from podfence import __version__
from podfence.cli import commands, main
from podfence.model.error import PodfenceError
from podfence.model.source import Position


def command_that_raises(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the command ``check`` end in an error."""

    @click.command()
    def check() -> None:
        raise error

    monkeypatch.setattr(commands.LazyGroup, "get_command", lambda *_: check)


def modules_after(*arguments: str) -> set[str]:
    """Run the program in a process of its own and list the modules it imported."""
    code = "import sys; from podfence.cli.main import main; main(sys.argv[1:]);print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_version_is_answered_without_importing_anything_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"podfence {__version__}\n"
    assert not modules_after("--version") & {
        "click",
        "msgspec",
        "rich",
        "yaml",
        "pathlib",
        "importlib.metadata",
    }


def test_the_overview_imports_no_command() -> None:
    imported = modules_after("--help")
    assert "podfence.cli.commands" in imported
    assert not imported & {entry.module for entry in commands.TABLE.values()}
    assert not imported & {"msgspec", "rich", "yaml"}


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == 0
    overview = capsys.readouterr().out
    assert all(f"  {name} " in overview and entry.help in overview for name, entry in commands.TABLE.items())


def test_no_command_at_all_shows_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mpa"], "No such command 'mpa'. Did you mean 'map'? (see podfence --help)"),
        (["--bogus"], "No such option '--bogus' (see podfence --help)"),
        (
            ["completion"],
            "Missing argument 'SHELL'. Choose from: bash, zsh, fish (see podfence completion --help)",
        ),
    ],
)
def test_a_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(arguments) == 2
    assert capsys.readouterr() == ("", f"podfence: {message}\n")


def test_an_error_is_one_line_with_its_position_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_that_raises(monkeypatch, PodfenceError("not YAML:\na tab", Position("cart.yaml", 7, 3)))
    assert main.main(["check"]) == 2
    assert capsys.readouterr() == ("", "podfence: cart.yaml:7:3: not YAML: a tab\n")


def test_memory_running_out_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_that_raises(monkeypatch, MemoryError())
    assert main.main(["check"]) == 2
    assert capsys.readouterr().err.startswith("podfence: out of memory")


def test_an_interrupt_exits_130_in_silence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command_that_raises(monkeypatch, KeyboardInterrupt())
    assert main.main(["check"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("code", [None, 0, 1])
def test_what_a_command_returns_is_the_exit_code(code: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    command = click.Command("check", callback=lambda: code)
    monkeypatch.setattr(commands.LazyGroup, "get_command", lambda *_: command)
    assert main.main(["check"]) == (code or 0)


def test_a_reader_that_closes_the_pipe_is_no_error() -> None:
    # Buffered, as in a pipe of a person's shell: what is left in the buffer must not fail at exit either.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "podfence", "--help"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, env=environment, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def test_what_the_terminal_cannot_show_is_escaped() -> None:
    code = "import sys; from podfence.cli import main; main._answer('podfence', []); print('→ \\udcff')"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout.endswith(b"\\u2192 \\udcff" + os.linesep.encode())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/bin/kubectl-netpol", "kubectl netpol"),
        ("/usr/bin/podfence", "podfence"),
        ("podfence/__main__.py", "podfence"),
    ],
)
def test_the_program_is_named_as_it_was_started(path: str, name: str) -> None:
    assert main.program_name(path) == name


def test_any_other_exception_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    command_that_raises(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main.main(["check"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only some systems have /dev/full")
def test_a_full_disk_is_one_line_and_exit_2() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 (no path, a device)
        command = [sys.executable, "-m", "podfence", "rule"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "podfence: cannot go on: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that closes descriptors")
@pytest.mark.parametrize(
    ("redirection", "said"), [(">&-", "standard output is closed"), ("<&-", "no Kubernetes objects in -")]
)
def test_closed_streams_are_one_line_and_exit_2(redirection: str, said: str) -> None:
    command = f'"{sys.executable}" -m podfence check - {redirection}'
    done = subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (2, f"podfence: {said}")
