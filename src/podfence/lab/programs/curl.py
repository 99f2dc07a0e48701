"""``curl`` over plain HTTP: the options that scripts around policies use, curl's messages and exit codes."""

from __future__ import annotations

import getopt
import http.client
import re
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.fetch import Answer, UnsupportedError, fetch, host_and_port

_LONG = [
    "silent", "show-error", "max-time=", "connect-timeout=", "output=", "include", "head", "location", "fail",
    "request=", "header=", "data=", "write-out=", "verbose", "insecure", "user-agent=", "retry=", "ipv4", "ipv6",
    "globoff", "no-progress-meter", "remote-name", "version",
]  # fmt: skip
_SHORT = {
    "silent": "-s", "show-error": "-S", "max-time": "-m", "output": "-o", "include": "-i", "head": "-I",
    "location": "-L", "fail": "-f", "request": "-X", "header": "-H", "data": "-d", "write-out": "-w",
    "verbose": "-v", "user-agent": "-A", "remote-name": "-O",
}  # fmt: skip
_UNSUPPORTED, _NO_HOST, _REFUSED, _HTTP_ERROR, _WRITE_ERROR, _TIMEOUT, _USAGE, _EMPTY = 1, 6, 7, 22, 23, 28, 2, 52


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Fetch URLs; gives curl's exit code for the last one."""
    ready()
    try:
        given, urls = getopt.gnu_getopt(list(arguments[1:]), "sSm:o:iILfX:H:d:w:vkA:46gOV", _LONG)
    except getopt.GetoptError as error:
        print(f"curl: option {error}", file=sys.stderr)
        return _USAGE
    options = [(_SHORT.get(name.removeprefix("--"), name), value) for name, value in given]
    if not urls:
        print("curl: (2) no URL specified", file=sys.stderr)
        return _USAGE
    return [_transfer(url, options) for url in urls][-1]


def _transfer(url: str, options: list[tuple[str, str]]) -> int:
    flags = dict(options)
    began_s = time.monotonic()
    limits = [float(flags[name]) for name in ("-m", "--connect-timeout") if name in flags]
    code, message, answer = _attempt(url, options, flags, min(limits, default=None))
    if answer is not None:
        code = _write(answer, flags) or code
        if answer.status >= 400 and "-f" in flags:
            code, message = _HTTP_ERROR, f"The requested URL returned error: {answer.status}"
    if "-w" in flags:
        _write_out(flags["-w"], answer, time.monotonic() - began_s)
    if code and ("-s" not in flags or "-S" in flags):
        print(f"curl: ({code}) {message}", file=sys.stderr, flush=True)
    return code


def _attempt(
    url: str, options: list[tuple[str, str]], flags: dict[str, str], timeout_s: float | None
) -> tuple[int, str, Answer | None]:
    data = [value for name, value in options if name == "-d"]
    method = flags.get("-X") or ("HEAD" if "-I" in flags else "POST" if data else "GET")
    began_s, host, port = time.monotonic(), "", 0
    try:
        host, port, _ = host_and_port(url)
        body = "&".join(data).encode() if data else None
        headers = _headers(options, is_form=bool(data))
        return 0, "", fetch(url, timeout_s, method=method, body=body, headers=headers, follow="-L" in flags)
    except TimeoutError:
        spent_ms = (time.monotonic() - began_s) * 1000
        return _TIMEOUT, f"Connection timed out after {spent_ms:.0f} milliseconds", None
    except socket.gaierror:
        return _NO_HOST, f"Could not resolve host: {host}", None
    except OSError as error:
        spent_ms = (time.monotonic() - began_s) * 1000
        reason = "Couldn't connect to server" if error.errno else str(error)
        return _REFUSED, f"Failed to connect to {host} port {port} after {spent_ms:.0f} ms: {reason}", None
    except UnsupportedError as error:
        return _UNSUPPORTED, str(error), None
    except http.client.HTTPException:
        return _EMPTY, "Empty reply from server", None


def _headers(options: list[tuple[str, str]], *, is_form: bool) -> dict[str, str]:
    headers = {"User-Agent": dict(options).get("-A", "curl/8.5.0"), "Accept": "*/*"}
    if is_form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    for name, value in options:
        if name == "-H":
            key, _, text = value.partition(":")
            headers[key.strip()] = text.strip()
    return headers


def _write(answer: Answer, flags: dict[str, str]) -> int:
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers) + "\r\n"
    if "-v" in flags:
        print("".join(f"< {line}\n" for line in head.splitlines()), end="", file=sys.stderr, flush=True)
    data = head.encode() if "-i" in flags or "-I" in flags else b""
    if answer.status < 400 or "-f" not in flags:
        data += answer.body
    target = flags.get("-o") or (Path(answer.url).name if "-O" in flags else "-")
    try:
        if target == "-":
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            Path(target).write_bytes(data)
    except OSError:
        return _WRITE_ERROR
    return 0


def _write_out(template: str, answer: Answer | None, spent_s: float) -> None:
    values = {
        "http_code": f"{answer.status if answer else 0:03d}",
        "response_code": f"{answer.status if answer else 0:03d}",
        "time_total": f"{spent_s:.6f}",
        "size_download": str(len(answer.body) if answer else 0),
    }
    text = template.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")
    print(re.sub(r"%\{(\w+)\}", lambda match: values.get(match[1], ""), text), end="", flush=True)
