"""A small HTTPS client for one API server on loopback: a request in, code, body and warnings out."""

from __future__ import annotations

import http.client
import ssl
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Response:
    """What came back: status code, body, and the texts of the Warning headers in their order."""

    code: int
    body: bytes
    warnings: tuple[str, ...]


class Client:
    """Speaks to 127.0.0.1 with a bearer token; each thread keeps a connection of its own. Knows its etcd's port."""

    def __init__(self, port: int, token: str, etcd_port: int) -> None:
        self.port = port
        self.etcd_port = etcd_port
        self.token = token
        self._local = threading.local()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> Response:
        """Send one request; raises OSError or http.client.HTTPException if the server does not answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        if body is not None:
            headers["Content-Type"] = kind
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        warnings = tuple(warning_text(value) for value in answer.headers.get_all("Warning", []))
        return Response(answer.status, content, warnings)

    def _connection(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            # The certificate was made a second ago by the server itself, on loopback: nothing to verify.
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trust)
            self._local.connection = connection
        return connection


def warning_text(header: str) -> str:
    """Take the text out of a Warning header: `299 - "text"` (RFC 7234, 5.5)."""
    quoted = header.split(" ", 2)[2]
    return quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\")
