"""The small HTTP server, asked over a socket pair."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.programs.http import Request, Response, serve_http


def talk(data: bytes) -> bytes:
    """Send bytes, say that no more will come, and give everything that is answered."""
    near, far = socket.socketpair()

    def serve() -> None:
        with far:
            serve_http(tell)(far, "10.0.0.1:5")

    server = threading.Thread(target=serve)
    server.start()
    with near:
        near.sendall(data)
        near.shutdown(socket.SHUT_WR)
        answer = b""
        while more := near.recv(65536):
            answer += more
    server.join()
    return answer


def tell(request: Request) -> Response:
    return Response(f"{request.method} {request.path} {sorted(request.parameters.items())} {request.client}")


def test_a_request_is_answered_with_its_length_and_the_connection_stays() -> None:
    answer = talk(b"GET /a?b=c%20d HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert b"GET /a [('b', 'c d')] 10.0.0.1:5" in answer
    assert b"Content-Length: 32\r\n" in answer


def test_a_form_gives_parameters_too() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n"
    assert b"POST / [('x', '1')]" in talk(head + b"x=1")


def test_a_head_request_gets_no_body() -> None:
    assert talk(b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n").endswith(b"Connection: close\r\n\r\n")


def test_lines_may_end_as_people_type_them() -> None:
    answer = talk(b"GET /typed HTTP/1.1\nConnection: close\n\nGET /never HTTP/1.1\n\n")
    assert b"GET /typed" in answer
    assert b"never" not in answer


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"no head, but a line\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / SPDY\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    assert talk(data).startswith(b"HTTP/1.1 400 Bad Request\r\n")


@given(st.binary(max_size=60))
def test_any_bytes_end_in_an_answer_or_in_nothing(data: bytes) -> None:
    answer = talk(data + b"\r\n\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
