"""Tries connections with real packets: from each place all of its targets at once, all places beside each other."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Final

import msgspec

from podfence.lab.address_plan import DNS_SERVICE_ADDRESSES
from podfence.lab.apiserver.descriptors import read_some, write_all
from podfence.lab.programs.commands import FOLDER
from podfence.lab.zygote_client import Program, Zygote

_AT_ONCE: Final = 16
_COMMAND: Final = f"{FOLDER}prober"


class Attempts(msgspec.Struct, frozen=True):
    """What to try from one place of the lab's network; a target is protocol, address, port, and names of the host.

    Cluster DNS is asked for all names before any address is tried.
    ``address`` is that to send from, where a place has several.
    """

    place: str
    targets: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    address: str = ""


class Prober:
    """Tries attempts in a lab."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def run(self, attempts: Sequence[Attempts], timeout_s: float) -> list[list[str]]:
        """Give the outcomes of each place, in order; from a place that has gone meanwhile they are ``OTHER: …``."""
        return list(await asyncio.gather(*(self._from_place(one, timeout_s) for one in attempts)))

    async def _from_place(self, attempts: Attempts, timeout_s: float) -> list[str]:
        async with self._turn:
            try:
                command = [_COMMAND, str(timeout_s), DNS_SERVICE_ADDRESSES[0], attempts.address]
                program = await self._zygote.run(attempts.place, command, {}, stdin=True)
                text = await _answer(program, json.dumps(attempts.targets).encode())
            except (OSError, LookupError) as error:
                return [f"OTHER: {error}"] * len(attempts.targets)
            code = await program.wait()
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError:
            return [f"OTHER: the prober ended with {code}"] * len(attempts.targets)


async def _answer(program: Program, question: bytes) -> bytes:
    """Write to a program's input, close it, and read what it answers."""
    if program.stdin is None or program.stdout is None:
        raise AssertionError("the prober has streams")
    for descriptor in (program.stdin, program.stdout):
        os.set_blocking(descriptor, False)
    try:
        await write_all(program.stdin, question)
        os.close(program.stdin)
        program.stdin = None
        pieces = []
        while piece := await read_some(program.stdout):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        program.close_streams()
