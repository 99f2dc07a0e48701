"""exec, attach and port-forward: from the request that asks for an upgrade to the streams of a pod's program.

Whatever is wrong is said as an HTTP answer before the upgrade, since afterwards a client shows no Status. The order
and the words are the API server's (``pkg/registry/core/pod/strategy.go``) and the kubelet's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from podfence.lab.apiserver import channels, port_forward, websocket
from podfence.lab.apiserver.byte_stream import Connection
from podfence.lab.apiserver.refusal import KubeletRefusal, response
from podfence.lab.apiserver.remote_command import RemoteCommand, Wanted
from podfence.lab.apiserver.status import StatusError, bad_request, not_found
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.interface import Object, ObjectStore, PodRuntime, Process, Resource

_log = logging.getLogger(__name__)

PODS = Resource("", "pods")

PAST_POLICIES = "port-forward reaches the pod from its own node, past every NetworkPolicy: it says nothing of them"
"""What a client cannot be told: no kubectl shows a word of the server's while it forwards."""

_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/(exec|attach|portforward)")
_SPDY, _WEBSOCKET = "spdy/3.1", "websocket"
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}  # as Go's strconv.ParseBool reads a query


class UpgradeRequest(msgspec.Struct, frozen=True):
    """The head of an HTTP request that wants the connection for itself; header names are in lower case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        """Give the first header of a name, ``""`` without one."""
        return next((value for one, value in self.headers if one == name), "")

    def listed(self, name: str) -> list[str]:
        """Give the items of a list that may stand in one header or in several."""
        values = (value for one, value in self.headers if one == name)
        return [item.strip() for value in values for item in value.split(",") if item.strip()]

    @property
    def is_websocket(self) -> bool:
        """Whether the client wants a WebSocket; the other wish that is known is SPDY/3.1."""
        return self.header("upgrade").lower() == _WEBSOCKET


Session = Callable[[str, Connection], Awaitable[None]]
"""Serves an upgraded connection, given the subprotocol that was agreed on."""


class StreamServer:
    """All streams of one API server."""

    def __init__(self, store: ObjectStore, runtime: PodRuntime, events: EventRecorder | None = None) -> None:
        self._store, self._runtime, self._events = store, runtime, events
        # The loop holds its tasks weakly, and so does everything else that knows a stream.
        self._sessions: set[asyncio.Task[None]] = set()

    def begin(self, request: UpgradeRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection that was taken over from the HTTP server, in a task of its own."""
        session = asyncio.create_task(self._serve(request, Connection(reader, writer)))
        self._sessions.add(session)
        session.add_done_callback(self._ended)

    async def close(self) -> None:
        """End all streams."""
        sessions = tuple(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _ended(self, session: asyncio.Task[None]) -> None:
        self._sessions.discard(session)
        if not session.cancelled() and (error := session.exception()) is not None:
            _log.error("a stream ended by a bug", exc_info=error)

    async def _serve(self, request: UpgradeRequest, connection: Connection) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                try:
                    protocols, session = self._prepare(request)
                    protocol, accepted = _negotiate(request, protocols)
                except (StatusError, KubeletRefusal) as refusal:
                    await connection.write(response(refusal))
                else:
                    await connection.write(accepted)
                    await session(protocol, connection)
        finally:
            await connection.close()

    def _prepare(self, request: UpgradeRequest) -> tuple[Sequence[str], Session]:
        """Give the protocols that fit and what serves them; raises when the pod cannot be reached."""
        url = urlsplit(request.target)
        match = _PATH.fullmatch(url.path)
        if match is None:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        namespace, name, kind = (unquote(part) for part in match.groups())
        pod = self._store.get(PODS, namespace, name)
        if pod is None:
            raise not_found("", "pods", name)
        query = parse_qs(url.query, keep_blank_values=True)
        if kind == "portforward":
            return self._port_forward(request, pod)
        return self._remote_command(request, pod, query, is_exec=kind == "exec")

    def _port_forward(self, request: UpgradeRequest, pod: Object) -> tuple[Sequence[str], Session]:
        _require_node(pod)
        if pod.get("status", {}).get("phase") != "Running":
            raise KubeletRefusal(500, "pod not found or not running")
        metadata = pod["metadata"]
        if self._events is not None:
            self._events.normal(pod, "PortForward", PAST_POLICIES)

        async def session(_: str, connection: Connection) -> None:
            stream = websocket.Tunnel(websocket.WebSocket(connection), connection) if over_websocket else connection
            forward = port_forward.PortForward(
                stream, self._runtime, metadata["namespace"], metadata["name"], metadata.get("uid", "")
            )
            await forward.run()
            await stream.close()

        over_websocket = request.is_websocket
        protocols = port_forward.WEBSOCKET_PROTOCOLS if over_websocket else port_forward.SPDY_PROTOCOLS
        return protocols, session

    def _remote_command(
        self, request: UpgradeRequest, pod: Object, query: Mapping[str, list[str]], *, is_exec: bool
    ) -> tuple[Sequence[str], Session]:
        wanted = _wanted(query)
        command = query.get("command", [])
        if is_exec and not command:
            raise bad_request("you must specify at least 1 command for the container")
        container = _container(pod, query.get("container", [""])[0])
        _require_node(pod)
        _require_running(pod, container, is_exec=is_exec)
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]

        async def start() -> Process:
            if not is_exec:
                return await self._runtime.attach(namespace, name, container, stdin=wanted.stdin, tty=wanted.tty)
            return await self._runtime.exec(namespace, name, container, command, stdin=wanted.stdin, tty=wanted.tty)

        async def session(protocol: str, connection: Connection) -> None:
            streams: channels.Channels = (
                channels.WebSocketChannels(websocket.WebSocket(connection), protocol)
                if over_websocket
                else channels.SpdyChannels(connection)
            )
            await RemoteCommand(streams, wanted, start, is_ours=is_exec).run()

        over_websocket = request.is_websocket
        return channels.WEBSOCKET_PROTOCOLS if over_websocket else channels.SPDY_PROTOCOLS, session


def _negotiate(request: UpgradeRequest, spoken: Sequence[str]) -> tuple[str, bytes]:
    if request.is_websocket:
        key, version = request.header("sec-websocket-key"), request.header("sec-websocket-version")
        return websocket.handshake(key, version, request.listed("sec-websocket-protocol"), spoken)
    if request.header("upgrade").lower() != _SPDY:
        raise bad_request("Upgrade request required")
    offered = request.listed("x-stream-protocol-version")
    chosen = next((name for name in spoken if name in offered), None)
    if chosen is None:
        message = f"unable to upgrade: unable to negotiate protocol: client supports {offered}, server accepts {spoken}"
        raise KubeletRefusal(403, message)
    head = f"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: {chosen}\r\n\r\n"
    return chosen, b"HTTP/1.1 101 Switching Protocols\r\n" + head.encode()


def _wanted(query: Mapping[str, list[str]]) -> Wanted:
    stdin, stdout, stderr, tty = (query.get(name, [""])[0] in _TRUE for name in ("stdin", "stdout", "stderr", "tty"))
    if not stdin and not stdout and not stderr:
        raise bad_request("you must specify at least one of stdin, stdout, stderr")
    return Wanted(stdin, stdout, stderr, tty)


def _container(pod: Object, asked: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [one["name"] for one in spec["containers"]]
    others = [one["name"] for field in ("initContainers", "ephemeralContainers") for one in spec.get(field) or ()]
    if asked:
        if asked not in names + others:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(names) > 1:
        also = f" or one of the init containers: [{' '.join(others)}]" if spec.get("initContainers") else ""
        choices = f"choose one of: [{' '.join(names)}]{also}"
        raise bad_request(f"a container name must be specified for pod {name}, {choices}")
    return str(names[0])


def _require_node(pod: Object) -> None:
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")


def _require_running(pod: Object, container: str, *, is_exec: bool) -> None:
    """Ask the pod's status, as far as it speaks of the container."""
    status = pod.get("status", {})
    fields = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    statuses = {one["name"]: one for field in fields for one in status.get(field) or ()}
    known = statuses.get(container)
    runs = "running" in known.get("state", {}) if known is not None else status.get("phase") == "Running"
    # Whether it is too late for an interactive container that has just ended, who runs it knows best.
    if not runs and (is_exec or not _is_interactive(pod, container) or not known or not known.get("containerID")):
        full_name = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}"
        attach = f"container {container} not found in pod {full_name}"
        raise KubeletRefusal(500, f'container not found ("{container}")' if is_exec else attach)


def _is_interactive(pod: Object, container: str) -> bool:
    lists = (pod["spec"].get(name) or () for name in ("containers", "ephemeralContainers"))
    return any(one["name"] == container and one.get("stdin") for each in lists for one in each)
