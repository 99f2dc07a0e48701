"""A server that follows a script, one step for each request, and whoever is tried against it.

A request that is of another kind than the step, or comes after the last one, fails the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from podfence.kube.client import Client
from podfence.kube.config import of_server
from podfence.kube.patience import Time
from podfence.kube.reflector import Drop, Put, Reflector, Replace
from tests.protocol.web import Reply, Request, serving

PATH = "/api/v1/pods"
Step = Callable[[Request, Reply], Awaitable[None]]


@dataclass
class FakeTime:
    """Time that passes only where somebody sleeps; what was slept is kept."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    luck: float = 0.5
    _awaited: list[tuple[float, asyncio.Event]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now += seconds
        for now, event in self._awaited:
            if self.now >= now:
                event.set()
        await asyncio.sleep(0)

    async def until(self, now: float) -> None:
        """Wait until so much time has passed."""
        event = asyncio.Event()
        self._awaited.append((now, event))
        await event.wait()

    @property
    def time(self) -> Time:
        """Give it in the form that is passed in."""
        return Time(clock=lambda: self.now, chance=lambda: self.luck, sleep=self.sleep)


def item(name: str, version: int) -> dict[str, Any]:
    """Make an object."""
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version)}}


def listing(version: int, *names: str, next_page: str = "", **wanted: str) -> Step:
    """Answer a list; ``wanted`` are parameters that the request must have."""

    async def step(request: Request, reply: Reply) -> None:
        assert not request.is_watch
        for name, value in wanted.items():
            assert request.query.get(name.rstrip("_")) == value
        meta = {"resourceVersion": str(version), **({"continue": next_page} if next_page else {})}
        await reply.whole(200, {"metadata": meta, "items": [item(name, version) for name in names] or None})

    return step


def refusing(
    code: int, message: str = "no", headers: dict[str, str] | None = None, *, watch: bool | None = None
) -> Step:
    """Answer with an error; ``watch`` says which kind of request must have come."""

    async def step(request: Request, reply: Reply) -> None:
        assert watch in {None, request.is_watch}
        status = {"kind": "Status", "code": code, "reason": "Reason", "message": message}
        await reply.whole(code, status, headers)

    return step


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    """Make an event."""
    return {"type": kind, "object": item(name, version)}


def bookmark(version: int) -> dict[str, Any]:
    """Make a bookmark as Go prints it, with nulls for what is not there."""
    return {
        "type": "BOOKMARK",
        "object": {"metadata": {"resourceVersion": str(version)}, "spec": {"containers": None}, "status": {}},
    }


def error(code: int, message: str = "no") -> dict[str, Any]:
    """Make the event by which a server ends a watch."""
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "reason": "Expired", "message": message}}


def watching(since: int, *events: object, then: str = "end") -> Step:
    """Answer a watch that must begin at ``since``: send events (text as it is), then end, cut, or stay silent."""

    async def step(request: Request, reply: Reply) -> None:
        assert request.is_watch
        assert request.query["allowWatchBookmarks"] == "true"
        assert request.query["resourceVersion"] == str(since)
        await reply.begin()
        for each in events:
            await (reply.send(each.encode()) if isinstance(each, str) else reply.line(each))
        match then:
            case "end":
                await reply.end()
            case "cut":
                reply.cut()
            case "silence":
                await asyncio.Event().wait()

    return step


class Name(msgspec.Struct):
    """What the tests keep of an object."""

    name: str


class Named(msgspec.Struct):
    """Where the name stands."""

    metadata: Name


def name_of(raw: msgspec.Raw) -> str:
    """Read an object: its name."""
    return msgspec.json.decode(raw, type=Named).metadata.name


@dataclass
class Played:
    """What a script brought about."""

    events: list[str]
    time: FakeTime
    requests: list[Request]
    reflector: Reflector[str]
    notices: list[str]


@asynccontextmanager
async def scripted(*steps: Step) -> AsyncIterator[tuple[int, list[Request], list[BaseException]]]:
    """Serve a script; gives the port, the requests, and what went wrong in the steps."""
    left = list(steps)
    requests: list[Request] = []
    faults: list[BaseException] = []

    async def handle(request: Request, reply: Reply) -> None:
        requests.append(request)
        if not left:
            await asyncio.Event().wait()
        try:
            await left.pop(0)(request, reply)
        except AssertionError as fault:
            faults.append(fault)
            reply.cut()

    async with serving(handle) as port:
        yield port, requests, faults


def play(*steps: Step, until: str, quiet_s: float = 20.0, luck: float = 0.5) -> Played:
    """Follow pods on a scripted server until an event (``put c``) was seen."""
    return asyncio.run(_play(steps, until, quiet_s, FakeTime(luck=luck)))


async def _play(steps: tuple[Step, ...], until: str, quiet_s: float, time: FakeTime) -> Played:
    seen: list[str] = []
    notices: list[str] = []
    async with scripted(*steps) as (port, requests, faults), Client(of_server(f"http://127.0.0.1:{port}")) as client:
        reflector = Reflector(client, PATH, name_of, time=time.time, notice=notices.append, quiet_s=quiet_s)
        async with asyncio.timeout(30), aclosing(reflector.stream()) as events:
            async for each in events:
                seen.append(_word(each))
                if seen[-1] == until or faults:
                    break
    assert not faults, faults
    return Played(seen, time, requests, reflector, notices)


def _word(each: Replace[str] | Put[str] | Drop[str]) -> str:
    match each:
        case Replace(items=items):
            return f"replace {' '.join(items)}".strip()
        case Put(item=name):
            return f"put {name}"
        case Drop(item=name):
            return f"drop {name}"
