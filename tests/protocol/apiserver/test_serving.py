"""The server on a socket: it serves until it is told to stop, and then lets go of everything."""

from __future__ import annotations

import asyncio
from socket import create_server

from podfence.lab.apiserver.app import create_app, create_registry, serve


async def _ask(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    return reader, writer


def test_a_stopped_server_ends_its_watches_and_closes_its_socket() -> None:
    async def story() -> tuple[bytes, bytes]:
        listening = create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        serving = asyncio.create_task(serve(create_app(create_registry()), [listening]))
        request = b"GET /api/v1/namespaces?watch=true HTTP/1.1\r\nHost: lab\r\n\r\n"
        reader, writer = await _ask(port, request)
        first = await reader.readuntil(b'"name":"default"')
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        rest = await reader.read()
        writer.close()
        return first, rest

    first, rest = asyncio.run(story())
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert b'"type":"ADDED"' in rest


def test_several_sockets_are_served_at_once() -> None:
    async def story() -> list[bytes]:
        sockets = [create_server(("127.0.0.1", 0)) for _ in range(2)]
        ports = [each.getsockname()[1] for each in sockets]
        serving = asyncio.create_task(serve(create_app(create_registry()), sockets))
        answers = []
        for port in ports:
            reader, writer = await _ask(port, b"GET /readyz HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            answers.append(await reader.read())
            writer.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return answers

    assert all(answer.endswith(b"\r\n\r\nok") for answer in asyncio.run(story()))
