"""Requests through the API server to pods, Services and nodes: where they go, and what is passed on.

Behind the proxy stands a scripted program on loopback. Every refusal is that of a real kube-apiserver (1.36.3).
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from podfence.lab.apiserver.app import create_app
from podfence.lab.apiserver.proxy.serving import PAST_POLICIES
from podfence.lab.apiserver.registry import Registry
from tests.protocol.apiserver.asking import Asking
from tests.protocol.streams.host import HostRuntime

CORE = "/api/v1/namespaces/default"
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def lab() -> Asking:
    return Asking()


def pod(name: str, node: str = "node-1", **spec: object) -> dict[str, Any]:
    container = {"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}
    return {"metadata": {"name": name}, "spec": {"nodeName": node, "containers": [container], **spec}}


def create_pod(lab: Asking, name: str, address: str, **spec: Any) -> None:  # noqa: ANN401 (fields of any kind)
    assert lab.ask("POST", f"{CORE}/pods", pod(name, **spec)).code == 201
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}]}}
    assert lab.ask("PATCH", f"{CORE}/pods/{name}/status", status, form=STRATEGIC).code == 200


# Where it goes


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("pods/p/proxy/", 400, "address not allowed"),
        ("pods/local/proxy/", 400, "address not allowed"),
        ("pods/nope/proxy/", 404, 'pods "nope" not found'),
        ("pods/ftp:p:80/proxy/", 400, 'invalid pod request "ftp:p:80"'),
        ("pods/a:b:c:d/proxy/", 400, 'invalid pod request "a:b:c:d"'),
        ("services/s:99/proxy/", 503, 'no service port 99 found for service "s"'),
        ("services/s/proxy/", 404, 'services "s" not found'),
        ("services/s:80/proxy/", 404, 'services "s" not found'),
        ("services/nope:80/proxy/", 404, 'services "nope" not found'),
        ("services/ftp:s:80/proxy/", 400, 'invalid service request "ftp:s:80"'),
    ],
)
def test_who_cannot_be_reached_is_told_why(lab: Asking, path: str, code: int, message: str) -> None:
    assert lab.ask("POST", f"{CORE}/pods", pod("p")).code == 201
    create_pod(lab, "local", "127.0.0.1")
    ports = [{"name": "http", "port": 80}]
    lab.ask("POST", f"{CORE}/services", {"metadata": {"name": "s"}, "spec": {"selector": {"a": "b"}, "ports": ports}})
    refused = lab.ask("GET", f"{CORE}/{path}")
    assert (refused.code, refused.value["message"]) == (code, message)


def test_a_node_that_is_not_there_is_not_found(lab: Asking) -> None:
    assert lab.ask("GET", "/api/v1/nodes/nope/proxy/").value["message"] == 'nodes "nope" not found'


def test_a_service_leads_to_the_ready_pods_of_the_port_that_is_meant(lab: Asking) -> None:
    create_pod(lab, "p", "10.1.1.1")
    ports = [{"name": "http", "port": 80}, {"name": "x", "port": 81}]
    lab.ask("POST", f"{CORE}/services", {"metadata": {"name": "s"}, "spec": {"selector": {"a": "b"}, "ports": ports}})

    def said(port: str, subsets: list[Any]) -> str:
        value = {"metadata": {"name": "s"}, "subsets": subsets}
        assert lab.ask("PUT", f"{CORE}/endpoints/s", value).code in {200, 201}
        return str(lab.ask("GET", f"{CORE}/services/s{port}/proxy/").value["message"])

    known = {"ip": "10.1.1.1", "targetRef": {"kind": "Pod", "name": "p", "namespace": "default"}}
    named = [{"name": "http", "port": 8080}]
    assert said(":80", []) == 'no endpoints available for service "s"'
    missing = 'no endpoints available for service "s:80"'
    assert said(":80", [{"notReadyAddresses": [known], "ports": named}]) == missing
    assert said(":80", [{"addresses": [{"ip": "10.1.1.1"}], "ports": named}]) == missing
    assert said(":80", [{"addresses": [known | {"ip": "10.1.1.2"}], "ports": named}]) == missing
    assert said(":x", [{"addresses": [known], "ports": named}]) == 'no endpoints available for service "s:x"'
    assert said("", [{"addresses": [known], "ports": named}]) == 'no endpoints available for service "s"'
    # It goes on: what runs no pods cannot connect.
    assert said(":80", [{"addresses": [known], "ports": named}]).endswith("this server runs no pods")
    assert said(":http", [{"addresses": [known], "ports": named}]).endswith("this server runs no pods")


# What is passed on


class Heard:
    """A program that gives one answer and remembers what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.head, self.body = b"", b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.head = await reader.readuntil(b"\r\n\r\n")
        for line in self.head.lower().split(b"\r\n"):
            if line.startswith(b"content-length: "):
                self.body = await reader.readexactly(int(line.partition(b": ")[2]))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


Story = Callable[[httpx2.AsyncClient, int], Awaitable[None]]


def behind_a_proxy(registry: Registry, heard: Heard, story: Story, encrypted: ssl.SSLContext | None = None) -> None:
    """Run a story with a client of the API server and the port of the program."""

    async def run() -> None:
        server = await asyncio.start_server(heard.serve, "127.0.0.1", 0, ssl=encrypted)
        transport = httpx2.ASGITransport(app=create_app(registry, HostRuntime()))
        async with server, httpx2.AsyncClient(transport=transport, base_url="http://lab") as client:
            await story(client, server.sockets[0].getsockname()[1])

    asyncio.run(run())


def test_a_request_and_its_answer_pass_as_they_are(lab: Asking) -> None:
    heard = Heard(
        b"HTTP/1.1 418 Teapot\r\nContent-Type: text/x-tea\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\ntea\r\n1\r\n!\r\n0\r\n\r\n"
    )
    create_pod(lab, "p", "10.1.1.1")

    async def story(client: httpx2.AsyncClient, port: int) -> None:
        url = f"{CORE}/pods/p:{port}/proxy/a%2Fb/c%20d?watch=true&x=%26"
        headers = {"Authorization": "Bearer secret", "X-Mine": "yes", "Connection": "close"}
        answer = await client.post(url, content=b"milk", headers=headers)
        assert (answer.status_code, answer.text, answer.headers["x-own"]) == (418, "tea!", "1")
        assert answer.headers["content-type"] == "text/x-tea"
        assert {"keep-alive", "transfer-encoding"}.isdisjoint(answer.headers)
        line, *told = heard.head.decode().lower().split("\r\n")
        assert line == "post /a%2fb/c%20d?watch=true&x=%26 http/1.1"
        assert heard.body == b"milk"
        assert {"host: lab", "x-mine: yes"} <= set(told)
        assert f"x-forwarded-uri: {CORE}/pods/p:{port}/proxy/a%2fb/c%20d" in told
        assert not any(each.startswith(("authorization", "connection")) for each in told)

    behind_a_proxy(lab.registry, heard, story)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/login?x=1#top", "{prefix}/login?x=1#top"),
        ("http://lab/a/", "{prefix}/a/"),
        ("http://10.1.1.1:{port}/b", "{prefix}/b"),
        ("other", "other"),
        ("https://example.com/c", "https://example.com/c"),
        ("{prefix}/d", "{prefix}/d"),
    ],
)
def test_a_redirect_leads_through_the_proxy_unless_it_leads_elsewhere(lab: Asking, target: str, path: str) -> None:
    create_pod(lab, "p", "10.1.1.1")

    async def story(client: httpx2.AsyncClient, port: int) -> None:
        prefix = f"{CORE}/pods/p:{port}/proxy"
        told = target.format(port=port, prefix=prefix)
        heard._answer = f"HTTP/1.1 302 Found\r\nLocation: {told}\r\nContent-Length: 0\r\n\r\n".encode()
        answer = await client.get(f"{prefix}/")
        assert (answer.status_code, answer.headers["location"]) == (302, path.format(prefix=prefix))

    heard = Heard(b"")
    behind_a_proxy(lab.registry, heard, story)


def test_a_path_without_an_end_is_given_one(lab: Asking) -> None:
    create_pod(lab, "p", "10.1.1.1")

    async def story(client: httpx2.AsyncClient, _: int) -> None:
        moved = await client.get(f"{CORE}/pods/p/proxy?x=1")
        assert (moved.status_code, moved.headers["location"]) == (301, f"{CORE}/pods/p/proxy/?x=1")

    behind_a_proxy(lab.registry, Heard(b""), story)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "error trying to reach service: EOF"),
        (b"no http\r\n\r\n", "error trying to reach service: net/http: HTTP/1.x transport connection broken"),
    ],
)
def test_an_answer_that_is_none_is_said(lab: Asking, answer: bytes, message: str) -> None:
    create_pod(lab, "p", "10.1.1.1")

    async def story(client: httpx2.AsyncClient, port: int) -> None:
        refused = await client.get(f"{CORE}/pods/p:{port}/proxy/")
        assert refused.status_code == 503
        assert refused.json()["message"].startswith(message)

    behind_a_proxy(lab.registry, Heard(answer), story)


def test_a_port_that_nobody_serves_refuses(lab: Asking) -> None:
    create_pod(lab, "p", "10.1.1.1")

    async def story(client: httpx2.AsyncClient, _: int) -> None:
        for given, why in (
            ("zz", "dial tcp: lookup tcp/zz: unknown port"),
            (f"{1 << 16}", "dial tcp: address 65536: "),
        ):
            refused = await client.get(f"{CORE}/pods/p:{given}/proxy/")
            assert refused.json()["message"].startswith(f"error trying to reach service: {why}")
        refused = await client.get(f"{CORE}/pods/p:1/proxy/")
        why = "error trying to reach service: dial tcp 10.1.1.1:1: connect: connection refused"
        assert (refused.status_code, refused.json()["message"]) == (503, why)

    behind_a_proxy(lab.registry, Heard(b"HTTP/1.1 200 OK\r\n\r\n"), story)


@pytest.mark.parametrize(("spec", "is_told"), [({}, True), ({"node": "node-2"}, False), ({"hostNetwork": True}, False)])
def test_that_no_policy_had_a_say_is_told_where_it_is_so(lab: Asking, spec: dict[str, Any], is_told: bool) -> None:  # noqa: FBT001
    create_pod(lab, "p", "10.1.1.1", **spec)

    async def story(client: httpx2.AsyncClient, port: int) -> None:
        answer = await client.get(f"{CORE}/pods/p:{port}/proxy/")
        assert answer.status_code == 200
        assert (f'299 - "{PAST_POLICIES}"' in answer.headers.get("warning", "")) is is_told

    behind_a_proxy(lab.registry, Heard(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), story)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_encrypted_programs_are_reached_whoever_vouches_for_them(lab: Asking, tmp_path: Path) -> None:
    certificate, key = tmp_path / "own.crt", tmp_path / "own.key"
    made = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=x",
    )
    subprocess.run((*made, "-keyout", str(key), "-out", str(certificate)), check=True, capture_output=True)
    encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encrypted.load_cert_chain(certificate, key)
    create_pod(lab, "p", "10.1.1.1")

    async def story(client: httpx2.AsyncClient, port: int) -> None:
        assert (await client.get(f"{CORE}/pods/https:p:{port}/proxy/")).text == "secret"

    heard = Heard(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    behind_a_proxy(lab.registry, heard, story, encrypted)
