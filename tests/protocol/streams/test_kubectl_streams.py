"""Real kubectl against the streams of the API server: what it prints, exits with and leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import socketserver
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.protocol.streams.host import StubApi, pod
from tests.protocol.streams.kubectl import Kubectl, kubectls

KUBECTLS = kubectls()

pytestmark = pytest.mark.skipif(not KUBECTLS, reason="needs kubectl")


@pytest.fixture(scope="module")
def api() -> Iterator[StubApi]:
    with StubApi(
        pod("web"), pod("done", phase="Succeeded"), pod("two", "a", "b"), pod("new", node="")
    ).running() as api:
        yield api


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(params=KUBECTLS, ids=str)
def kubectl(request: pytest.FixtureRequest) -> Kubectl:
    param: Kubectl = request.param
    return param


def test_output_errors_and_exit_code_reach_their_places(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    ran = kubectl.run(api.port, home, "exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert ran.stdout == b"out\n"
    assert ran.stderr == b"err\ncommand terminated with exit code 7\n"
    assert ran.returncode == 7


def test_input_ends_where_the_client_s_input_ends(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    text = os.urandom(1_000_000)
    ran = kubectl.run(api.port, home, "exec", "-i", "web", "--", "cat", given=text)
    assert (ran.returncode, ran.stdout == text) == (0, True)


def test_no_byte_of_a_large_output_is_lost(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    ran = kubectl.run(api.port, home, "exec", "web", "--", "head", "-c", "20000000", "/dev/zero")
    assert (ran.returncode, len(ran.stdout)) == (0, 20_000_000)


def test_a_program_that_does_not_exist_is_named_as_an_error(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    ran = kubectl.run(api.port, home, "exec", "web", "--", "no-such-program")
    assert ran.returncode == 1
    assert b"error executing command in container: No such file or directory" in ran.stderr


def test_a_program_that_reads_nothing_does_not_hang_its_client(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    ran = kubectl.run(api.port, home, "exec", "-i", "web", "--", "true", given=bytes(1_000_000))
    assert ran.returncode == 0


def test_a_terminal_has_the_size_of_the_client_s(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    # The size is told right after the start, so a program that is very quick must look twice.
    script = 'while [ "$(stty size)" = "0 0" ]; do :; done; stty size'
    assert _in_terminal(kubectl, api, home, script, rows=33, columns=111).split() == ["33", "111"]


def test_what_a_signal_ended_exits_with_128_more(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    assert kubectl.run(api.port, home, "exec", "web", "--", "sh", "-c", "kill -TERM $$").returncode == 143


def test_a_client_that_is_killed_hangs_up(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    with subprocess.Popen(
        kubectl.command(api.port, "exec", "web", "--", "sh", "-c", "echo ready; exec sleep 1000"),
        stdout=subprocess.PIPE,
        env=kubectl.environment(home),
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        client.kill()
    started = api.runtime.started[-1]
    assert started._process.wait(timeout=30) == -signal.SIGHUP


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent", "--", "id"], 'Error from server (NotFound): pods "absent" not found'),
        (["done", "--", "id"], "cannot exec into a container in a completed pod; current phase is Succeeded"),
        (
            ["web", "-c", "sidecar", "--", "id"],
            "Error from server (BadRequest): container sidecar is not valid for pod web",
        ),
        (["new", "--", "id"], "Error from server (BadRequest): pod new does not have a host assigned"),
    ],
)
def test_what_cannot_be_is_said_as_a_real_server_says_it(
    kubectl: Kubectl, api: StubApi, home: Path, arguments: list[str], message: str
) -> None:
    ran = kubectl.run(api.port, home, "exec", *arguments)
    assert message in ran.stderr.decode()
    assert ran.returncode == 1


def test_many_run_at_once(api: StubApi, home: Path) -> None:
    def echo(number: int) -> bytes:
        kubectl = KUBECTLS[number % len(KUBECTLS)]
        return kubectl.run(api.port, home, "exec", "-i", "web", "--", "cat", given=b"%d" % number).stdout

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(echo, range(24))) == [b"%d" % number for number in range(24)]


def test_attach_joins_the_container_s_own_program(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    ran = kubectl.run(api.port, home, "attach", "-i", "web", given=b"hello")
    assert (ran.returncode, ran.stdout) == (0, b"hello")


def test_detaching_leaves_the_container_s_program_alone(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    api.runtime.main_command = ["sh", "-c", "echo ready; while echo more; do :; done"]
    try:
        with subprocess.Popen(
            kubectl.command(api.port, "attach", "web"), stdout=subprocess.PIPE, env=kubectl.environment(home)
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"ready\n"
            client.kill()
        started = api.runtime.started[-1]
        assert started._process.wait(timeout=30) == -signal.SIGPIPE  # once nobody reads: the streams are closed
        assert started.signals == []
    finally:
        api.runtime.main_command = ["cat"]


def test_a_port_is_forwarded_both_ways_and_many_times(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    with _reversing_server() as port, _forwarding(kubectl, api, home, port) as (local, _):
        text = bytes(range(1, 256)) * 2000

        def ask(number: int) -> bytes:
            with socket.create_connection(("127.0.0.1", local), timeout=30) as connection:
                connection.sendall(b"%d" % number + text)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b""))

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(ask, range(12))) == [(b"%d" % number + text)[::-1] for number in range(12)]


def test_a_port_where_nobody_listens_is_reported_to_the_client(kubectl: Kubectl, api: StubApi, home: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with _forwarding(kubectl, api, home, port) as (local, client):
            with socket.create_connection(("127.0.0.1", local), timeout=30) as connection, contextlib.suppress(OSError):
                assert connection.recv(1) == b""
            assert client.stderr is not None
            line = next(line for line in client.stderr if "forwarding port" in line)
    assert re.search(rf"error forwarding port {port} to pod web, uid uid-web: .*[Cc]onn", line)


def _in_terminal(kubectl: Kubectl, api: StubApi, home: Path, script: str, *, rows: int, columns: int) -> str:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    client = subprocess.Popen(
        kubectl.command(api.port, "exec", "-it", "web", "--", "sh", "-c", script),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=kubectl.environment(home),
    )
    os.close(slave)
    read = b""
    with contextlib.suppress(OSError):  # EIO: the client has ended
        while data := os.read(master, 4096):
            read += data
    os.close(master)
    assert client.wait(timeout=30) == 0
    return read.decode()


@contextlib.contextmanager
def _forwarding(kubectl: Kubectl, api: StubApi, home: Path, port: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    with subprocess.Popen(
        kubectl.command(api.port, "port-forward", "--address", "127.0.0.1", "web", f":{port}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kubectl.environment(home),
    ) as client:
        assert client.stdout is not None
        first = client.stdout.readline()
        match = re.search(r"127\.0\.0\.1:(\d+) ->", first)
        assert match, first + (client.stderr.read() if client.stderr else "")
        try:
            yield int(match.group(1)), client
        finally:
            client.terminate()


@contextlib.contextmanager
def _reversing_server() -> Iterator[int]:
    class Reverse(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"".join(iter(lambda: self.request.recv(65536), b""))[::-1])

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Reverse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()
