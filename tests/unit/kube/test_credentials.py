"""Credentials that expire: files that are renewed, plugins that are asked again, tokens that are refused."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from podfence.kube.credentials import Credentials, Fixed, FromFile, FromPlugin, run_plugin
from podfence.kube.kubeconfig import Cluster, Plugin
from podfence.model.error import PodfenceError
from tests.protocol.web import Reply, Request, serving

V1 = "client.authentication.k8s.io/v1"


class Asked:
    """A plugin that prints a new token each time, and keeps what it was told."""

    def __init__(self, **status: str) -> None:
        self.environments: list[Mapping[str, str]] = []
        self._status = status

    async def __call__(self, _plugin: Plugin, environment: Mapping[str, str]) -> bytes:
        """Answer as the program would."""
        self.environments.append(environment)
        status = {"token": f"t{len(self.environments)}", **self._status}
        return msgspec.json.encode({"kind": "ExecCredential", "apiVersion": V1, "status": status})


def plugin(run: Asked, now: list[float], **settings: Any) -> FromPlugin:  # noqa: ANN401 (fields of a plugin)
    """Make the credential of a plugin."""
    program = Plugin(command="login", api_version=V1, **settings)
    return FromPlugin(program, Cluster(server="https://c"), None, run=run, now=lambda: now[0])


def test_a_plugin_is_asked_again_when_its_token_expires() -> None:
    run, now = Asked(expirationTimestamp="2026-01-01T00:00:00Z"), [1_767_225_599.0]

    async def story() -> None:
        token = plugin(run, now)
        assert [await token.current(), await token.current()] == ["t1", "t1"]
        now[0] += 1
        assert await token.current() == "t2"

    asyncio.run(story())


def test_a_plugin_is_asked_again_when_its_token_was_refused_and_once_only_for_many_requests() -> None:
    run = Asked()

    async def story() -> None:
        token = plugin(run, [0.0])
        await token.current()
        assert await asyncio.gather(*(token.current(refused="t1") for _ in range(5))) == ["t2"] * 5

    asyncio.run(story())


def test_a_plugin_is_told_what_kubectl_tells_it() -> None:
    run = Asked()
    asyncio.run(plugin(run, [0.0], provide_cluster_info=True).current())
    told = msgspec.json.decode(run.environments[0]["KUBERNETES_EXEC_INFO"])
    assert (told["apiVersion"], told["kind"]) == (V1, "ExecCredential")
    assert told["spec"]["interactive"] is False
    assert told["spec"]["cluster"]["server"] == "https://c"


def test_a_program_is_really_run_with_its_arguments_and_environment() -> None:
    code = "import os, sys; print(os.environ['WHO'], sys.argv[1])"
    program = Plugin(command=sys.executable, api_version=V1, args=["-c", code, "x"])
    assert asyncio.run(run_plugin(program, {"WHO": "me"})) == b"me x\n"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            Plugin(command="/no/such", install_hint="Get\nit."),
            "/no/such cannot be run: no such file or directory; Get it.",
        ),
        (Plugin(command=sys.executable, args=["-c", "exit(3)"]), "failed with code 3"),
    ],
)
def test_a_program_that_cannot_help_is_said_in_one_line(program: Plugin, message: str) -> None:
    with pytest.raises(PodfenceError, match=message):
        asyncio.run(run_plugin(program, {}))


def test_what_is_no_credential_is_said_in_one_line() -> None:
    program = Plugin(command=sys.executable, api_version=V1, args=["-c", "print('hello')"])
    with pytest.raises(PodfenceError, match="no ExecCredential"):
        asyncio.run(FromPlugin(program, Cluster(), None).current())


def test_a_token_file_is_read_again_after_a_minute_and_when_its_token_was_refused(tmp_path: Path) -> None:
    path, now = tmp_path / "token", [0.0]

    async def story() -> None:
        token = FromFile(str(path), lambda: now[0])
        with pytest.raises(PodfenceError, match="no token can be read"):
            await token.current()
        path.write_text("one\n")
        assert await token.current() == "one"
        path.write_text("two")
        assert await token.current() == "one"
        now[0] += 60
        assert await token.current() == "two"
        path.write_text("three")
        assert await token.current(refused="two") == "three"
        path.unlink()
        now[0] += 60
        assert await token.current() == "three"

    asyncio.run(story())


@pytest.mark.parametrize("codes", [[401, 200], [401, 401]])
def test_a_refused_token_is_renewed_once(codes: list[int], tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    left, seen = list(codes), list[str]()

    async def handle(request: Request, reply: Reply) -> None:
        seen.append(request.headers["authorization"])
        path.write_text("new")
        await reply.whole(left.pop(0), {})

    async def story() -> int:
        async with serving(handle) as port, httpx2.AsyncClient(auth=Credentials(FromFile(str(path)))) as client:
            return (await client.get(f"http://127.0.0.1:{port}/")).status_code

    assert asyncio.run(story()) == codes[-1]
    assert seen == ["Bearer old", "Bearer new"]


def test_a_fixed_token_stays() -> None:
    assert asyncio.run(Credentials(Fixed("abc")).headers(refused="abc")) == [("Authorization", "Bearer abc")]
