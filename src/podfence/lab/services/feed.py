"""Brings every change of Services and EndpointSlices to the proxies of all nodes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

from podfence.lab.changes import changes
from podfence.lab.controllers.endpointslices import SERVICES, SLICES
from podfence.lab.interface import ObjectStore
from podfence.lab.services.proxy import ServiceProxy
from podfence.lab.services.view import ServicePort, service_ports

RETRY_S = 1.0

_log = logging.getLogger(__name__)


async def feed_proxies(
    store: ObjectStore,
    proxies: Sequence[ServiceProxy],
    after: Callable[[Sequence[ServicePort]], None] = lambda _: None,
) -> None:
    """Keep the proxies up to date until cancelled; ``after`` is told when all of them are, for routes and waiting."""
    async with aclosing(changes(store, (SERVICES, SLICES))) as changed:
        async for _ in changed:
            ports = service_ports(store.list(SERVICES), store.list(SLICES))
            while not all(await asyncio.gather(*(_updated(proxy, ports) for proxy in proxies))):
                await asyncio.sleep(RETRY_S)
                ports = service_ports(store.list(SERVICES), store.list(SLICES))
            after(ports)


async def _updated(proxy: ServiceProxy, ports: Sequence[ServicePort]) -> bool:
    """Update one node; one that fails must not keep the others from being right."""
    try:
        await proxy.update(ports)
    except Exception:  # noqa: BLE001 - logged, and tried again
        _log.exception("Services cannot be written; tried again in %s s", RETRY_S)
        return False
    return True
