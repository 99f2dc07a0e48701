"""Shell completion: the scripts, and what they are answered."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from podfence.cli.commands import TABLE
from podfence.cli.completion import SHELLS
from podfence.cli.main import main


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_its_shell_can_read(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_PODFENCE_COMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed, its script was not read")
    subprocess.run([program, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(("typed", "offered"), [("", list(TABLE)), ("m", ["map"]), ("x", [])])
def test_commands_are_offered_as_they_are_typed(
    typed: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_PODFENCE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"podfence {typed}")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert main([]) == 0
    assert capsys.readouterr().out.split() == [f"plain,{name}" for name in offered]


@pytest.mark.parametrize(
    ("words", "typed", "offered"),
    [
        (["why"], "shop/re", ["shop/recommendation", "shop/redis"]),
        (["why", "shop/redis"], "inter", ["internet"]),
        (["why", "-n", "shop"], "red", ["redis"]),
        (["map", "--focus"], "shop/service/red", ["shop/service/redis"]),
    ],
)
def test_endpoints_of_the_input_are_offered(
    words: list[str],
    typed: str,
    offered: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PODFENCE_INPUT", str(Path(__file__).parents[3] / "examples" / "shop"))
    monkeypatch.setenv("_PODFENCE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["podfence", *words, typed]))
    monkeypatch.setenv("COMP_CWORD", str(len(words) + 1))
    assert main([]) == 0
    assert capsys.readouterr().out.split() == [f"plain,{name}" for name in offered]


@pytest.mark.parametrize("where", ["", "no/such/folder"])
def test_nothing_is_offered_where_there_is_no_input(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PODFENCE_INPUT", where)
    monkeypatch.setenv("_PODFENCE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "podfence why shop/")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert main([]) == 0
    assert capsys.readouterr().out.strip() == ""
