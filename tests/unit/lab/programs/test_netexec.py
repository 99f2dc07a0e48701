"""The endpoints of netexec, compared with what agnhost answers."""

from __future__ import annotations

import json
import socket

import pytest

from podfence.lab.programs.http import Request, Response
from podfence.lab.programs.netexec import answer_datagram, respond


def get(path: str, **parameters: str) -> Response:
    return respond(Request("GET", path, parameters, {}, b"", "10.244.1.5:40000"))


def test_the_host_name_and_the_client_are_told() -> None:
    assert get("/hostname").body == get("/hostName").body == socket.gethostname()
    assert get("/clientip").body == "10.244.1.5:40000"
    assert str(get("/anything").body).startswith("NOW: ")


def test_an_echo_may_have_a_status() -> None:
    assert get("/echo", msg="hi", code="404") == Response("hi", 404)
    assert get("/echo", msg="hi") == Response("hi")
    assert "must be an integer" in str(get("/echo", msg="hi", code="x").body)


def test_a_shell_command_gives_its_output_and_its_failure() -> None:
    assert json.loads(get("/shell", cmd="echo out; exit 3").body) == {"output": "out\n", "error": "exit status 3"}


@pytest.mark.parametrize(
    ("parameters", "text"),
    [({}, "request parameter not specified"), ({"request": "x", "protocol": "smtp"}, "unsupported protocol. smtp")],
)
def test_a_dial_without_sense_is_a_bad_request(parameters: dict[str, str], text: str) -> None:
    response = get("/dial", **parameters)
    assert response.status == 400
    assert text in str(response.body)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"hostname\n", socket.gethostname().encode()),
        (b"HOSTNAME", socket.gethostname().encode()),
        (b"clientip", b"10.0.0.1:5"),
        (b"echo a b", b"a b"),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_a_datagram_is_answered_if_it_is_a_known_word(data: bytes, answer: bytes | None) -> None:
    assert answer_datagram(data, "10.0.0.1:5") == answer
