"""Connection tracking forgets what pods gave back, and failing to is no reason to give up."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from podfence.agent.forgetting import Forgetting
from tests.unit.agent.virtual_time import run


async def _at_once(function: Any, *arguments: Any) -> Any:  # noqa: ANN401 (stands in for to_thread)
    return function(*arguments)


def test_addresses_are_forgotten_together_and_tried_again_after_a_failure() -> None:
    forgotten: list[set[int]] = []
    failures = [OSError("busy")]

    def forget(addresses: Collection[int]) -> int:
        if failures:
            raise failures.pop()
        forgotten.append(set(addresses))
        return len(addresses)

    async def main() -> None:
        forgetting = Forgetting(forget, _at_once)
        task = asyncio.ensure_future(forgetting.run())
        forgetting.add([1, 2])
        forgetting.add([])
        await asyncio.sleep(0.1)
        assert forgotten == []
        forgetting.add([3])
        await asyncio.sleep(10)
        assert forgotten == [{1, 2, 3}]
        task.cancel()

    run(main())
