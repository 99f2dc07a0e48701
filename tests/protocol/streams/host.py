"""A pod runtime that runs commands on this machine, and an API server that is just enough for kubectl's streams."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from podfence.lab.apiserver.connection import connection_class
from podfence.lab.apiserver.streams import PODS, StreamServer
from podfence.lab.interface import Object, ObjectStore, Process, Resource


class HostProcess:
    """A program of this machine; ``signals`` are those that it was sent."""

    def __init__(self, command: Sequence[str], *, stdin: bool, tty: bool) -> None:
        self.signals: list[int] = []
        if tty:
            master, slave = pty.openpty()
            self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
            os.close(slave)
            self.stdin: int | None = master
            self.stdout: int | None = master
            self.stderr: int | None = None
            return
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=pipe if stdin else nothing, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self.stdin, self.stdout, self.stderr = (
            os.dup(file.fileno()) if file else None
            for file in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        for file in (self._process.stdin, self._process.stdout, self._process.stderr):
            if file:
                file.close()

    def resize(self, width: int, height: int) -> None:
        if self.stdin is not None:
            fcntl.ioctl(self.stdin, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def signal(self, number: int) -> None:
        self.signals.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    async def wait(self) -> int:
        code = await asyncio.to_thread(self._process.wait)
        return code if code >= 0 else 128 - code


class HostRuntime:
    """Every container is this machine; it remembers what it started."""

    def __init__(self) -> None:
        self.started: list[HostProcess] = []
        self.main_command = ["cat"]

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        process = HostProcess(command, stdin=stdin, tty=tty)
        self.started.append(process)
        return process

    async def attach(self, namespace: str, pod: str, container: str, *, stdin: bool, tty: bool) -> Process:
        return await self.exec(namespace, pod, container, self.main_command, stdin=stdin, tty=tty)

    async def logs(
        self, namespace: str, pod: str, container: str, *, follow: bool, previous: bool
    ) -> AsyncIterator[tuple[float, bytes]]:
        yield 0.0, b"nobody asks"

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[int, int]:
        client = socket.socket()
        client.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        except OSError:
            client.close()
            raise
        return client.detach(), socket.AF_INET

    @property
    def api_node(self) -> str:
        return "node-1"

    async def dial(self, address: str, port: int) -> socket.socket:
        """Connect to this machine, whatever the address."""
        descriptor, _ = await self.connect("", "", port)
        return socket.socket(fileno=descriptor)


def pod(name: str, *containers: str, phase: str = "Running", node: str = "node-1") -> Object:
    state = {"running": {}} if phase == "Running" else {"terminated": {"exitCode": 0}}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"containers": [{"name": one} for one in containers or ("main",)], "nodeName": node},
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": one, "state": state} for one in containers or ("main",)],
        },
    }


class Pods:
    """The part of an object store that streams ask."""

    def __init__(self, *pods: Object) -> None:
        self._pods = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in pods}

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        assert resource == PODS
        return self._pods.get((namespace or "", name))


class StubApi:
    """An API server on loopback in a thread of its own."""

    def __init__(self, *pods: Object) -> None:
        self.runtime = HostRuntime()
        self.store = Pods(*pods)
        streams = StreamServer(cast("ObjectStore", self.store), self.runtime)
        application = Starlette(routes=[Route("/{path:path}", self._answer)])
        config = uvicorn.Config(
            application, http=connection_class(streams), ws="none", lifespan="off", log_level="error", access_log=False
        )
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]

    @contextlib.contextmanager
    def running(self) -> Iterator[StubApi]:
        thread = threading.Thread(target=self._server.run, args=([self._listener],))
        thread.start()
        try:
            yield self
        finally:
            self._server.should_exit = True
            # The server's end waits for whoever waits for them.
            for process in self.runtime.started:
                process.end()
            thread.join()
            self._listener.close()

    async def _answer(self, request: Request) -> JSONResponse:
        path = request.url.path
        body = _DISCOVERY.get(path)
        if body is None and path.startswith("/api/v1/namespaces/default/pods/"):
            body = self.store.get(PODS, "default", path.rpartition("/")[2])
        return JSONResponse(body or _missing(path), status_code=200 if body else 404)


_PODS_RESOURCE = {
    "name": "pods",
    "singularName": "pod",
    "namespaced": True,
    "kind": "Pod",
    "verbs": ["get", "list", "watch"],
    "shortNames": ["po"],
}
_DISCOVERY: dict[str, dict[str, Any]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_PODS_RESOURCE]},
}


def _missing(path: str) -> dict[str, Any]:
    name = path.rpartition("/")[2]
    details = {"name": name, "kind": "pods"}
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
    return status | {"message": f'pods "{name}" not found', "details": details}
