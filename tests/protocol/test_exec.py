"""Commands in pods, against a WebSocket server that speaks as the API server does."""

from __future__ import annotations

import asyncio
import http
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from podfence.kube.client import Client, RefusedError, UnreachableError
from podfence.kube.config import of_server
from podfence.kube.credentials import Credentials, FromFile
from podfence.kube.exec import Ended, Streams, run_in_pod

V5, V4 = Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io")

SUCCESS = b'\x03{"metadata":{},"status":"Success"}'


def failure(code: int) -> bytes:
    """Say as a kubelet does that a command ended with a code."""
    status = {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
    return b"\x03" + json.dumps(status).encode()


Behave = Callable[[ServerConnection], Awaitable[None]]


def sending(*messages: bytes) -> Behave:
    async def behave(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)

    return behave


def run(
    behave: Behave,
    *,
    protocols: tuple[Subprotocol, ...] = (V5, V4),
    refusal: tuple[int, bytes] | None = None,
    timeout_s: float = 20.0,
    seen: list[Request] | None = None,
    streams: Streams | None = None,
) -> Ended:
    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if seen is not None:
            seen.append(request)
        if refusal is None:
            return None
        return connection.respond(http.HTTPStatus(refusal[0]), refusal[1].decode())

    async def ask() -> Ended:
        server = serve(behave, "127.0.0.1", 0, subprotocols=protocols, process_request=answer)
        async with server as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            async with Client(of_server(f"http://127.0.0.1:{port}")) as client:
                return await run_in_pod(
                    client, "shop", "web", ["echo", "a b", "ü"], container="main", timeout_s=timeout_s, streams=streams
                )

    return asyncio.run(ask())


async def given(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(("protocol", "ends"), [(V5, [b"\xff\x00"]), (V4, [])], ids=["v5", "v4"])
def test_input_is_sent_with_its_end_and_output_goes_where_it_shall(protocol: Subprotocol, ends: list[bytes]) -> None:
    came: list[bytes | str] = []
    output: list[bytes] = []

    async def behave(connection: ServerConnection) -> None:
        came.extend([await connection.recv() for _ in range(2 + len(ends))])
        await sending(b"\x01out", SUCCESS)(connection)

    streams = Streams(output.append, lambda _: None, given(b"one", b"two"))
    assert run(behave, protocols=(protocol,), streams=streams) == Ended(0, "", "")
    assert (came, output) == ([b"\x00one", b"\x00two", *ends], [b"out"])


def test_output_and_errors_are_told_apart_and_success_is_code_0() -> None:
    assert run(sending(b"\x01one ", b"\x02oh", b"\x01", b"\x01two\n", SUCCESS)) == Ended(0, "one two\n", "oh")


@pytest.mark.parametrize("code", [1, 7, 137])
def test_the_exit_code_stands_among_the_causes_of_the_status(code: int) -> None:
    assert run(sending(b"\x02TIMEOUT\n", failure(code))) == Ended(code, "", "TIMEOUT\n")


def test_the_older_protocol_does_as_well() -> None:
    assert run(sending(b"\x01ok", SUCCESS), protocols=(V4,)) == Ended(0, "ok", "")


def test_the_command_goes_word_by_word_into_the_address() -> None:
    seen: list[Request] = []
    run(sending(SUCCESS), seen=seen)
    parts = urlsplit(seen[0].path)
    assert parts.path == "/api/v1/namespaces/shop/pods/web/exec"
    assert parse_qs(parts.query) == {
        "command": ["echo", "a b", "ü"],
        "container": ["main"],
        "stdout": ["true"],
        "stderr": ["true"],
    }


def test_a_failure_without_a_code_says_what_the_server_said() -> None:
    ended = run(sending(b'\x03{"status":"Failure","message":"no such container"}'))
    assert (ended.code, ended.errors) == (-1, "no such container")


def test_a_connection_that_closes_early_is_no_end() -> None:
    with pytest.raises(UnreachableError, match="closed before the command ended"):
        run(sending(b"\x01half"))


def test_a_command_that_does_not_end_is_given_up() -> None:
    async def behave(connection: ServerConnection) -> None:
        await connection.wait_closed()

    with pytest.raises(UnreachableError, match=r"pod shop/web: the command did not end within 0\.05 s"):
        run(behave, timeout_s=0.05)


def test_a_refusal_is_told_with_the_words_of_the_server() -> None:
    status = b'{"kind":"Status","code":403,"reason":"Forbidden","message":"pods/exec is forbidden"}'
    with pytest.raises(RefusedError, match="pod shop/web: 403: pods/exec is forbidden") as raised:
        run(sending(), refusal=(403, status))
    assert (raised.value.code, raised.value.reason) == (403, "Forbidden")


def test_what_is_no_status_is_said_in_one_line() -> None:
    with pytest.raises(UnreachableError, match="cannot run a command in"):
        run(sending(b"\x03not JSON"))


def test_a_token_that_is_refused_is_renewed_once(tmp_path: Path) -> None:
    token, seen = tmp_path / "token", list[str]()
    token.write_text("old")

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        seen.append(request.headers["Authorization"])
        token.write_text("new")
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "who?") if len(seen) == 1 else None

    async def ask() -> Ended:
        async with serve(sending(SUCCESS), "127.0.0.1", 0, subprotocols=[V5], process_request=answer) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            credentials = Credentials(FromFile(str(token)))
            found = msgspec.structs.replace(of_server(f"http://127.0.0.1:{port}"), credentials=credentials)
            async with Client(found) as client:
                return await run_in_pod(client, "shop", "web", ["true"])

    assert asyncio.run(ask()).code == 0
    assert seen == ["Bearer old", "Bearer new"]


def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]

    async def ask() -> None:
        async with Client(of_server(f"http://127.0.0.1:{port}")) as client:
            await run_in_pod(client, "shop", "web", ["true"])

    with pytest.raises(UnreachableError, match="connection refused"):
        asyncio.run(ask())
