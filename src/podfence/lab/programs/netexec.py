"""``agnhost netexec``: HTTP with many endpoints, and a UDP and SCTP server that knows three words.

The endpoints and their words are those of Kubernetes' agnhost; ``/upload`` is left out.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.go import UsageError, parse_duration_s, parse_flags
from podfence.lab.programs.http import Request, Response, serve_http
from podfence.lab.programs.listeners import Listeners
from podfence.lab.programs.sctp_connect import exchange

_FLAGS = {
    "http-port": "8080",
    "udp-port": "8081",
    "sctp-port": "-1",
    "udp-listen-addresses": "",
    "http-override": "",
    "delay-shutdown": "0",
}
_DIAL_TIMEOUT_S = 5.0
_MOST_BYTES = 2048


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run the command until it is killed or told to exit."""
    try:
        flags, _ = parse_flags(arguments[1:], _FLAGS)
    except UsageError as error:
        return _fail(f"Error: {error}")
    listeners = Listeners()
    ports = {name: int(flags[f"{name}-port"]) for name in ("http", "udp", "sctp")}
    try:
        listeners.tcp(ports["http"], serve_http(_handler(flags["http-override"])))
        if ports["udp"] >= 0:
            listeners.udp(ports["udp"], answer_datagram)
        if ports["sctp"] >= 0:
            listeners.sctp(ports["sctp"], answer_datagram)
    except (OSError, OverflowError) as error:
        return _fail(f"listen: {error}")
    _log(f"Started HTTP server on port {ports['http']}")
    if ports["udp"] >= 0:
        _log(f"Started UDP server on port  {ports['udp']}")
    ready()
    listeners.run()
    return 0


def answer_datagram(data: bytes, client: str) -> bytes | None:
    """Answer ``hostname``, ``clientip`` and ``echo TEXT``; silence for anything else."""
    text = data.decode(errors="replace").strip().lower()
    if text == "hostname":
        return socket.gethostname().encode()
    if text == "clientip":
        return client.encode()
    if text.startswith("echo "):
        return text[5:].encode()
    return None


def _handler(override: str) -> Callable[[Request], Response]:
    path, _, query = override.partition("?")
    parameters = dict(pair.partition("=")[::2] for pair in query.split("&")) if query else {}

    def handle(request: Request) -> Response:
        if override:
            return respond(request._replace(method="GET", path=path, parameters=parameters))
        return respond(request)

    return handle


def respond(request: Request) -> Response:
    """Answer a request by the endpoint of its path; every unknown path is the root."""
    _log(f"GET {request.path}")
    return _ENDPOINTS.get(request.path, _now)(request)


def _now(_: Request) -> Response:
    return Response(f"NOW: {datetime.now(UTC).strftime('%Y-%m-%d %H:%M:%S.%f +0000 UTC')}")


def _client_ip(request: Request) -> Response:
    return Response(request.client)


def _hostname(_: Request) -> Response:
    return Response(socket.gethostname())


def _healthz(_: Request) -> Response:
    return Response()


def _echo(request: Request) -> Response:
    return _coded(request, Response(request.parameters.get("msg", "")))


def _redirect(request: Request) -> Response:
    location = request.parameters.get("location", "")
    return _coded(request, Response(status=302, headers=(("Location", location),)))


def _coded(request: Request, response: Response) -> Response:
    code = request.parameters.get("code", "")
    if not code:
        return response
    if not code.isdecimal() or not 100 <= int(code) <= 999:
        return Response(f"argument 'code' must be an integer or empty, got \"{code}\"\n")
    return response._replace(status=int(code))


def _shell(request: Request) -> Response:
    command = request.parameters.get("shellCommand") or request.parameters.get("cmd", "")
    done = subprocess.run(  # noqa: S602 - running a shell is what this endpoint is for, inside a pod
        command, shell=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = {"output": done.stdout.decode(errors="replace")} if done.stdout else {}
    if done.returncode:
        output["error"] = f"exit status {done.returncode}"
    return Response(json.dumps(output, separators=(",", ":")))


def _exit(request: Request) -> Response:
    try:
        timeout_s = parse_duration_s(request.parameters.get("timeout") or "0")
        wait_s = parse_duration_s(request.parameters.get("wait") or "0")
    except ValueError as error:
        return Response(f"{error}\n")
    code = request.parameters.get("code") or "0"
    if not code.isdecimal() or int(code) > 127:
        return Response(f"argument 'code' must be an integer [0-127] or empty, got \"{code}\"\n")
    time.sleep(wait_s)
    if not timeout_s:
        os._exit(int(code))
    threading.Timer(0.05, lambda: os._exit(int(code))).start()
    return Response()


def _shutdown(_: Request) -> Response:
    os._exit(0)


def _dial(request: Request) -> Response:
    """Ask another server a number of times, and report what it said and what failed."""
    asked = request.parameters
    tries = asked.get("tries") or "1"
    if not tries.isdecimal():
        return Response(f"tries parameter is invalid. {tries}\n", 400)
    if not asked.get("request"):
        return Response("request parameter not specified. <nil>\n", 400)
    dial = {"": _dial_http, "http": _dial_http, "udp": _dial_udp, "sctp": _dial_sctp}.get(
        asked.get("protocol", "").lower()
    )
    if dial is None:
        return Response(f"unsupported protocol. {asked['protocol']}\n", 400)
    host, port = asked.get("host", ""), asked.get("port", "")
    if not port.isdecimal():
        return Response("host and/or port param are invalid.\n", 400)
    responses, errors = [], []
    for _ in range(int(tries)):
        try:
            responses.append(dial(host, int(port), asked["request"]))
        except (OSError, ValueError) as error:
            errors.append(str(error))
    output = {name: values for name, values in (("errors", errors), ("responses", responses)) if values}
    return Response(json.dumps(output, separators=(",", ":")))


def _dial_http(host: str, port: int, request: str) -> str:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{target}/{request}", timeout=_DIAL_TIMEOUT_S) as response:
            return str(response.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")


def _dial_udp(host: str, port: int, request: str) -> str:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as datagrams:
        datagrams.settimeout(_DIAL_TIMEOUT_S)
        datagrams.connect(address)
        datagrams.send(request.encode())
        return datagrams.recv(_MOST_BYTES).decode(errors="replace")


def _dial_sctp(host: str, port: int, request: str) -> str:
    return exchange(host, port, request.encode(), _DIAL_TIMEOUT_S).decode(errors="replace")


_ENDPOINTS: dict[str, Callable[[Request], Response]] = {
    "/clientip": _client_ip,
    "/dial": _dial,
    "/echo": _echo,
    "/exit": _exit,
    "/healthz": _healthz,
    "/hostName": _hostname,
    "/hostname": _hostname,
    "/redirect": _redirect,
    "/shell": _shell,
    "/shutdown": _shutdown,
}


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _log(text)
    return 1
