"""Kernel tests of an ordinary user: a second pytest, root of a user namespace of its own, runs them one by one.

A process cannot become root of a user namespace for a while, and other tests shall not find themselves to be root. So
the pytest that was started hands over each test that needs it by its name, and reports what comes back as its own. The
second one is this module as a plugin. Nothing of the machine's own network can be changed from within.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

_SOCKET = "PODFENCE_KERNEL_TESTS"
_TRIAL_TIMEOUT_S = 20
_MOST_SAID_BYTES = 1 << 16


def missing_for_kernel_tests() -> str | None:
    """Say what this machine lacks for kernel tests, ``None`` when it lacks nothing."""
    path = search_path()
    for program in ("ip", "nft", "nsenter", "unshare"):
        if shutil.which(program, path=path) is None:
            return f"needs {program}"
    tried = subprocess.run(
        [*become_root(), "unshare", "--net", "nft", "list", "tables"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TRIAL_TIMEOUT_S,
    )
    if tried.returncode == 0:
        return None
    return f"needs root, or user namespaces: {tried.stderr.strip()}"


def search_path() -> str:
    """Give PATH with the folders of administration, which that of an ordinary user leaves out."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def become_root() -> tuple[str, ...]:
    """Give what a command begins with that is to run as root of some user namespace; nothing where we are root."""
    # With a network of its own: whoever goes into another network must be root of the one to come back to.
    return () if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")


class Delegate:
    """The second pytest, as the first one sees it: started when it is needed, again when it has died."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._running: _Running | None = None
        config.add_cleanup(self._close)

    def run(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Have a test run, and report what it reports."""
        hooks = item.ihook
        hooks.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item, nextitem):
            hooks.pytest_runtest_logreport(report=report)
        hooks.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _reports(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[pytest.TestReport]:
        self._running = self._running or _Running(self._config)
        answers = self._running.ask(item.nodeid, nextitem.nodeid if nextitem else None)
        if answers is None:
            complaint = f"the pytest within a user namespace has ended:\n{self._running.said()}"
            self._close()
            yield pytest.TestReport(item.nodeid, item.location, {}, "failed", complaint, "call")
            return
        for data in answers:
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
            if isinstance(report.longrepr, list):  # where and why a test was skipped: a tuple before it was JSON
                report.longrepr = tuple(report.longrepr)
            yield report

    def _close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


class _Running:
    """The process of the second pytest; it ends with its socket."""

    def __init__(self, config: pytest.Config) -> None:
        self._open = ExitStack()
        self._log = os.memfd_create("pytest")
        self._open.callback(os.close, self._log)
        ours, theirs = socket.socketpair()
        self._socket = self._open.enter_context(ours)
        environment = {**os.environ, "PATH": search_path(), "PYTEST_ADDOPTS": "", _SOCKET: str(theirs.fileno())}
        plugin = ("-p", __name__, "-p", "no:cacheprovider")
        with theirs:
            self._process = subprocess.Popen(
                [*become_root(), sys.executable, "-m", "pytest", *plugin, *_options(config), "tests/kernel"],
                cwd=config.rootpath,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
            )
        self._answers = self._open.enter_context(ours.makefile(encoding="utf-8"))

    def ask(self, name: str, following: str | None) -> list[dict[str, Any]] | None:
        """Have a test run; gives its reports, ``None`` when the process has ended."""
        try:
            self._socket.sendall(json.dumps([name, following]).encode() + b"\n")
            answer = self._answers.readline()
        except ConnectionError:
            return None
        found: list[dict[str, Any]] | None = json.loads(answer) if answer else None
        return found

    def said(self) -> str:
        """Give what the process has written."""
        return os.pread(self._log, _MOST_SAID_BYTES, 0).decode(errors="replace")

    def close(self) -> None:
        """End the process."""
        self._open.close()
        self._process.wait()


def _options(config: pytest.Config) -> list[str]:
    """Give the options of the first pytest that change what a report of a test says."""
    return [f"--tb={config.option.tbstyle}", f"--verbosity={config.option.verbose}"]


class _Asked:
    """The plugin of the second pytest: runs what it is asked to, and answers with the reports."""

    def __init__(self, config: pytest.Config, number: int) -> None:
        self._config = config
        self._socket = socket.socket(fileno=number)
        self._socket.set_inheritable(False)
        self._reports: list[dict[str, Any]] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        with self._socket, self._socket.makefile(encoding="utf-8") as questions:
            for line in questions:
                name, following = json.loads(line)
                item, nextitem = items[name], items.get(following)
                item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
                answer, self._reports = self._reports, []
                self._socket.sendall(json.dumps(answer).encode() + b"\n")
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._reports.append(data)


def pytest_configure(config: pytest.Config) -> None:
    """Take the place of pytest's own loop."""
    config.pluginmanager.register(_Asked(config, int(os.environ.pop(_SOCKET))))
