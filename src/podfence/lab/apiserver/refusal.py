"""What a client is told when its streams are refused before the connection is upgraded.

Most refusals come from the API server, as a Status (``StatusError``); those that a real cluster's kubelet makes are
plain text, which kubectl prints behind "unable to upgrade connection".
"""

from __future__ import annotations

import json
from http import HTTPStatus

from podfence.lab.apiserver.status import StatusError


class KubeletRefusal(Exception):  # noqa: N818 - no error of ours: it is the answer
    """An answer in plain text, as the kubelet gives it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def response(refusal: StatusError | KubeletRefusal) -> bytes:
    """Give the whole HTTP/1.1 response, after which the connection is closed."""
    body, kind = refusal.message.encode(), "text/plain; charset=utf-8"
    if isinstance(refusal, StatusError):
        body, kind = json.dumps(refusal.status, separators=(",", ":")).encode(), "application/json"
    head = (
        f"HTTP/1.1 {refusal.code} {HTTPStatus(refusal.code).phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
