"""The words of ``agnhost connect`` for what can go wrong before a packet is sent, and on loopback."""

from __future__ import annotations

import socket
import threading

import pytest

from podfence.lab.programs.connect import main


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["10.0.0.1"], "UNKNOWN: address 10.0.0.1: missing port in address\n"),
        (["10.0.0.1", "--protocol=udp"], "DNS: address 10.0.0.1: missing port in address\n"),
        (["127.0.0.1:99999"], "DNS: address 99999: invalid port\n"),
        (["127.0.0.1:nosuchport"], "DNS: lookup tcp/nosuchport: unknown port\n"),
        (["127.0.0.1:80", "--protocol=icmp"], "Unsupported protocol\nicmp\n"),
        (["127.0.0.1:80", "--timeout=soon"], 'Error: time: invalid duration "soon"\n'),
        ([], "Error: accepts 1 arg(s), received 0\n"),
    ],
)
def test_a_wrong_question_is_answered_in_agnhosts_words(
    words: list[str], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["connect", *words]) == 1
    assert capfd.readouterr().err == text


def test_a_port_that_nobody_serves_is_refused_and_one_that_is_served_is_silent(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert main(["connect", f"127.0.0.1:{port}", "--timeout=5s"]) == 0
    assert main(["connect", f"127.0.0.1:{port}", "--timeout=5s"]) == 1
    assert capfd.readouterr() == ("", "REFUSED\n")


def test_a_datagram_wants_an_answer(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            data, peer = server.recvfrom(100)
            server.sendto(data, peer)

        thread = threading.Thread(target=answer)
        thread.start()
        assert main(["connect", target, "--protocol=udp", "--timeout=5s"]) == 0
        thread.join()
        assert main(["connect", target, "--protocol=udp", "--timeout=50ms"]) == 1
    assert capfd.readouterr().err == "TIMEOUT: i/o timeout\n"
