"""``wget`` as busybox has it: ``-q -O FILE -S -T SECONDS --spider -U AGENT --header H --post-data D -t N``."""

from __future__ import annotations

import getopt
import http.client
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.fetch import Answer, UnsupportedError, fetch, host_and_port

_LONG = [
    "spider", "timeout=", "tries=", "header=", "post-data=", "quiet", "output-document=", "server-response",
    "no-check-certificate", "user-agent=", "no-verbose", "connect-timeout=", "method=",
]  # fmt: skip
_DEFAULT_TIMEOUT_S = 900.0


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Fetch a URL into a file or to standard output."""
    ready()
    try:
        given, urls = getopt.gnu_getopt(list(arguments[1:]), "qO:ST:U:t:cY:n:P:", _LONG)
    except getopt.GetoptError as error:
        return _fail(str(error))
    if not urls:
        return _fail("missing URL")
    options = dict(given)
    quiet = "-q" in options or "--quiet" in options
    return max(_get(url, options, dict(given), quiet=quiet, headers=_headers(given)) for url in urls)


def _get(url: str, options: dict[str, str], given: dict[str, str], *, quiet: bool, headers: dict[str, str]) -> int:
    timeout_s = float(options.get("-T") or options.get("--timeout") or _DEFAULT_TIMEOUT_S)
    data, host = options.get("--post-data"), ""
    try:
        host, port, path = host_and_port(url)
        address = _address(host, port)
        if not quiet:
            _say(f"Connecting to {host} ({_written(address)}:{port})")
        method = "GET" if data is None else "POST"
        body = None if data is None else data.encode()
        answer = fetch(url, timeout_s, method=method, body=body, headers=headers, follow=True, address=address)
    except (OSError, UnsupportedError, http.client.HTTPException) as error:
        return _fail(_reason(error, host))
    if "-S" in options or "--server-response" in options:
        _say(f"  HTTP/1.1 {answer.status} {answer.reason}")
        _say("\n".join(f"  {name}: {value}" for name, value in answer.headers))
    if answer.status >= 400:
        return _fail(f"server returned error: HTTP/1.1 {answer.status} {answer.reason}")
    if "--spider" in given:
        if not quiet:
            _say("remote file exists")
        return 0
    return _save(answer, options.get("-O") or options.get("--output-document") or Path(path).name or "index.html")


def _address(host: str, port: int) -> str:
    """Look a host up as busybox does, which tries one address only, an IPv4 one if there is one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])


def _written(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _reason(error: Exception, host: str) -> str:
    if isinstance(error, TimeoutError):
        return "download timed out"
    if isinstance(error, socket.gaierror):
        return f"bad address '{host}'"
    if isinstance(error, OSError):
        return f"can't connect to remote host ({host}): {error.strerror}"
    return str(error) or "error getting response"


def _save(answer: Answer, target: str) -> int:
    if target == "-":
        sys.stdout.buffer.write(answer.body)
        sys.stdout.buffer.flush()
        return 0
    try:
        Path(target).write_bytes(answer.body)
    except OSError as error:
        return _fail(f"can't open '{target}': {error.strerror}")
    return 0


def _headers(given: list[tuple[str, str]]) -> dict[str, str]:
    headers = {"User-Agent": "Wget"}
    for name, value in given:
        if name == "--header":
            key, _, text = value.partition(":")
            headers[key.strip()] = text.strip()
        elif name in {"-U", "--user-agent"}:
            headers["User-Agent"] = value
    return headers


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _say(f"wget: {text}")
    return 1
