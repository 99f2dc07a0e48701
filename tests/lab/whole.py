"""A whole lab for tests: started as people start it, spoken to as kubectl and the command line do, ended for good."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec

from podfence.kube.config import connection
from podfence.lab.applying import Applied, Applier
from podfence.lab.control_client import ask, end, environment, start
from podfence.lab.folder import LabFolder
from podfence.lab.options import LabOptions, Started
from podfence.manifests.inputs import Reading, read_data, read_inputs


class Whole:
    """A running lab."""

    def __init__(self, folder: LabFolder) -> None:
        self.folder = folder
        self.server = connection(str(folder.kubeconfig)).server

    def apply(self, *paths: str | Path) -> Applied:
        """Apply files and folders."""
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (a stream for standard input)
            readings = list(read_inputs([str(path) for path in paths], stdin=nothing))
        return self._applied(readings)

    def apply_text(self, text: str) -> Applied:
        """Apply manifests that stand in a test."""
        return self._applied(list(read_data(text.encode(), "test.yaml")))

    def _applied(self, readings: list[Reading]) -> Applied:
        with Applier(self.server) as applier:
            return applier.apply(readings)

    def ready(self, timeout_s: float = 60) -> None:
        """Wait until every pod is ready and every node enforces what is there."""
        ask(self.folder, "POST", f"/ready?timeout={timeout_s}")

    def run(self, *command: str, timeout_s: float = 60, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program with the lab as its cluster."""
        return subprocess.run(
            command,
            env=environment(self.folder),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl, which must succeed; gives its output."""
        done = self.run("kubectl", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def podfence(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run podfence."""
        return self.run(sys.executable, "-m", "podfence", *arguments)

    def connect(self, pod: str, target: str, *options: str, timeout: str = "1s") -> str:
        """Try a connection from a pod; gives agnhost's word, empty when it worked."""
        done = self.podfence(
            *("lab", "exec", "--name", self.folder.name, pod, "--"),
            *("/agnhost", "connect", target, f"--timeout={timeout}", *options),
        )
        return done.stderr.strip()


@contextmanager
def lab(options: LabOptions | None = None, log_to: TextIO | None = None) -> Iterator[Whole]:
    """Run a lab of a name of its own; the test fails when something of it is left.

    The end of its log goes to a file, by default to standard error, which a failing test shows.
    """
    folder = LabFolder(f"test-{uuid.uuid4().hex[:8]}")
    process = start(folder, Started(folder.name, options or LabOptions()))
    try:
        yield Whole(folder)
    finally:
        log = folder.log.read_text("utf-8", "replace") if folder.log.exists() else ""
        (log_to or sys.stderr).write(log[-4000:])
        end(folder)
        process.wait(timeout=60)
    assert not folder.path.exists()


def decoded(text: str) -> dict[str, object]:
    """Read JSON."""
    found: dict[str, object] = msgspec.json.decode(text)
    return found
