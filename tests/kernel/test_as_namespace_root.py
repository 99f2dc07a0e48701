"""An ordinary user has the kernel tests, too: passed, failed, skipped and broken off, they are told as at home."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.lab.ordinary_user import environment, interpreter_for_all

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user"),
    pytest.mark.skipif(
        Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"],
        reason="only root of the machine can",
    ),
]

TESTS = """
import os
import pytest
from tests.kernel.own_network import in_own_network, nft

def test_that_passes():
    in_own_network(lambda: nft("table inet podfence { chain c { type filter hook input priority 0; }; }"))

def test_that_fails():
    print("it is", os.geteuid())
    assert False

def test_that_is_skipped():
    pytest.skip("no reason")

def test_that_takes_all_others_with_it():
    os._exit(1)

def test_that_comes_afterwards():
    pass
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that everybody may read; those of pytest are for one user."""
    with tempfile.TemporaryDirectory() as name:
        found = Path(name)
        found.chmod(0o755)
        yield found


def test_an_ordinary_user_has_kernel_tests_run_and_told(folder: Path) -> None:
    command = interpreter_for_all()
    if command is None:
        pytest.skip("needs setpriv, and a Python of this version with its modules that everybody may run")
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__", "conformance"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests" / "kernel" / "test_told.py").write_text(TESTS)
    done = subprocess.run(
        [*command, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "tests/kernel/test_told.py"],
        cwd=folder,
        env={**environment(), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "needs root, or user namespaces" in done.stdout:
        pytest.skip("user namespaces cannot be made here by everybody")
    assert "2 failed, 2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "it is 0" in done.stdout
    assert "test_told.py:14: no reason" in done.stdout
    assert "the pytest within a user namespace has ended" in done.stdout
