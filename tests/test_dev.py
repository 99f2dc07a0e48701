"""The entry point ``dev``: what it promises before anything is installed."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("setup", "test", "lint", "demo", "bench", "fuzz", "conformance", "types")


def load(tree: Path) -> ModuleType:
    """Import the script as a module that believes it stands in another tree."""
    loader = importlib.machinery.SourceFileLoader("dev_script", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    venv = tree / ".venv"
    for name, path in {
        "ROOT": tree,
        "VENV": venv,
        "STAMP": venv / ".podfence-stamp",
        "PYTHON": venv / "bin" / "python",
    }.items():
        setattr(module, name, path)
    return module


class Machine:
    """Stands in for the programs that ``dev`` starts: keeps their command lines, makes what they would."""

    def __init__(self, tree: Path, dev: ModuleType) -> None:
        self.venv = tree / ".venv"
        self.dev = dev
        self.commands: list[str] = []
        self.failing = ""

    def captured(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Play the part of ``dev.captured``."""
        line = " ".join(map(str, command))
        self.commands.append(line)
        if self.failing and self.failing in line:
            return subprocess.CompletedProcess(command, 1, "", "warning\n  ERROR: no network\nnote: see above\n\n")
        if "-m venv" in line or "uv venv" in line:
            self.make_program("python")
        if "--editable" in line:
            self.make_program("podfence")
        return subprocess.CompletedProcess(command, 0 if self.dev.PYTHON.exists() else 1, "", "")

    def make_program(self, name: str) -> None:
        """Put a program into the environment."""
        program = self.venv / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(mode=0o755)


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return load(tmp_path)


@pytest.fixture
def machine(tmp_path: Path, dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Give a machine without uv on which every system package is installed."""
    machine = Machine(tmp_path, dev)
    monkeypatch.setattr(dev, "captured", machine.captured)
    monkeypatch.setattr(dev.shutil, "which", lambda name, **_: None if name == "uv" else f"/usr/bin/{name}")
    return machine


def without_venv(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, *, root: bool, apt: bool) -> None:
    """Make it a machine whose Python lacks ensurepip, as Debian's does before python3-venv."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find_spec(name))
    programs = {"nft", "ip", *(["apt-get"] if apt else [])}
    monkeypatch.setattr(dev.shutil, "which", lambda name, **_: name if name in programs else None)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(dev, "venv_package", lambda: "python3-venv")


def run_dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ROOT / "dev", *arguments], capture_output=True, text=True, check=False)


def test_it_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse((ROOT / "dev").read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported
    assert imported <= sys.stdlib_module_names | {"__future__"}


def test_it_can_be_executed_as_it_stands() -> None:
    assert os.access(ROOT / "dev", os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_help_names_every_command() -> None:
    done = run_dev("--help")
    assert done.returncode == 0
    assert re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE) == list(COMMANDS)


def test_no_command_at_all_shows_the_help_and_exits_2() -> None:
    done = run_dev()
    assert (done.returncode, done.stdout) == (2, run_dev("--help").stdout)


def test_an_unknown_command_is_one_line_and_exit_2() -> None:
    done = run_dev("tset")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dev: no command 'tset'; ./dev --help lists them\n"


@pytest.mark.parametrize("command", ["demo", "bench", "fuzz", "conformance", "types"])
def test_a_command_whose_script_is_missing_is_one_line_and_exit_2(
    command: str, dev: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main([command]) == 2
    assert re.fullmatch(rf"dev: {command} is not there yet: it would run \S+\.py\n", capsys.readouterr().err)
    assert machine.commands == []


def test_setup_makes_an_environment_and_installs_the_project_into_it(dev: ModuleType, machine: Machine) -> None:
    assert dev.main(["setup"]) == 0
    assert any(line.endswith(f"-m venv {machine.venv}") for line in machine.commands)
    assert machine.commands[-1] == f"{dev.PYTHON} -m pip install --quiet --editable .[dev]"


def test_a_second_setup_starts_no_program_and_says_nothing(
    dev: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.main(["setup"])
    machine.commands.clear()
    capsys.readouterr()
    assert dev.main(["setup"]) == 0
    assert machine.commands == []
    assert capsys.readouterr() == ("", "")


def test_changed_needs_are_installed_into_the_same_environment(dev: ModuleType, machine: Machine) -> None:
    dev.main(["setup"])
    machine.commands.clear()
    (dev.ROOT / "pyproject.toml").write_text('[project]\ndependencies = ["more"]\n')
    dev.main(["setup"])
    assert not any("-m venv" in line for line in machine.commands)
    assert "--editable" in machine.commands[-1]


def test_a_copied_tree_does_not_take_its_old_environment_for_its_own(dev: ModuleType, tmp_path: Path) -> None:
    copy = load(tmp_path / "copy")
    copy.ROOT.mkdir()
    (copy.ROOT / "pyproject.toml").write_bytes((dev.ROOT / "pyproject.toml").read_bytes())
    assert copy.stamp() != dev.stamp()


def test_an_interrupted_installation_is_done_again(
    dev: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.failing = "pip install"
    assert dev.main(["setup"]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("dev: installing failed: ERROR: no network; to see all of it, run: ")
    assert last.endswith("-m pip install --editable '.[dev]'")
    machine.failing = ""
    assert dev.main(["setup"]) == 0
    assert dev.is_current()


def test_an_environment_that_lost_its_python_is_made_anew(dev: ModuleType, machine: Machine) -> None:
    dev.main(["setup"])
    leftover = machine.venv / "leftover"
    leftover.touch()
    dev.PYTHON.unlink()
    assert dev.main(["setup"]) == 0
    assert dev.is_current()
    assert not leftover.exists()


def test_uv_is_used_where_it_is_installed(dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(dev, "is_usable", lambda **_: False)
    dev.main(["setup"])
    assert [line.split()[:2] for line in machine.commands] == [
        ["/usr/bin/uv", "venv"],
        ["/usr/bin/uv", "pip"],
    ]


def test_root_on_debian_gets_the_missing_venv_installed_after_being_told(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_venv(dev, monkeypatch, root=True, apt=True)
    machine.make_program("python")
    assert dev.main(["setup"]) == 0
    assert machine.commands[:2] == ["apt-get update -qq -y", "apt-get install -qq -y python3-venv"]
    assert capsys.readouterr().err.startswith("dev: installing system packages: python3-venv\n")


def test_without_root_a_missing_venv_is_the_one_line_to_run_and_exit_2(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_venv(dev, monkeypatch, root=False, apt=True)
    assert dev.main(["setup"]) == 2
    error = capsys.readouterr().err
    assert error == "dev: this Python cannot make environments; run: sudo apt-get install -y python3-venv\n"
    assert machine.commands == []


def test_tools_of_later_parts_that_cannot_be_installed_do_not_stop_the_setup(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev.sys, "platform", "linux")
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0)
    monkeypatch.setattr(dev, "has_program", lambda _name: False)
    machine.failing = "nftables"
    assert dev.main(["setup"]) == 0
    assert "dev: going on without nftables, not needed yet: ERROR: no network\n" in capsys.readouterr().err


@pytest.mark.parametrize("failing", [(), ("mypy",), ("ruff check", "import contracts")])
def test_lint_runs_every_linter_and_names_those_that_failed(
    failing: tuple[str, ...],
    dev: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdicts = iter([int(name in failing) for name, _ in dev.LINTERS])
    monkeypatch.setattr(dev, "run", lambda *_: next(verdicts))
    assert dev.lint() == (1 if failing else 0)
    assert next(verdicts, None) is None
    printed = capsys.readouterr().out
    assert printed == (f"lint: failed: {', '.join(failing)}\n" if failing else "lint: all fine\n")


def test_a_program_ended_by_a_signal_gives_the_shells_exit_code(dev: ModuleType) -> None:
    assert dev.run(sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)") == 143


def test_a_program_that_ctrl_c_interrupts_may_put_its_things_away() -> None:
    program = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("runs", flush=True)
    signal.pause()
except KeyboardInterrupt:
    time.sleep(0.5)  # longer than subprocess.run would let it
    sys.exit("put away")
"""
    script = (
        "import runpy, sys\n"
        f"dev = runpy.run_path({str(ROOT / 'dev')!r})\n"
        f"sys.exit(dev['run'](sys.executable, '-c', {program!r}))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "runs\n"
        os.killpg(child.pid, signal.SIGINT)
        assert child.communicate()[1] == "put away\n"
        assert child.returncode == 1


def test_continuous_integration_runs_the_tests_and_then_lint() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^\./dev .*$", script, re.MULTILINE) == ["./dev test", "./dev lint"]


def test_make_offers_only_what_dev_offers() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) <= set(COMMANDS)
