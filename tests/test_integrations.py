"""The pre-commit hooks and the GitHub Action, run as those that read them would, as far as that goes without them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from podfence.cli.commands import TABLE
from tests.documents import ROOT
from tests.unit.lint.inputs import DEPLOYMENT, FAULTY

HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
}
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
BIN = Path(sys.executable).parent
EXPECTED = """\
apiVersion: podfence/v1
kind: ConnectivityTest
tests: [{from: shop/web, to: shop/web, ports: 8080, expect: deny}]
"""

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "all.yaml").write_text(FAULTY)
    (folder / "tests.yaml").write_text(EXPECTED)
    return folder


def run_hook(name: str, folder: Path, arguments: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a hook as pre-commit does: the words of its entry, then its args; no file names where it wants none."""
    hook = HOOKS[name]
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    program, *words = shlex.split(hook["entry"])
    command = [str(BIN / program), *words, *(hook.get("args", []) if arguments is None else arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_hooks_are_commands_that_exist() -> None:
    assert set(HOOKS) == {"podfence-check", "podfence-test"}
    for hook in HOOKS.values():
        program, command = shlex.split(hook["entry"])
        assert program == "podfence"
        assert command in TABLE


def test_the_check_hook_fails_on_a_finding_and_passes_without(repository: Path) -> None:
    done = run_hook("podfence-check", repository)
    assert (done.returncode, "PF160 named-port-unknown" in done.stdout) == (1, True)
    (repository / "all.yaml").write_text(DEPLOYMENT)
    assert run_hook("podfence-check", repository).returncode == 0


def test_the_test_hook_holds_the_tests_against_what_its_args_name(repository: Path) -> None:
    arguments = ["tests.yaml", "--against", "all.yaml"]
    assert run_hook("podfence-test", repository, arguments).returncode == 0
    (repository / "all.yaml").write_text(DEPLOYMENT)
    assert run_hook("podfence-test", repository, arguments).returncode == 1


def run_step(name: str, folder: Path, inputs: Mapping[str, str]) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run a step of the action as a runner does: inputs by its env alone, and files for what it tells the runner."""
    step = STEPS[name]
    runner = folder.parent / "runner"
    runner.mkdir(exist_ok=True)
    values = {key: entry["default"] for key, entry in ACTION["inputs"].items()} | dict(inputs)
    given = {
        key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: values[match[1]], value)
        for key, value in step["env"].items()
    }
    environment = {
        **os.environ,
        **given,
        "RUNNER_TEMP": str(runner),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
        "GITHUB_OUTPUT": str(runner / "output"),
    }
    # What `shell: bash` means to a runner.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done, runner


def installed(folder: Path) -> None:
    """Put podfence where the first step of the action installs it."""
    place = folder.parent / "runner" / "podfence" / "bin"
    place.mkdir(parents=True)
    (place / "podfence").symlink_to(BIN / "podfence")


def test_the_action_is_a_composite_that_lets_no_input_into_its_scripts() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
        assert "uses" not in step
    assert {name for name, entry in ACTION["inputs"].items() if not entry["description"]} == set()


@needs_bash
def test_the_action_installs_from_its_own_files(repository: Path) -> None:
    python = repository.parent / "python"
    python.write_text(
        '#!/bin/sh\necho "$0 $*" >> "$RUNNER_TEMP/calls"\n'
        'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi\n'
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    done, runner = run_step("Install podfence", repository, {"python": str(python)})
    assert done.returncode == 0, done.stderr
    venv, pip = (runner / "calls").read_text().splitlines()
    assert venv == f"{python} -m venv {runner}/podfence"
    assert pip == f"{runner}/podfence/bin/python -m pip install --quiet --disable-pip-version-check {ROOT}"


@needs_bash
@pytest.mark.parametrize(
    ("arguments", "code"), [("", 1), ("--fail-on never", 0), ("--ignore PF160\n--profile  kind", 0)]
)
def test_the_action_annotates_summarises_and_ends_as_check_does(repository: Path, arguments: str, code: int) -> None:
    installed(repository)
    done, runner = run_step("Check", repository, {"arguments": arguments})
    assert done.returncode == code, done.stderr
    assert (runner / "output").read_text() == f"exit-code={code}\n"
    summary = (runner / "summary.md").read_text()
    if "PF160" in arguments:
        assert (done.stdout, summary.startswith("**OK**")) == ("", True)
    else:
        assert done.stdout.startswith("::error file=all.yaml,line=23,col=7,title=PF160 ")
        assert summary.startswith("**BROKEN** ")


@needs_bash
def test_the_action_reads_paths_line_by_line_and_runs_nothing_in_them(repository: Path) -> None:
    installed(repository)
    odd = repository / "a $(touch x) ;b"
    odd.mkdir()
    (odd / "good.yaml").write_text(DEPLOYMENT)
    done, runner = run_step("Check", repository, {"paths": f"\n{odd.name}\n", "arguments": "--select $(touch y) *"})
    assert (done.returncode, (runner / "output").read_text()) == (2, "exit-code=2\n")
    assert "no such rule" in done.stderr
    done, _ = run_step("Check", repository, {"paths": f"\n{odd.name}\n"})
    assert done.returncode == 0, done.stderr
    assert {path.name for path in repository.iterdir()} == {"all.yaml", "tests.yaml", odd.name}


@needs_bash
def test_what_cannot_be_read_fails_the_action_with_the_reason(repository: Path) -> None:
    installed(repository)
    done, runner = run_step("Check", repository, {"paths": "missing"})
    assert (done.returncode, done.stderr) == (2, "podfence: missing: no such file or folder\n")
    assert not (runner / "summary.md").exists()
