"""What the agent logs, for people and for programs."""

from __future__ import annotations

import io
import json

import structlog

from podfence.agent.logs import configure_logs


class Screen(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def test_a_program_reads_a_json_object_on_each_line() -> None:
    stream = io.StringIO()
    configure_logs(stream)
    structlog.get_logger().info("committed", generation=3)
    structlog.get_logger().debug("not said")
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["event"], found["generation"], found["level"]) == ("committed", 3, "info")
    assert found["timestamp"].endswith("Z")


def test_an_error_keeps_its_traceback_on_one_line() -> None:
    stream = io.StringIO()
    configure_logs(stream)
    structlog.get_logger().error("not committed", exc_info=KeyError("a bug"))
    (line,) = stream.getvalue().splitlines()
    assert "KeyError: 'a bug'" in json.loads(line)["exception"]


def test_a_person_reads_text_and_more_when_asked_for() -> None:
    stream = Screen()
    configure_logs(stream, verbose=True)
    structlog.get_logger().debug("committed", generation=3)
    assert "committed" in stream.getvalue()
    assert "generation=3" in stream.getvalue()
    assert "{" not in stream.getvalue()
