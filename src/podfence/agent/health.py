"""Whether the agent lives and is ready, and the port where it says so: /livez, /readyz, /enforced, /metrics.

Served by a thread of its own, so that an agent whose loop hangs is seen to hang.
"""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import msgspec
from prometheus_client import CollectorRegistry, make_wsgi_app

from podfence.model.error import PodfenceError

FAILING_IS_UNREADY_S = 30.0
"""Commits may fail so long before the agent is no longer ready; one lost race with another program is no news."""

SILENT_IS_DEAD_S = 60.0

_POLL_S = 0.1  # how long closing may take

_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Health:
    """What is known of the agent's state; ``clock`` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat_s = clock()
        self._synced = False
        self._committed = False
        self._failing_since_s: float | None = None
        self._failure = ""
        self.enforced: Callable[[], Mapping[str, str]] = dict
        """Tells the ``resourceVersion`` of each resource up to which everything is in the kernel; may be called by
        any thread."""

    def beat(self) -> None:
        """Note that the loop runs."""
        self._beat_s = self._clock()

    def synced(self) -> None:
        """Note that the cluster is known completely."""
        self._synced = True

    def committed(self) -> None:
        """Note that the kernel holds what the cluster asks for."""
        self._committed = True
        self._failing_since_s, self._failure = None, ""

    def failed(self, failure: str) -> None:
        """Note that a commit failed, and why."""
        if self._failing_since_s is None:
            self._failing_since_s = self._clock()
        self._failure = failure

    def not_live(self) -> str:
        """Say why the agent should be started anew, nothing when it lives."""
        silent_s = self._clock() - self._beat_s
        return f"the loop has not run for {silent_s:.0f} s" if silent_s > SILENT_IS_DEAD_S else ""

    def not_ready(self) -> str:
        """Say what is missing before the node's policies are enforced as the cluster asks, nothing when they are."""
        if not self._synced:
            return "the cluster is not known completely yet"
        if not self._committed:
            return f"nothing is committed yet{self._because()}"
        if self._failing_since_s is not None:
            failing_s = self._clock() - self._failing_since_s
            if failing_s >= FAILING_IS_UNREADY_S:
                return f"commits have failed for {failing_s:.0f} s{self._because()}"
        return ""

    def _because(self) -> str:
        return f": {self._failure}" if self._failure else ""


def health_app(health: Health, registry: CollectorRegistry) -> WSGIApplication:
    """Make the application that answers the four paths."""
    metrics = make_wsgi_app(registry)

    def answer(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environment.get("PATH_INFO", "")
        if path == "/metrics":
            return cast("Iterable[bytes]", metrics(environment, start))
        if path == "/enforced":
            start("200 OK", [("Content-Type", "application/json")])
            return [msgspec.json.encode(health.enforced())]
        said = {"/livez": health.not_live, "/readyz": health.not_ready}.get(path)
        if said is None:
            start("404 Not Found", [_TEXT])
            return [b"try /livez, /readyz, /enforced or /metrics\n"]
        problem = said()
        start("503 Service Unavailable" if problem else "200 OK", [_TEXT])
        return [f"{problem or 'ok'}\n".encode()]

    return answer


class HealthServer:
    """The port, while it is open; raises ``PodfenceError`` when it cannot be opened."""

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        try:
            server = _ServerIPv6 if ":" in host else _Server
            self._server = make_server(host, port, app, server, _QuietHandler)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PodfenceError(f"cannot listen on {host}:{port}: {reason}; choose another with --listen") from None
        serve = functools.partial(self._server.serve_forever, poll_interval=_POLL_S)
        threading.Thread(target=serve, name="health", daemon=True).start()

    @property
    def port(self) -> int:
        """The port that was opened, chosen by the system where 0 was asked for."""
        return self._server.server_port

    def close(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ServerIPv6(_Server):
    address_family = socket.AF_INET6


class _QuietHandler(WSGIRequestHandler):
    timeout = 10.0

    def log_message(self, *_: object) -> None:
        """Say nothing: a probe every few seconds is no news."""
