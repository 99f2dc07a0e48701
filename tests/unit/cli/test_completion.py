"""Shell completion: the scripts, and what they are answered."""

from __future__ import annotations

import shutil
import subprocess

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
