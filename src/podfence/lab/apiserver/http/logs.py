"""GET of a pod's log: what a container wrote, as lines of text."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from podfence.lab.apiserver.http.request_info import flag, number
from podfence.lab.apiserver.names import seconds_of
from podfence.lab.apiserver.status import StatusError, bad_request
from podfence.lab.apiserver.tables.words import at
from podfence.lab.interface import PodRuntime

Object = dict[str, Any]


class LogOptions(msgspec.Struct, frozen=True):
    """What of a log is wanted; ``since`` is a time in seconds since the epoch."""

    container: str
    follow: bool
    previous: bool
    timestamps: bool
    tail: int | None
    since: float
    limit: int | None


def log_options(pod: Object, query: Mapping[str, str], now: float) -> LogOptions:
    """Read the options of a request for a log; raises 400."""
    since_s, since_time = number(query, "sinceSeconds"), query.get("sinceTime", "")
    since = now - since_s if since_s is not None else (seconds_of(since_time) if since_time else 0.0)
    return LogOptions(
        chosen_container(pod, query.get("container", "")),
        flag(query, "follow"),
        flag(query, "previous"),
        flag(query, "timestamps"),
        number(query, "tailLines"),
        since,
        number(query, "limitBytes"),
    )


_LISTS = ("initContainers", "containers", "ephemeralContainers")


def chosen_container(pod: Object, wanted: str) -> str:
    """Find the container that is meant; raises 400 when it is not clear or not there."""
    name = pod["metadata"]["name"]
    of_lists = [[each["name"] for each in at(pod, "spec", part) or ()] for part in _LISTS]
    inits, containers, _ = of_lists
    if wanted:
        if any(wanted in names for names in of_lists):
            return wanted
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    if len(containers) == 1:
        return str(containers[0])
    choice = f"choose one of: [{' '.join(containers)}]"
    if inits:
        choice += f" or one of the init containers: [{' '.join(inits)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choice}")


def check_started(pod: Object, container: str) -> None:
    """Refuse the log of a container that never ran; raises 400."""
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    for part in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for each in status.get(part) or ():
            reason = at(each, "state", "waiting", "reason")
            if each.get("name") == container and reason and not at(each, "lastState", "terminated"):
                why = "trying and failing to pull image" if reason in {"ImagePullBackOff", "ErrImagePull"} else reason
                raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')


def log_answer(runtime: PodRuntime | None, pod: Object, query: Mapping[str, str], now: float) -> Response:
    """Answer with a log; that of a pod without a node is empty."""
    options = log_options(pod, query, now)
    if not at(pod, "spec", "nodeName"):
        return PlainTextResponse("")
    if runtime is None:
        raise no_runtime()
    check_started(pod, options.container)
    metadata = pod["metadata"]
    lines = runtime.logs(
        metadata["namespace"], metadata["name"], options.container, follow=options.follow, previous=options.previous
    )
    return StreamingResponse(log_text(lines, options), media_type="text/plain")


async def log_text(lines: AsyncIterator[tuple[float, bytes]], options: LogOptions) -> AsyncIterator[bytes]:
    """Give the wanted lines; a tail is cut from what is there now, what comes later follows."""
    left = options.limit
    chosen = _since(lines, options.since)
    async for time, line in _tail(chosen, options):
        text = line if line.endswith(b"\n") else line + b"\n"
        if options.timestamps:
            text = _timestamp(time).encode() + b" " + text
        if left is not None:
            text = text[:left]
            left -= len(text)
        yield text
        if left == 0:
            return


async def _since(lines: AsyncIterator[tuple[float, bytes]], since: float) -> AsyncIterator[tuple[float, bytes]]:
    async for time, line in lines:
        if time >= since:
            yield time, line


async def _tail(lines: AsyncIterator[tuple[float, bytes]], options: LogOptions) -> AsyncIterator[tuple[float, bytes]]:
    if options.tail is None or options.follow:
        async for line in lines:
            yield line
        return
    last: deque[tuple[float, bytes]] = deque(maxlen=max(options.tail, 0))
    async for line in lines:
        last.append(line)
    for line in last:
        yield line


def _timestamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 1e9):09d}Z"


def no_runtime() -> StatusError:
    """Refuse what needs running pods where nothing runs them."""
    return StatusError(500, "InternalError", "Internal error occurred: this server runs no pods")
