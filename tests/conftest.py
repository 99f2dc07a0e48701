"""What every test shares: reasons to skip where a machine lacks something, and how Hypothesis searches."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import sys
import threading

import pytest
from hypothesis import settings

# Without PATHs a command asks the cluster of whoever runs the tests, unless there is none.
os.environ["KUBECONFIG"] = os.path.join(os.sep, "nonexistent", "podfence-tests")  # noqa: PTH118 (a name, not a file)
os.environ.pop("KUBERNETES_SERVICE_HOST", None)

# Whoever starts tests in the background may have them ignore signals, and all that they start with them.
if threading.current_thread() is threading.main_thread() and sys.platform != "win32":
    for _number, _usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(_number) is signal.SIG_IGN:
            signal.signal(_number, _usual)

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("podfence", deadline=None, print_blob=True)
settings.load_profile("podfence")


@functools.cache
def _missing_for_lab() -> str | None:
    if sys.platform != "linux":
        return "needs a Linux kernel"
    from podfence.lab.machine import missing_for_lab  # noqa: PLC0415 - imports what only Linux has

    return missing_for_lab()


@functools.cache
def _missing_for_kernel() -> str | None:
    if sys.platform != "linux":
        return "needs a Linux kernel"
    from tests.kernel.as_namespace_root import missing_for_kernel_tests  # noqa: PLC0415 - likewise

    return missing_for_kernel_tests()


def missing_for(marker: str) -> str | None:
    """Say what this machine lacks for the tests with a marker, ``None`` when it lacks nothing."""
    if marker == "lab":
        return _missing_for_lab()
    if marker == "kernel":
        return _missing_for_kernel()
    if marker == "go" and shutil.which("go") is None:
        return "needs a Go toolchain"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a marked test, with the reason, where the machine cannot run it."""
    for mark in item.iter_markers():
        if reason := missing_for(mark.name):
            pytest.skip(reason)
