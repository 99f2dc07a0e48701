"""The agents of a lab's nodes: the very ``podfence agent`` of real nodes, one process in each node's network."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from podfence.lab.restart_wait import RestartWait
from podfence.lab.sandbox import SHARED
from podfence.lab.zygote_client import Program, Zygote
from podfence.model.error import PodfenceError
from podfence.model.text import one_line

_PORT: Final = 9470
_SHORTEST_WAIT_S: Final = 0.005
_LONGEST_WAIT_S: Final = 0.1
_HEALTH_TIMEOUT_S: Final = 10.0
_RESTART_WAITS_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0)
_HEALTHY_S: Final = 20.0
"""Twice the longest wait: an agent that has run for so long did not end because of how it was started."""


class NodeAgents:
    """Starts agents, starts them again when they end, and knows how far they follow the cluster."""

    def __init__(self, zygote: Zygote, kubeconfig: str) -> None:
        self._zygote = zygote
        self._kubeconfig = kubeconfig
        self._programs: dict[str, Program] = {}
        self._asked: dict[str, asyncio.Task[dict[str, str]]] = {}

    async def run(self, node: str) -> None:
        """Keep the agent of a node running until cancelled."""
        wait = RestartWait(_RESTART_WAITS_S, _HEALTHY_S)
        while True:
            began_s = time.monotonic()
            program = self._programs[node] = await self._start(node)
            program.close_streams()
            await program.wait()
            await asyncio.sleep(wait.after(time.monotonic() - began_s))

    async def _start(self, node: str) -> Program:
        arguments = ["agent", "--node", node, "--kubeconfig", self._kubeconfig, "--listen", f"127.0.0.1:{_PORT}"]
        arguments += ["--flows-socket", f"{SHARED}/{node}.sock"]
        # The shell gives the program a log and becomes it.
        logged = ["/bin/sh", "-c", 'exec "$@" 2>>"$0"', f"{SHARED}/{node}.log"]
        command = [*logged, sys.executable, "-m", "podfence", *arguments]
        return await self._zygote.run(f"node/{node}", command, _environment())

    def pid(self, node: str) -> int | None:
        """Give the process of a node's agent as the ground counts, ``None`` before its first start."""
        program = self._programs.get(node)
        return None if program is None else program.pid

    def stop(self, node: str, signal: int) -> None:
        """Send a signal to a node's agent; it is started again."""
        program = self._programs.get(node)
        if program is not None:
            program.signal_first(signal)

    async def wait_enforced(self, node: str, versions: Mapping[str, int], timeout_s: float) -> None:
        """Wait until an agent has put the cluster into the kernel, up to a version of each resource.

        Raises ``PodfenceError`` when that takes too long.
        """
        wait_s = _SHORTEST_WAIT_S
        try:
            async with asyncio.timeout(timeout_s):
                while not _covers(await self._shared_answer(node), versions):
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 1.5, _LONGEST_WAIT_S)
        except TimeoutError:
            raise PodfenceError(
                f"the agent of node {node} does not enforce the cluster after {timeout_s:g} s{await self._why(node)}"
            ) from None

    async def _shared_answer(self, node: str) -> dict[str, str]:
        """Ask an agent what it enforces; all who wait at the same time, perhaps hundreds, share one question."""
        asked = self._asked.get(node)
        if asked is None or asked.done():
            asked = self._asked[node] = asyncio.create_task(self._enforced(node))
        return await asyncio.shield(asked)

    async def _enforced(self, node: str) -> dict[str, str]:
        try:
            text = await self._get(node, "/enforced")
        except (OSError, LookupError, TimeoutError):
            return {}
        return msgspec.json.decode(text, type=dict[str, str]) if text else {}

    async def _why(self, node: str) -> str:
        """Give an agent's own word on what is missing, after a colon; nothing when it has none."""
        try:
            said = (await self._get(node, "/readyz")).decode(errors="replace").strip()
        except (OSError, LookupError, TimeoutError):
            return ": it does not answer"
        return "" if said == "ok" else f": {one_line(said)}"

    async def _get(self, node: str, path: str) -> bytes:
        """Ask an agent's health port, from within its node; gives the body of the answer."""
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            opened = await self._zygote.open_socket(f"node/{node}", "127.0.0.1", _PORT, connect=True)
            reader, writer = await asyncio.open_connection(sock=opened)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                await writer.drain()
                answer = await reader.read()
            finally:
                writer.close()
        return answer.partition(b"\r\n\r\n")[2]


def _covers(enforced: Mapping[str, str], versions: Mapping[str, int]) -> bool:
    return all(int(enforced.get(resource) or -1) >= version for resource, version in versions.items())


def _environment() -> dict[str, str]:
    """Give an agent what Python needs to find podfence, and a PATH; nothing else of this process's."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "PYTHONUTF8", "LANG") if name in os.environ}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", **kept}
