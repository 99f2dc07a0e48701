"""The probes of one run of a container, side by side, and what follows from them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from podfence.lab.interface import Object
from podfence.lab.probes import ProbeTarget, judgements


class Probed(Protocol):
    """The container that is probed, as it hears of its probes; ``kind`` is startup, readiness or liveness."""

    def has_come_up(self) -> None:
        """Hear that the startup probe has succeeded."""

    def set_ready(self, *, is_ready: bool) -> None:
        """Hear what the readiness probe says now."""

    def probe_failed(self, kind: str, failure: str) -> None:
        """Hear of one failure."""

    async def kill(self, kind: str, probe: Object) -> None:
        """End, because a probe has failed for good."""


async def watch_probes(spec: Object, target: ProbeTarget, probed: Probed) -> None:
    """Run a container's startup probe, then the others, until cancelled."""
    if (probe := spec.get("startupProbe")) and not await _comes_up(probe, target, probed):
        return
    await asyncio.gather(_watch_readiness(spec, target, probed), _watch_liveness(spec, target, probed))


async def _comes_up(probe: Object, target: ProbeTarget, probed: Probed) -> bool:
    if not await anext(judgements(probe, target, lambda failure: probed.probe_failed("startup", failure))):
        await probed.kill("startup", probe)
        return False
    probed.has_come_up()
    return True


async def _watch_readiness(spec: Object, target: ProbeTarget, probed: Probed) -> None:
    if probe := spec.get("readinessProbe"):
        async for is_ready in judgements(probe, target, lambda failure: probed.probe_failed("readiness", failure)):
            probed.set_ready(is_ready=is_ready)


async def _watch_liveness(spec: Object, target: ProbeTarget, probed: Probed) -> None:
    if probe := spec.get("livenessProbe"):
        async for is_alive in judgements(probe, target, lambda failure: probed.probe_failed("liveness", failure)):
            if not is_alive:
                await probed.kill("liveness", probe)
                return
