"""One kind for ever, whether the cluster has it or not: custom kinds come when somebody installs their CRD, and go."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from podfence.kube.client import Client, RefusedError
from podfence.kube.kinds import Kind
from podfence.kube.listing import explained, served_version
from podfence.kube.patience import Backoff, Time
from podfence.kube.reflector import UNREADABLE, Drop, Health, Put, Reflector, Replace, T
from podfence.model.error import PodfenceError

LOOK_AGAIN_S = 30.0
"""How long after which a kind that the cluster does not have is looked for again."""

BELIEVED_AFTER = 3
"""How often in a row a kind must be missing: a server that has just started may not know its CRDs yet."""

Reader = Callable[[msgspec.Raw], T]


async def follow(
    client: Client,
    kind: Kind,
    read: Callable[[str], Reader[T]],
    *,
    params: dict[str, str] | None = None,
    time: Time | None = None,
    health: Health | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> AsyncGenerator[Replace[T] | Put[T] | Drop[T]]:
    """Follow all objects of a kind; ``read`` makes the reader for the version that the server has.

    A kind that is not there is one without objects. Never ends and raises nothing of its own: whatever fails is
    tried again, and stands in ``health``. Close it with ``aclosing``.
    """
    time, health = time or Time(), health or Health()
    backoff = Backoff(time)
    missed = 0
    while True:
        try:
            version = await served_version(client, kind)
        except (PodfenceError, *UNREADABLE) as error:
            _note(error, kind, health, notice)
            await backoff.pause(error.retry_after_s if isinstance(error, RefusedError) else None)
            continue
        if version is None:
            missed += 1
            if missed < BELIEVED_AFTER:
                await backoff.pause()
                continue
            health.heard_at, health.trouble = time.clock(), ""
            yield Replace([])
            await time.sleep(LOOK_AGAIN_S * (0.5 + time.chance()))
            continue
        reflector = Reflector(
            client,
            kind.path(version),
            read(version),
            params=params,
            absence_ends=kind.custom or len(kind.versions) > 1,
            time=time,
            health=health,
            notice=notice,
            describe=lambda error: _described(error, kind),
        )
        try:
            async with aclosing(reflector.stream()) as events:
                async for event in events:
                    missed = 0
                    backoff.reset()
                    yield event
        except RefusedError as error:
            _note(error, kind, health, notice)
            await backoff.pause(error.retry_after_s)


def _note(error: Exception, kind: Kind, health: Health, notice: Callable[[str], None]) -> None:
    health.failures += 1
    health.trouble = f"trying again: {_described(error, kind)}"
    notice(health.trouble)


def _described(error: Exception, kind: Kind) -> str:
    return str(explained(error, kind, "list, watch") if isinstance(error, RefusedError) else error)
