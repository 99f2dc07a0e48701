"""Probes and hooks of containers: exec, HTTP, TCP. Requests come from the pod's node, as a kubelet's do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from podfence.lab.interface import Object
from podfence.lab.zygote_client import Zygote

_MOST_RESPONSE_BYTES = 10 << 10
_USER_AGENT = "kube-probe/1.36"

Exec = Callable[[Sequence[str], float], Awaitable[tuple[int, bytes]]]
"""Runs a command in the container with a timeout; gives exit code and output; raises ``OSError``."""


class ProbeTarget(msgspec.Struct, frozen=True):
    """The container that is asked: its pod's address, its named ports, how to run something in it."""

    zygote: Zygote
    node_place: str
    address: str
    ports: dict[str, int]
    exec: Exec
    is_stand_in: bool


class Thresholds(msgspec.Struct, frozen=True):
    """A probe's numbers with the API's defaults, in seconds and counts."""

    delay_s: float
    period_s: float
    timeout_s: float
    successes: int
    failures: int

    @classmethod
    def of(cls, probe: Object) -> Thresholds:
        """Read them from a probe."""
        return cls(
            delay_s=probe.get("initialDelaySeconds") or 0,
            period_s=probe.get("periodSeconds") or 10,
            timeout_s=probe.get("timeoutSeconds") or 1,
            successes=probe.get("successThreshold") or 1,
            failures=probe.get("failureThreshold") or 3,
        )


class ProbeRecord:
    """Turns single outcomes into the judgement of a probe: so many in a row before it changes its mind."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._in_a_row = 0
        self._last: bool | None = None

    def add(self, *, succeeded: bool) -> bool | None:
        """Add an outcome; gives true or false once there are enough of them in a row, else ``None``."""
        self._in_a_row = self._in_a_row + 1 if succeeded == self._last else 1
        self._last = succeeded
        needed = self._thresholds.successes if succeeded else self._thresholds.failures
        return succeeded if self._in_a_row >= needed else None


async def run_probe(action: Object, target: ProbeTarget, timeout_s: float) -> str | None:
    """Carry out a probe or hook once; ``None`` when it succeeded, else the kubelet's words for the failure.

    For a container that only stands in for a server the machine does not have, what the stand-in cannot do (TLS,
    gRPC, programs of its image) counts as success: else no pod of it would ever be ready.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _attempt(action, target, timeout_s)
    except TimeoutError:
        return _timed_out(action, target, timeout_s)


def _timed_out(action: Object, target: ProbeTarget, timeout_s: float) -> str:
    if command := (action.get("exec") or {}).get("command"):
        return f'command timed out: "{" ".join(command)}" timed out after {timeout_s:g}s'
    if request := action.get("httpGet"):
        return (
            f'Get "{_url(request, target)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        )
    socket = action.get("tcpSocket") or action.get("grpc") or {}
    where = _join(socket.get("host") or target.address, _port_number(socket.get("port", 0), target))
    return f"dial tcp {where}: i/o timeout"


async def judgements(probe: Object, target: ProbeTarget, failed: Callable[[str], None]) -> AsyncIterator[bool]:
    """Probe on and on; gives a judgement whenever there are enough equal outcomes in a row.

    ``failed`` is told of each failure, with the kubelet's words for it.
    """
    thresholds = Thresholds.of(probe)
    record = ProbeRecord(thresholds)
    await asyncio.sleep(thresholds.delay_s)
    while True:
        failure = await run_probe(probe, target, thresholds.timeout_s)
        if failure is not None:
            failed(failure)
        judgement = record.add(succeeded=failure is None)
        if judgement is not None:
            yield judgement
        await asyncio.sleep(thresholds.period_s)


async def _attempt(action: Object, target: ProbeTarget, timeout_s: float) -> str | None:
    if command := (action.get("exec") or {}).get("command"):
        return await _exec(command, target, timeout_s)
    if request := action.get("httpGet"):
        if target.is_stand_in and request.get("scheme") == "HTTPS":
            return None
        return await _http_get(request, target)
    if "grpc" in action and target.is_stand_in:
        return None
    if socket := action.get("tcpSocket") or action.get("grpc"):
        return await _tcp_connect(socket, target)
    return None


async def _exec(command: Sequence[str], target: ProbeTarget, timeout_s: float) -> str | None:
    try:
        code, output = await target.exec(command, timeout_s)
    except OSError as error:
        return None if target.is_stand_in else f"{error.strerror}"
    return None if code == 0 else output.decode(errors="replace")


async def _tcp_connect(socket: Object, target: ProbeTarget) -> str | None:
    host, port = socket.get("host") or target.address, _port_number(socket["port"], target)
    try:
        (await target.zygote.open_socket(target.node_place, host, port, connect=True)).close()
    except OSError as error:
        return f"dial tcp {_join(host, port)}: connect: {(error.strerror or '').lower()}"
    return None


async def _http_get(request: Object, target: ProbeTarget) -> str | None:
    host, port = request.get("host") or target.address, _port_number(request["port"], target)
    url, path = _url(request, target), _path(request)
    if url.startswith("https:"):
        return f'Get "{url}": the lab probes without TLS'
    headers = {"Host": _join(host, port), "User-Agent": _USER_AGENT, "Accept": "*/*", "Connection": "close"}
    headers |= {header["name"]: header.get("value", "") for header in request.get("httpHeaders") or []}
    text = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    try:
        status = await _ask(target, host, port, text.encode())
    except OSError as error:
        return f'Get "{url}": dial tcp {_join(host, port)}: connect: {(error.strerror or "").lower()}'
    except ValueError:
        return f'Get "{url}": net/http: HTTP/1.x transport connection broken: malformed HTTP response'
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


async def _ask(target: ProbeTarget, host: str, port: int, request: bytes) -> int:
    """Send a request from the node and give the status code of the answer."""
    connection = await target.zygote.open_socket(target.node_place, host, port, connect=True)
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        writer.write(request)
        line = (await reader.readline()).split()
        if len(line) < 2 or not line[0].startswith(b"HTTP/1."):
            raise ValueError(line)
        await reader.read(_MOST_RESPONSE_BYTES)
        return int(line[1])
    finally:
        writer.close()


def _url(request: Object, target: ProbeTarget) -> str:
    where = _join(request.get("host") or target.address, _port_number(request["port"], target))
    return f"{(request.get('scheme') or 'HTTP').lower()}://{where}{_path(request)}"


def _path(request: Object) -> str:
    path = str(request.get("path") or "/")
    return path if path.startswith("/") else f"/{path}"


def _port_number(port: int | str, target: ProbeTarget) -> int:
    if isinstance(port, int):
        return port
    return target.ports.get(port) or (int(port) if port.isdecimal() else 0)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def read_all(descriptor: int, limit: int = _MOST_RESPONSE_BYTES) -> bytes:
    """Read a descriptor to its end without blocking others; what is beyond the limit is thrown away."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    readable = asyncio.Event()
    result = b""
    loop.add_reader(descriptor, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            try:
                data = os.read(descriptor, 65536)
            except BlockingIOError:
                continue
            except OSError:  # EIO: the last program let go of the terminal
                return result
            if not data:
                return result
            result = (result + data)[:limit]
    finally:
        loop.remove_reader(descriptor)
