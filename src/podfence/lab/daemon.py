"""The process of one lab: ``python -m podfence.lab.daemon``, started by ``podfence lab up``, ended by ``down``.

It serves a control socket in the lab's folder, for the command line: what is asked there comes as HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from podfence.lab.cluster import Lab
from podfence.lab.folder import LabFolder
from podfence.lab.options import Started
from podfence.lab.probing import Attempts, Prober
from podfence.model.error import PodfenceError

_CATCH_UP_S = 1.0
"""How long agents that are behind may take before a status says that they are."""
_READY_TIMEOUT_S = 120.0
_MOST_TOLD = 5
_POLL_S = 0.02


class Wanted(msgspec.Struct, frozen=True):
    """What to try, and how long until a packet counts as dropped."""

    attempts: tuple[Attempts, ...]
    timeout_s: float


class Control:
    """Answers the command line."""

    def __init__(self, lab: Lab, stop: asyncio.Event) -> None:
        self._lab = lab
        self._stop = stop

    def app(self) -> Starlette:
        """Make the application of the control socket."""
        return Starlette(
            routes=[
                Route("/status", self._answering(self._status)),
                Route("/ready", self._answering(self._ready), methods=["POST"]),
                Route("/probe", self._answering(self._probe), methods=["POST"]),
                Route("/down", self._answering(self._down), methods=["POST"]),
            ]
        )

    def _answering(self, work: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            try:
                return JSONResponse(await work(request))
            except PodfenceError as error:
                return JSONResponse({"error": str(error)}, 503)

        return handle

    async def _status(self, request: Request) -> dict[str, Any]:
        """Tell how the lab is; of nodes that do not keep up only when asked ``?behind``, for that may take a while."""
        lab = self._lab
        await lab.started.wait()
        behind = await lab.behind(_CATCH_UP_S) if "behind" in request.query_params else []
        options = {"data": lab.options.data, "crd_channel": lab.options.crd_channel}
        return {"name": lab.folder.name, "nodes": list(lab.node_names), "behind": behind, **options, **lab.counts()}

    async def _ready(self, request: Request) -> dict[str, Any]:
        """Wait until every pod is ready and every node enforces what is there."""
        await self._lab.started.wait()
        timeout_s = float(request.query_params.get("timeout", _READY_TIMEOUT_S))
        try:
            async with asyncio.timeout(timeout_s):
                while waiting := self._lab.unready():  # noqa: ASYNC110 (many writers, and no event of theirs says it)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            told = ", ".join(self._lab.with_warning(name) for name in waiting[:_MOST_TOLD])
            raise PodfenceError(f"not ready after {timeout_s:g} s: {told}") from None
        await self._lab.wait_enforced(timeout_s)
        return await self._status(request)

    async def _probe(self, request: Request) -> dict[str, Any]:
        """Try connections; waits first until every node enforces what is there."""
        wanted = msgspec.json.decode(await request.body(), type=Wanted)
        await self._lab.started.wait()
        await self._lab.wait_enforced(_READY_TIMEOUT_S)
        return {"outcomes": await Prober(self._lab.zygote).run(wanted.attempts, wanted.timeout_s)}

    async def _down(self, _: Request) -> dict[str, Any]:
        self._stop.set()
        return {}


async def run(started: Started) -> None:
    """Run a lab until it is told to end, or cannot go on."""
    folder = LabFolder(started.name)
    lab, stop = Lab(folder, started.options), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    control = uvicorn.Server(
        uvicorn.Config(
            Control(lab, stop).app(), uds=str(folder.control), log_config=None, lifespan="off", access_log=False
        )
    )
    running = asyncio.create_task(lab.run())
    serving = asyncio.create_task(control._serve())  # noqa: SLF001 (serve() would take the signals over)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        running.cancel()
        control.should_exit = True
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await running
        await serving


def main() -> None:
    """Become the process of a lab; the log says why it ended."""
    started = msgspec.json.decode(sys.argv[1], type=Started)
    folder = LabFolder(started.name)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with folder.log.open("ab") as log:
        # Whoever finds the log locked knows that this lab lives, even before its socket is there.
        fcntl.flock(log, fcntl.LOCK_EX)
        gc.freeze()
        code = 0
        try:
            asyncio.new_event_loop().run_until_complete(run(started))
        except PodfenceError as error:
            sys.stderr.write(f"podfence: {error}\n")
            code = 2
        finally:
            folder.remove()
    # Not through asyncio's own end, which waits for every task: those of pods that are gone have nobody to wait for.
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main()
