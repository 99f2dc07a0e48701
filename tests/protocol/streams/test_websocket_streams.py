"""Streams as other clients ask for them: each WebSocket protocol, refusals, and bytes that nobody should send."""

from __future__ import annotations

import base64
import json
import random
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.protocol.streams.host import StubApi, pod

V5, V4, BASE64 = "v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"


@pytest.fixture(scope="module")
def api() -> Iterator[StubApi]:
    gone = pod("gone")
    gone["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    with StubApi(pod("web"), gone, pod("two", "a", "b")).running() as api:
        yield api


def url(api: StubApi, *command: str, pod_name: str = "web", kind: str = "exec", **query: str) -> str:
    text = urlencode([*(("command", one) for one in command), *query.items()])
    return f"ws://127.0.0.1:{api.port}/api/v1/namespaces/default/pods/{pod_name}/{kind}?{text}"


def open_socket(address: str, *protocols: str) -> ClientConnection:
    return connect(address, subprotocols=[Subprotocol(one) for one in protocols], compression=None, open_timeout=30)


def messages(client: ClientConnection) -> dict[int, bytes]:
    """Give what came on each channel until the server closed."""
    found: dict[int, bytes] = {}
    for message in client:  # raises unless it is closed in order
        assert isinstance(message, bytes)
        found[message[0]] = found.get(message[0], b"") + message[1:]
    return found


def status(found: dict[int, bytes]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(found[3])
    return read


def test_v5_ends_a_program_s_input_by_a_message(api: StubApi) -> None:
    with open_socket(url(api, "wc", "-c", stdin="true", stdout="true"), V4, V5) as client:
        assert client.subprotocol == V5
        client.send(b"\x00" + bytes(1000))
        client.send(bytes([255, 0]))
        found = messages(client)
    assert found[1].strip() == b"1000"
    assert status(found)["status"] == "Success"


def test_v4_cannot_end_it_but_the_client_can_go(api: StubApi) -> None:
    with open_socket(url(api, "cat", stdin="true", stdout="true"), V4) as client:
        client.send(b"\x00hello")
        assert client.recv(timeout=30) == b"\x01hello"
    assert api.runtime.started[-1]._process.wait(timeout=30) == -1


def test_base64_carries_text(api: StubApi) -> None:
    with open_socket(url(api, "sh", "-c", "echo out; echo err >&2; exit 3", stdout="1", stderr="1"), BASE64) as client:
        found: dict[str, bytes] = {}
        for message in client:
            assert isinstance(message, str)
            found[message[0]] = found.get(message[0], b"") + base64.b64decode(message[1:])
    assert (found["1"], found["2"]) == (b"out\n", b"err\n")
    assert json.loads(found["3"])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_only_what_was_asked_for_is_sent(api: StubApi) -> None:
    with open_socket(url(api, "sh", "-c", "echo out; echo err >&2", stderr="true"), V5) as client:
        found = messages(client)
    assert (found.get(1), found[2]) == (None, b"err\n")


def test_a_message_in_pieces_and_a_ping_in_between(api: StubApi) -> None:
    with open_socket(url(api, "cat", stdin="true", stdout="true"), V5) as client:
        client.send([b"\x00he", b"ll", b"o"])
        assert client.ping().wait(30)
        client.send(bytes([255, 0]))
        assert messages(client)[1] == b"hello"


@pytest.mark.parametrize(
    ("address", "protocols", "code", "message"),
    [
        ({"pod_name": "absent"}, [V5], 404, 'pods "absent" not found'),
        ({"pod_name": "two"}, [V5], 400, "a container name must be specified for pod two, choose one of: [a b]"),
        ({"pod_name": "two", "container": "z"}, [V5], 400, "container z is not valid for pod two"),
        ({"pod_name": "gone"}, [V5], 500, 'container not found ("main")'),
        ({}, ["v9.channel.k8s.io"], 400, "unable to negotiate protocol"),
        ({"kind": "portforward"}, [V5], 400, "unable to negotiate protocol"),
        ({"kind": "proxy"}, [V5], 404, "could not find the requested resource"),
    ],
)
def test_what_cannot_be_is_refused_before_the_upgrade(
    api: StubApi, address: dict[str, str], protocols: list[str], code: int, message: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(url(api, "id", **{"stdout": "true", **address}), *protocols)
    body = refused.value.response.body
    assert body is not None
    assert refused.value.response.status_code == code
    text = body.decode()
    if refused.value.response.headers["content-type"] == "application/json":
        told = json.loads(body)
        assert (told["kind"], told["code"]) == ("Status", code)
        text = told["message"]
    assert message in text


@pytest.mark.parametrize(("command", "query"), [((), {"stdout": "true"}), (("id",), {})])
def test_a_question_that_asks_for_nothing_is_refused(
    api: StubApi, command: tuple[str, ...], query: dict[str, str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(url(api, *command, **query), V5)
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff" * 40,
        b"\x82\x05hello",  # not masked
        b"\x82\xff" + b"\x7f" * 8 + bytes(4),  # of 9 exabytes
        b"\x82\x82" + bytes(4) + b"\x63x",  # a channel that is none
        b"\x83\x80" + bytes(4),  # an opcode that is none
        b"\x88\x80" + bytes(4),  # an orderly close
        b"",
    ],
)
def test_bytes_that_are_no_websocket_end_the_program(api: StubApi, hostile: bytes) -> None:
    before = len(api.runtime.started)
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
        path = url(api, "sh", "-c", "echo ready; exec sleep 1000", stdin="true", stdout="true").partition(
            str(api.port)
        )[2]
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: {V5}\r\n\r\n".encode()
        )
        received = b""
        while b"ready" not in received:
            received += client.recv(1000)
        client.sendall(hostile)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1000):
            pass
    assert api.runtime.started[before]._process.wait(timeout=30) == -1


def test_spdy_sessions_survive_any_bytes(api: StubApi) -> None:
    chance = random.Random(7)
    for _ in range(30):
        kind = chance.choice(["exec?command=cat&stdin=1&stdout=1", "portforward"])
        protocol = V4 if kind.startswith("exec") else "portforward.k8s.io"
        with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
            client.sendall(
                f"POST /api/v1/namespaces/default/pods/web/{kind} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                f"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {protocol}\r\n\r\n".encode()
            )
            start = b"\x80\x03\x00" + bytes([chance.randrange(10)]) if chance.random() < 0.7 else b""
            client.sendall(start + chance.randbytes(chance.randrange(200)))
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: client.recv(1000), b"")).startswith(b"HTTP/1.1 101 ")


def test_requests_that_upgrade_nothing_go_to_the_application(api: StubApi) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{api.port}/version", timeout=30) as answer:
        assert json.load(answer)["major"] == "1"
