"""Becoming an ordinary user in tests that root runs: a Python that such a user may start, with what we need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

import podfence

NOBODY = 65534


def interpreter_for_all() -> list[str] | None:
    """Find a Python of our version that an ordinary user may run, with the modules that we use.

    It must be able to run itself: ``setpriv`` still has its rights when it starts the first one.
    """
    become_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    check = "import msgspec, subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    pythons = (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin"))
    for python in pythons if shutil.which("setpriv") else ():
        command = [*become_nobody, python or "false"]
        if not subprocess.run(
            [*command, "-c", check], check=False, capture_output=True, env=environment(), cwd="/"
        ).returncode:
            return command
    return None


def environment() -> dict[str, str]:
    """Give such a user's environment, in which Python finds podfence, its tests and its libraries."""
    folders = [Path(podfence.__file__).parents[1], Path(__file__).parents[2], Path(msgspec.__file__).parents[1]]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(str(folder) for folder in folders)}
