"""The command line's side of a lab: starts its process, asks it over its control socket, ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from io import BufferedRandom
from typing import Any, Final

import httpx2
import msgspec

from podfence.lab.folder import LabFolder
from podfence.lab.options import Started
from podfence.model.error import PodfenceError

_START_TIMEOUT_S: Final = 30.0
_END_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.01


def start(folder: LabFolder, started: Started) -> subprocess.Popen[bytes]:
    """Start the process of a lab and wait until it answers; raises ``PodfenceError`` with the reason it gave.

    The process outlives this one; it is given for those that live longer than it.
    """
    folder.make()
    # Kept open: a lab that cannot start takes its folder with it, and what it wrote is read all the same.
    with folder.log.open("a+b") as log:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-m", "podfence.lab.daemon", msgspec.json.encode(started).decode()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
        _wait_started(folder, process, log)
    return process


def _wait_started(folder: LabFolder, process: subprocess.Popen[bytes], log: BufferedRandom) -> None:
    end = time.monotonic() + _START_TIMEOUT_S
    while not _has_started(folder, end - time.monotonic()):
        if process.poll() is not None:
            reason = _last_words(log)
            folder.remove()
            raise PodfenceError(f"the lab could not start: {reason}")
        if time.monotonic() > end:
            process.terminate()
            raise PodfenceError(f"the lab did not start within {_START_TIMEOUT_S:g} s; see {folder.log}")
        time.sleep(_POLL_S)


def _has_started(folder: LabFolder, timeout_s: float) -> bool:
    """Ask for the status, which is answered once everything of the lab is there."""
    if not folder.is_running:
        return False
    try:
        ask(folder, "GET", "/status", max(timeout_s, _POLL_S))
    except PodfenceError:
        return False
    return True


def _last_words(log: BufferedRandom) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("podfence: ") if lines else "it did not say why"


def ask(folder: LabFolder, method: str, path: str, timeout_s: float | None = None, body: bytes = b"") -> dict[str, Any]:
    """Ask a running lab; raises ``PodfenceError`` when it does not run, or with what it refuses."""
    transport = httpx2.HTTPTransport(uds=str(folder.control))
    try:
        with httpx2.Client(transport=transport, base_url="http://lab", timeout=timeout_s) as client:
            answer = client.request(method, path, content=body)
    except httpx2.ConnectError:
        raise PodfenceError(f"no lab {folder.name!r} runs; start it: podfence lab up{_option(folder)}") from None
    except httpx2.TransportError as error:
        raise PodfenceError(f"lab {folder.name!r} ended meanwhile ({error}); see {folder.log}") from None
    value: dict[str, Any] = answer.json()
    if "error" in value:
        raise PodfenceError(value["error"])
    return value


def _option(folder: LabFolder) -> str:
    return "" if folder.name == "default" else f" --name {folder.name}"


def end(folder: LabFolder) -> bool:
    """End a lab and wait until nothing of it is left; tells whether there was one."""
    if not folder.is_running:
        folder.remove()
        return False
    ask(folder, "POST", "/down")
    end_s = time.monotonic() + _END_TIMEOUT_S
    while folder.path.exists():
        if time.monotonic() > end_s:
            raise PodfenceError(f"lab {folder.name!r} does not end; see {folder.log}")
        time.sleep(_POLL_S)
    return True


def require(folder: LabFolder) -> LabFolder:
    """Give the folder of a lab that runs; raises ``PodfenceError`` for one that does not."""
    if not folder.is_running:
        raise PodfenceError(f"no lab {folder.name!r} runs; start it: podfence lab up{_option(folder)}")
    return folder


def environment(folder: LabFolder) -> dict[str, str]:
    """Give this process's environment with the lab as the cluster."""
    return {**os.environ, "KUBECONFIG": str(folder.kubeconfig)}
