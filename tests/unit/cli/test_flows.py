"""``podfence flows``, with scripted agents behind its sockets."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from podfence.cli.main import main
from podfence.flows.json_lines import to_json_line
from podfence.flows.record import FlowRecord, FlowsLost
from tests.unit.flows.records import ACCEPTED, DENIED, ENDED

LATER = msgspec.structs.replace(DENIED, time=DENIED.time + timedelta(seconds=1), verdict_id="D2")


class ScriptedAgent:
    """Answers one reader with lines and hangs up; keeps what it was asked."""

    def __init__(self, path: Path, lines: Sequence[bytes]) -> None:
        self.path = path
        self.asked = b""
        self._lines = lines
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        try:
            opened, _ = self._socket.accept()
        except OSError:
            return
        with opened:
            self.asked = opened.makefile("rb").readline()
            for line in self._lines:
                opened.sendall(line)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


class Machine:
    """A folder with the sockets of agents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents: list[ScriptedAgent] = []

    def add(self, node: str, *lines: FlowRecord | FlowsLost | bytes) -> ScriptedAgent:
        written = [line if isinstance(line, bytes) else to_json_line(line) for line in lines]
        self.agents.append(ScriptedAgent(self.folder / f"{node}.sock", written))
        return self.agents[-1]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr("podfence.flows.place.socket_folder", lambda lab=None, **_: tmp_path / (lab or ""))
    machine = Machine(tmp_path)
    yield machine
    for agent in machine.agents:
        agent.close()


def test_what_an_agent_keeps_is_a_line_each(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.add("n1", DENIED, LATER)
    assert main(["flows"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "  DROP   ingress  shop/frontend-5c9d   → shop/payment-7f44 " in lines[0]
    assert lines[0].endswith("TCP 50051   default deny of shop/payment-isolate")
    assert machine.agents[0].asked == b"\n"


def test_several_agents_are_one_list_in_the_order_of_time(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.add("n1", LATER)
    machine.add("n2", DENIED, ACCEPTED)
    assert main(["flows", "--all", "--last", "2", "-o", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["verdictId"] for line in found] == ["A1", "D2"]
    assert {agent.asked for agent in machine.agents} == {b"all last=2\n"}


def test_ended_connections_are_asked_for_by_name(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    agent = machine.add("n1", DENIED, ENDED)
    assert main(["flows", "--ended", "--utc"]) == 0
    assert "END " in capsys.readouterr().out.splitlines()[1]
    assert agent.asked == b"ended\n"


def test_following_goes_on_until_the_agent_ends_and_says_so(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = machine.add("n1", DENIED, FlowsLost(3, "kernel"), LATER)
    assert main(["flows", "--follow", "-o", "csv"]) == 2
    captured = capsys.readouterr()
    rows = list(csv.DictReader(captured.out.splitlines()))
    assert [row["isolatedBy"] for row in rows] == ["shop/payment-isolate"] * 2
    assert "3 records are missing here" in captured.err
    assert captured.err.endswith(f"podfence: {agent.path}: the agent has ended\n")
    assert agent.asked == b"follow last=10\n"


def test_since_is_asked_as_a_time(machine: Machine) -> None:
    agent = machine.add("n1")
    assert main(["flows", "--since", "5m"]) == 0
    assert agent.asked.startswith(b"since=1")


def test_a_name_cannot_make_a_terminal_obey(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.add("n1", msgspec.structs.replace(DENIED, note="\x1b[2Jgone"))
    assert main(["flows"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_records_that_were_written_are_read_again(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add("n1", ACCEPTED, DENIED, ENDED)
    assert main(["flows", "--all", "--ended", "-o", "json"]) == 0
    written = capsys.readouterr().out
    file = machine.folder / "flows.jsonl"
    file.write_text(written)
    assert main(["flows", "--read", str(file), "--all", "--ended", "-o", "json"]) == 0
    assert capsys.readouterr().out == written
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(written.encode())))
    assert main(["flows", "--read", "-", "--utc"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("08:14:03.112  DROP ")


def test_a_file_that_is_none_of_ours_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "flows.jsonl"
    file.write_bytes(to_json_line(DENIED) + b"oops\n")
    assert main(["flows", "--read", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"podfence: {file}:2:1: not a flow record")
    assert main(["flows", "--read", str(tmp_path / "none")]) == 2
    assert "cannot be read: no such file or directory" in capsys.readouterr().err
    assert main(["flows", "--read", str(file), "--follow"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_a_lab_has_sockets_of_its_own(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    (machine.folder / "blue").mkdir()
    machine.add("blue/n1", DENIED)
    assert main(["flows", "--name", "blue"]) == 0
    assert "DROP" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "no agent serves flows here", id="no agent"),
        pytest.param(["--socket", "FOLDER/none.sock"], "no such socket; is the agent running?", id="no such socket"),
        pytest.param(["--socket", "FOLDER/left.sock"], "it has ended and left its socket behind", id="left behind"),
        pytest.param(["--since", "5 minutes"], "--since 5 minutes: no duration; write 30s, 5m or 1h", id="duration"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_2(
    machine: Machine, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    if "FOLDER/left.sock" in arguments:
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(machine.folder / "left.sock"))
    assert main(["flows", *(text.replace("FOLDER", str(machine.folder)) for text in arguments)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_an_agent_that_talks_otherwise_is_named(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.add("n1", b"HTTP/1.1 400 Bad Request\n")
    assert main(["flows"]) == 2
    assert "not a flow record" in capsys.readouterr().err
