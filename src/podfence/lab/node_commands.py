"""Runs programs of a node, such as nft, in its network, and waits for their end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import msgspec

from podfence.lab.apiserver.descriptors import read_some, write_all
from podfence.lab.services.proxy import StaleFlows
from podfence.lab.zygote_client import Zygote

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


async def run_nft(zygote: Zygote, node: str, text: str) -> None:
    """Run one nftables transaction on a node; raises ``RuntimeError`` with what nft complains of."""
    await _run(zygote, node, ["nft", "-f", "-"], text.encode())


async def forget_flows(zygote: Zygote, node: str, stale: Sequence[StaleFlows]) -> None:
    """Delete connection tracking entries of a node; raises ``RuntimeError``."""
    command = [sys.executable, "-m", "podfence.lab.services.conntrack"]
    await _run(zygote, node, command, msgspec.json.encode(stale))


async def _run(zygote: Zygote, node: str, command: Sequence[str], text: bytes) -> None:
    program = await zygote.run(f"node/{node}", command, _environment(), stdin=True)
    try:
        if program.stdin is None or program.stderr is None:
            raise AssertionError("programs have streams")
        for descriptor in (program.stdin, program.stderr):
            os.set_blocking(descriptor, False)
        await write_all(program.stdin, text)
        os.close(program.stdin)
        program.stdin = None
        complaint = b""
        while piece := await read_some(program.stderr):
            complaint += piece
    finally:
        program.close_streams()
    if await program.wait() != 0:
        raise RuntimeError(complaint.decode(errors="replace").strip() or f"{command[0]} failed")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return {"PATH": _PATH, **kept}
