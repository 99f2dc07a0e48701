"""One watch request: the lines of the answer as events, until the server ends it.

Who lists, who resumes and who waits is ``kube.reflector``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from podfence.kube.client import GONE, Client, RefusedError, Status

_TOO_LARGE = "Too large resource version"
_UNUSABLE = frozenset({400, GONE, 422})


class ExpiredError(Exception):
    """The version to watch from is of no use any more: list again."""


class Meta(msgspec.Struct, frozen=True):
    """The version of an object, which is that of the whole cluster at that moment."""

    resource_version: str | None = msgspec.field(default="", name="resourceVersion")


class Head(msgspec.Struct, frozen=True):
    """What is read of an object to go on from it."""

    metadata: Meta | None = None


class Event(msgspec.Struct, frozen=True):
    """One line of a watch: ``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK`` or ``ERROR``."""

    type: str
    object: msgspec.Raw


_EVENT = msgspec.json.Decoder(Event)
_HEAD = msgspec.json.Decoder(Head)
_STATUS = msgspec.json.Decoder(Status)


def version_of(event: Event) -> str:
    """Give the version of an event's object; empty when it has none."""
    meta = _HEAD.decode(event.object).metadata
    return (meta.resource_version if meta is not None else "") or ""


async def watch(
    client: Client, path: str, version: str, params: dict[str, str], *, watch_s: float, quiet_s: float
) -> AsyncGenerator[Event]:
    """Watch from a version on, for ``watch_s`` as the server is asked; errors among the events are raised.

    Raises ``ExpiredError`` when the version cannot be watched from, too old or too young, ``UnreachableError`` when
    the connection breaks or is silent for ``quiet_s``, ``RefusedError``, and ``msgspec.MsgspecError`` for a line that
    is no event.
    """
    asked = {
        **params,
        "watch": "1",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(int(watch_s)),
    }
    try:
        async with client.lines(path, asked, quiet_s) as lines, aclosing(lines):
            async for line in lines:
                event = _EVENT.decode(line)
                if event.type == "ERROR":
                    raise _refusal(_STATUS.decode(event.object), client)
                yield event
    except RefusedError as error:
        if error.code in _UNUSABLE or _TOO_LARGE in error.message:
            raise ExpiredError(error.message) from None
        raise


def _refusal(status: Status, client: Client) -> RefusedError:
    message = f"{client.connection.name} ends the watch with {status.code}: {status.message}"
    return RefusedError(message, status.code, status.reason or "")


def went_back(before: str, after: str) -> bool:
    """Tell whether a cluster is younger than it was, as after its store was restored from a copy.

    Versions of one cluster only grow, and are numbers to be compared since Kubernetes 1.35 (KEP-5504), as they have
    been in fact before.
    """
    return before.isdigit() and after.isdigit() and int(after) < int(before)
