"""List and watch as one endless stream: everything there is, then each change, whatever happens in between.

Split in three: ``watching.watch`` is one request; ``_continuous`` lists and watches on while the version is good;
``stream`` never ends. A list comes as one ``Replace``, so that what went meanwhile is noticed by whoever keeps the
objects: no deletion is ever lost, only told later.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec

from podfence.kube.client import NOT_FOUND, Client, RefusedError
from podfence.kube.listing import Page, list_all
from podfence.kube.patience import Backoff, Time
from podfence.kube.watching import ExpiredError, version_of, watch, went_back
from podfence.model.error import PodfenceError

WATCH_S = 240.0
"""How long one watch lasts at least, and at most twice as long, so that not all end at once."""

QUIET_S = 90.0
"""Silence after which a connection is taken for dead: servers send a bookmark about every minute."""

LIVED_S = 10.0
"""A watch that lived so long was no failure, though nothing happened."""

UNREADABLE = (msgspec.MsgspecError, RecursionError)
"""What decoding raises for an answer that is no JSON of the expected form, or is nested without end."""

T = TypeVar("T")


class Replace(msgspec.Struct, Generic[T], frozen=True):
    """Everything there is; what was known and is not here is gone."""

    items: list[T]


class Put(msgspec.Struct, Generic[T], frozen=True):
    """An object that came or changed."""

    item: T


class Drop(msgspec.Struct, Generic[T], frozen=True):
    """An object that went, as it was last."""

    item: T


class Health(msgspec.Struct):
    """How a stream fares, for metrics and for people; times are of the clock that was passed in.

    ``heard_at`` is when the server last said anything, ``trouble`` why it does not now, empty when all is well.
    ``version`` is the ``resourceVersion`` up to which everything was given to whoever reads the stream.
    """

    heard_at: float | None = None
    version: str = ""
    lists: int = 0
    failures: int = 0
    trouble: str = ""


class Reflector(Generic[T]):
    """Follows all objects at a path; ``read`` makes of each what is kept, at once.

    ``notice`` hears of each trouble, which ``describe`` puts into words.
    ``absence_ends``: a 404 ends the stream with ``RefusedError``, otherwise it is one more fault to wait out.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        read: Callable[[msgspec.Raw], T],
        *,
        params: dict[str, str] | None = None,
        absence_ends: bool = False,
        time: Time | None = None,
        health: Health | None = None,
        notice: Callable[[str], None] = lambda _: None,
        describe: Callable[[Exception], str] = str,
        quiet_s: float = QUIET_S,
    ) -> None:
        self.health = health or Health()
        self._client = client
        self._path = path
        self._read = read
        self._params = params or {}
        self._absence_ends = absence_ends
        self._time = time or Time()
        self._backoff = Backoff(self._time)
        self._notice = notice
        self._describe = describe
        self._quiet_s = quiet_s
        self._version = ""
        self._is_doubtful = False

    async def stream(self) -> AsyncGenerator[Replace[T] | Put[T] | Drop[T]]:
        """Give what happens, for ever; close it with ``aclosing``."""
        while True:
            retry_after_s = None
            try:
                async with aclosing(self._continuous()) as events:
                    async for event in events:
                        yield event
            except ExpiredError as error:
                self._version = ""
                self._trouble(f"listing again: {error}")
            except (PodfenceError, *UNREADABLE) as error:  # credentials may fail as well
                if self._absence_ends and isinstance(error, RefusedError) and error.code == NOT_FOUND:
                    raise
                retry_after_s = error.retry_after_s if isinstance(error, RefusedError) else None
                self._is_doubtful = True
                if isinstance(error, UNREADABLE):
                    self._version = ""  # what could not be read may have been a deletion
                self._trouble(f"trying again: {self._describe(error)}")
            await self._backoff.pause(retry_after_s)

    async def _continuous(self) -> AsyncGenerator[Replace[T] | Put[T] | Drop[T]]:
        """List unless there is a version to go on from, then watch on; ends by an error only."""
        if not self._version:
            listed = await list_all(self._client, self._path, self._read, self._params)
            self._version = listed.version
            self.health.lists += 1
            self._heard()
            yield Replace(listed.items)
            self.health.version = self._version
        elif self._is_doubtful:
            await self._check_age()
        self._is_doubtful = False
        while True:
            began = self._time.clock()
            async with aclosing(self._watch()) as events:
                async for event in events:
                    self._backoff.reset()
                    if event is not None:
                        yield event
            self._heard()
            if self._time.clock() - began >= LIVED_S:
                self._backoff.reset()
            else:
                await self._backoff.pause()

    async def _watch(self) -> AsyncGenerator[Put[T] | Drop[T] | None]:
        """Watch once; ``None`` stands for a bookmark."""
        watch_s = WATCH_S * (1 + self._time.chance())
        events = watch(self._client, self._path, self._version, self._params, watch_s=watch_s, quiet_s=self._quiet_s)
        async with aclosing(events):
            async for event in events:
                version = version_of(event)
                if went_back(self._version, version):
                    raise ExpiredError(f"version {version} came after {self._version}: the cluster went back in time")
                self._heard()
                # First what happened, then the version: whoever is told and fails is told again.
                match event.type:
                    case "BOOKMARK":
                        yield None
                    case "DELETED":
                        yield Drop(self._read(event.object))
                    case _:
                        yield Put(self._read(event.object))
                self.health.version = self._version = version or self._version

    async def _check_age(self) -> None:
        """After an outage, ask how old the cluster is: a watch from a version to come would wait in silence."""
        body = await self._client.get(self._path, {**self._params, "limit": "1"})
        meta = msgspec.json.decode(body, type=Page).metadata
        version = (meta.resource_version if meta is not None else "") or ""
        if went_back(self._version, version):
            raise ExpiredError(f"the cluster is at version {version}, it was at {self._version}: it went back in time")

    def _heard(self) -> None:
        self.health.heard_at = self._time.clock()
        self.health.trouble = ""

    def _trouble(self, text: str) -> None:
        self.health.failures += 1
        self.health.trouble = text
        self._notice(text)
