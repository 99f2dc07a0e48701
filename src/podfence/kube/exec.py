"""Run a command in a container, over the WebSocket sub-protocol that the API server speaks (``v5.channel.k8s.io``).

Each message begins with the number of its channel: 0 standard input, 1 standard output, 2 standard error, 3 a Status
that says how the command ended. The end of the input is a message of its own, which v4 has not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from podfence.kube.client import USER_AGENT, Client, RefusedError, Status, UnreachableError, reason_of

PROTOCOLS = (Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io"))
MOST_OUTPUT = 1 << 20

_STDIN, _STDOUT, _STDERR, _ERROR = 0, 1, 2, 3
_END_OF_INPUT = b"\xff\x00"
_UNKNOWN_CODE = -1
_UNAUTHORIZED = 401


class Ended(msgspec.Struct, frozen=True):
    """How a command ended: its exit code, and what it wrote to its standard output and standard error."""

    code: int
    output: str
    errors: str


class Streams(msgspec.Struct, frozen=True):
    """Where a command's output and errors go as they come, and where its input comes from, if it has any."""

    output: Callable[[bytes], None]
    errors: Callable[[bytes], None]
    stdin: AsyncIterator[bytes] | None = None


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: list[_Cause] | None = None


class _Outcome(msgspec.Struct, frozen=True):
    status: str = ""
    reason: str | None = ""
    message: str | None = ""
    details: _Details | None = None


async def run_in_pod(
    client: Client,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str | None = None,
    timeout_s: float | None = 30.0,
    streams: Streams | None = None,
) -> Ended:
    """Run a command in a running pod and wait for its end; with ``streams`` its output goes there instead.

    Raises ``RefusedError`` when the server does not let us, ``UnreachableError`` when the connection breaks or the
    command outlives ``timeout_s``.
    """
    query = [("command", word) for word in command]
    query += [("stdout", "true"), ("stderr", "true"), *([("container", container)] if container else [])]
    query += [("stdin", "true")] if streams is not None and streams.stdin is not None else []
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?{urlencode(query)}"
    name = f"{client.connection.name}, pod {namespace}/{pod}"
    try:
        async with asyncio.timeout(timeout_s):
            return await _run_as_somebody(client, path, streams)
    except TimeoutError:
        raise UnreachableError(f"{name}: the command did not end within {timeout_s:g} s") from None
    except InvalidStatus as error:
        raise _refused(error, name) from None
    except (OSError, WebSocketException, msgspec.MsgspecError) as error:
        raise UnreachableError(f"cannot run a command in {name}: {reason_of(error)}") from None


async def _run_as_somebody(client: Client, path: str, streams: Streams | None) -> Ended:
    """Run with the token of the moment, and once more with a new one when it is refused."""
    credentials = client.connection.credentials
    if credentials is None:
        return await _run(client, path, [], streams)
    headers = await credentials.headers()
    try:
        return await _run(client, path, headers, streams)
    except InvalidStatus as error:
        if error.response.status_code != _UNAUTHORIZED:
            raise
    refused = dict(headers).get("Authorization", "").removeprefix("Bearer ")
    return await _run(client, path, await credentials.headers(refused=refused), streams)


async def _run(client: Client, path: str, headers: list[tuple[str, str]], streams: Streams | None) -> Ended:
    connection = client.connection
    url = "ws" + connection.server.removeprefix("http") + path
    output: dict[int, list[bytes]] = {_STDOUT: [], _STDERR: []}
    write = {channel: pieces.append for channel, pieces in output.items()}
    if streams is not None:
        write = {_STDOUT: streams.output, _STDERR: streams.errors}
    async with connect(
        url,
        subprotocols=PROTOCOLS,
        additional_headers=headers,
        user_agent_header=USER_AGENT,
        ssl=connection.trust,
        server_hostname=connection.server_name or None,
        proxy=connection.proxy or (None if connection.is_loopback else True),
        compression=None,
        max_size=MOST_OUTPUT,
    ) as socket:
        feeding = asyncio.create_task(_feed(socket, None if streams is None else streams.stdin))
        try:
            async for message in socket:
                data = message if isinstance(message, bytes) else message.encode()
                channel, content = (data[0], data[1:]) if data else (_STDOUT, b"")
                if channel == _ERROR:
                    return _ended(msgspec.json.decode(content, type=_Outcome), output)
                if channel in write:
                    write[channel](content)
        except ConnectionClosed as error:
            raise UnreachableError(f"the connection closed before the command ended: {error}") from None
        finally:
            feeding.cancel()
    raise UnreachableError("the connection closed before the command ended")


async def _feed(socket: ClientConnection, pieces: AsyncIterator[bytes] | None) -> None:
    """Send a command its input and the end of it; a command that ends first needs neither."""
    if pieces is None:
        return
    with contextlib.suppress(ConnectionClosed):
        async for piece in pieces:
            await socket.send(bytes((_STDIN,)) + piece)
        if socket.subprotocol == PROTOCOLS[0]:
            await socket.send(_END_OF_INPUT)


def _ended(outcome: _Outcome, output: dict[int, list[bytes]]) -> Ended:
    """Read the Status at the end: ``Success``, or ``NonZeroExitCode`` with the code among its causes."""
    written, errors = (b"".join(output[channel]).decode("utf-8", "replace") for channel in (_STDOUT, _STDERR))
    if outcome.status == "Success":
        return Ended(0, written, errors)
    for cause in (outcome.details.causes if outcome.details is not None else None) or ():
        if cause.reason == "ExitCode" and cause.message.isdigit():
            return Ended(int(cause.message), written, errors)
    return Ended(_UNKNOWN_CODE, written, errors or (outcome.message or ""))


def _refused(error: InvalidStatus, name: str) -> RefusedError:
    code, body = error.response.status_code, error.response.body or b""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        status = Status(message=body[:200].decode("utf-8", "replace"))
    message = " ".join((status.message or error.response.reason_phrase).split())
    return RefusedError(f"cannot run a command in {name}: {code}: {message}", code, status.reason or "")
