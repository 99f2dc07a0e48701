"""Replays the recorded script against the lab's server: kubectl must print what it printed with a real server."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.transcript.running import TRANSCRIPT, Said, Server, as_text, commands, from_text, run_script

DIFFERENT: frozenset[str] = frozenset()
"""Commands for which the lab knowingly prints something else; each with its reason beside it."""


@contextmanager
def lab_server() -> Iterator[Server]:
    """Run the lab's API server on loopback, with nothing behind it: no controller, no node."""
    app = importlib.import_module("podfence.lab.apiserver.app")  # imports what only Unix has
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    serving = loop.create_task(app.serve(app.create_app(app.create_registry()), [listener]))

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.gather(serving, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(20)
        listener.close()


def comparable(said: Said) -> list[str]:
    """Give what was printed, without the order of a ConfigMap's keys: kubectl walks a map of Go's, in any order."""
    return sorted(said.lines) if said.command.startswith("kubectl describe configmap ") else list(said.lines)


def test_the_transcript_is_that_of_the_script() -> None:
    recorded = from_text(TRANSCRIPT.read_text(encoding="utf-8"))
    assert [each.command for each in recorded] == commands()
    assert as_text(recorded) == TRANSCRIPT.read_text(encoding="utf-8")
    assert len(recorded) >= 200


@pytest.mark.lab
def test_kubectl_prints_with_the_lab_what_it_prints_with_a_real_server() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl")
    recorded = from_text(TRANSCRIPT.read_text(encoding="utf-8"))
    with lab_server() as server:
        ours = list(run_script(server, kubectl))
    different = [
        "\n".join(difflib.unified_diff(theirs.lines, mine.lines, theirs.command, "the lab", lineterm=""))
        for theirs, mine in zip(recorded, ours, strict=True)
        if comparable(theirs) != comparable(mine) and theirs.command not in DIFFERENT
    ]
    assert not different, "\n\n".join([f"{len(different)} commands print something else", *different])
