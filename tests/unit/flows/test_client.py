"""Reading records from the sockets of agents, some of which do not behave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from podfence.flows.client import read_flows
from podfence.flows.request import FlowRequest
from podfence.model.error import PodfenceError


@contextmanager
def agent(path: Path, *, ends: bool) -> Iterator[None]:
    """Listen as an agent does; it says nothing, and then hangs up or does not."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        done = threading.Event()

        def serve() -> None:
            opened, _ = listener.accept()
            with opened:
                opened.recv(1024)
                if not ends:
                    done.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def test_an_agent_that_keeps_nothing_gives_nothing(tmp_path: Path) -> None:
    with agent(tmp_path / "n.sock", ends=True):
        assert list(read_flows([tmp_path / "n.sock"], FlowRequest())) == []


def test_an_agent_that_hangs_is_given_up(tmp_path: Path) -> None:
    with (
        agent(tmp_path / "n.sock", ends=False),
        pytest.raises(PodfenceError, match=r"n\.sock: the agent says nothing for 0\.05 s; is it stopped\?"),
    ):
        list(read_flows([tmp_path / "n.sock"], FlowRequest(), patience_s=0.05))


def test_an_agent_that_ends_while_it_is_followed_is_said(tmp_path: Path) -> None:
    with agent(tmp_path / "n.sock", ends=True), pytest.raises(PodfenceError, match="the agent has ended"):
        list(read_flows([tmp_path / "n.sock"], FlowRequest(follow=True)))


def test_a_socket_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PodfenceError, match=r"no such socket; is the agent running\?"):
        list(read_flows([tmp_path / "n.sock"], FlowRequest()))
