"""The web servers of usual images, as far as tutorials look: nginx, httpd, hello-app, http-echo, echo, whoami."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.documents import Documents, content_type, is_own
from podfence.lab.programs.go import UsageError, parse_flags
from podfence.lab.programs.http import Handler, Request, Response, serve_http
from podfence.lab.programs.listeners import Listeners
from podfence.lab.programs.nginx_configuration import read_configuration

_HTML = ("Content-Type", "text/html")
_NGINX_PAGE = """<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>This page is served by a stand-in for nginx in a podfence lab.</p>
</body>
</html>
"""
_REASONS = {403: "403 Forbidden", 404: "404 Not Found", 405: "405 Not Allowed"}
_READ = ("GET", "HEAD")


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Serve as the program by whose name it was started, until killed."""
    name = Path(arguments[0]).name
    try:
        ports, handler = _SITES[name](list(arguments[1:]))
        listeners = Listeners()
        for port in ports:
            listeners.tcp(port, serve_http(_logged(handler)))
    except (OSError, UsageError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        return 1
    print(f"{name}: serving port {', '.join(map(str, ports))}", file=sys.stderr, flush=True)
    ready()
    listeners.run()
    return 0


def _nginx(arguments: list[str]) -> tuple[Sequence[int], Handler]:
    """Answer like nginx: what the pod has mounted, else its welcome page at the root; all its options are accepted."""
    given = [int(word.removeprefix("--port=")) for word in arguments if word.startswith("--port=")]
    found = read_configuration(is_own)
    if found.is_own:
        print("nginx: this stand-in obeys only listen and root of its configuration", file=sys.stderr, flush=True)
    site = FileServer(Documents(found.root), _NGINX_PAGE, "nginx/1.27.0", "application/octet-stream")
    return found.ports if found.is_own else given or found.ports, site.answer


def _httpd(_: list[str]) -> tuple[Sequence[int], Handler]:
    page = "<html><body><h1>It works!</h1></body></html>\n"
    return [80], FileServer(Documents("/usr/local/apache2/htdocs"), page, "Apache/2.4.62 (Unix)", "").answer


class FileServer:
    """A web server of files: those that the pod has mounted, and a welcome page where it has mounted none."""

    def __init__(self, documents: Documents, welcome: str, server: str, other_type: str) -> None:
        self._documents, self._welcome, self._other_type = documents, welcome, other_type
        self._server = ("Server", server)

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        found = self._documents.find(request.path)
        if found is not None and found.is_dir():
            if not request.path.endswith("/"):
                location = ("Location", f"http://{request.headers.get('host', 'localhost')}{request.path}/")
                return self._refusal(301, "301 Moved Permanently", location)
            found = self._documents.find(f"{request.path}index.html")
        if found is not None and found.is_file():
            return self._file(found) if request.method in _READ else self._refusal(405)
        if self._documents.are_mounted():
            return self._refusal(403 if request.path.endswith("/") and self._documents.find(request.path) else 404)
        if request.path in {"/", "/index.html"}:
            return Response(self._welcome, headers=(self._server, _HTML))
        return self._refusal(404)

    def _file(self, path: Path) -> Response:
        try:
            body = path.read_bytes()
        except OSError:
            return self._refusal(403)
        kind = content_type(path, self._other_type)
        return Response(body, headers=(self._server, *((("Content-Type", kind),) if kind else ())))

    def _refusal(self, status: int, title: str = "", *headers: tuple[str, str]) -> Response:
        title = title or _REASONS[status]
        page = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
        return Response(page, status, (self._server, _HTML, *headers))


def _hello_app(_: list[str]) -> tuple[Sequence[int], Handler]:
    return [8080], lambda _request: Response(f"Hello, world!\nVersion: 1.0.0\nHostname: {socket.gethostname()}\n")


def _http_echo(arguments: list[str]) -> tuple[Sequence[int], Handler]:
    flags, _ = parse_flags(arguments, {"text": "hello-world", "listen": ":5678", "status-code": "200"})
    status = int(flags["status-code"])
    return [int(flags["listen"].rpartition(":")[2])], lambda _request: Response(f"{flags['text']}\n", status)


def _echo_server(arguments: list[str]) -> tuple[Sequence[int], Handler]:
    flags, _ = parse_flags(arguments, {"port": "8080"})
    return [int(flags["port"])], lambda request: Response(_told(request) + request.body.decode(errors="replace"))


def _whoami(arguments: list[str]) -> tuple[Sequence[int], Handler]:
    flags, _ = parse_flags(arguments, {"port": "80", "name": "", "verbose": "false"})
    return [int(flags["port"])], lambda request: Response(_told(request))


def _told(request: Request) -> str:
    """Tell a client what it sent, and who heard it."""
    lines = [f"Hostname: {socket.gethostname()}", f"RemoteAddr: {request.client}", f"{request.method} {request.path}"]
    return "\n".join([*lines, *(f"{name.title()}: {value}" for name, value in request.headers.items())]) + "\n\n"


def _logged(handler: Handler) -> Handler:
    """Write a line for each request, as these servers do."""

    def answer(request: Request) -> Response:
        response = handler(request)
        agent = request.headers.get("user-agent", "-")
        client = request.client.rpartition(":")[0]
        print(f'{client} - "{request.method} {request.path} HTTP/1.1" {response.status} "{agent}"', flush=True)
        return response

    return answer


_SITES: dict[str, Callable[[list[str]], tuple[Sequence[int], Handler]]] = {
    "nginx": _nginx,
    "httpd-foreground": _httpd,
    "hello-app": _hello_app,
    "http-echo": _http_echo,
    "echo-server": _echo_server,
    "whoami": _whoami,
}
