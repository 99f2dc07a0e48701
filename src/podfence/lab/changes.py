"""Waking up when objects change, for those who look at all of them at once: Services, DNS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from podfence.lab.interface import ObjectStore, Resource


async def changes(store: ObjectStore, resources: Sequence[Resource]) -> AsyncGenerator[None, None]:
    """Yield at once, and then whenever objects of these resources have changed; many changes may be one."""
    changed = asyncio.Event()
    changed.set()

    async def watch(resource: Resource) -> None:
        async for _ in store.watch(resource):
            changed.set()

    watching = [asyncio.create_task(watch(resource)) for resource in resources]
    try:
        while True:
            await changed.wait()
            changed.clear()
            yield
            for task in watching:
                if task.done():  # it never ends but by an error
                    task.result()
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
