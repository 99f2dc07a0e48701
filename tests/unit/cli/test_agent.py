"""``podfence agent``: what is refused before anything starts."""

from __future__ import annotations

import pytest

from podfence.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name the node that this is with --node (or NODE_NAME)"),
        (["--node", "n1", "a.yaml"], "a.yaml: the agent reads a cluster; PATHs go with --render"),
        (["--node", "n1", "--listen", "9470"], "--listen 9470: write HOST:PORT, such as 127.0.0.1:9470"),
        (["--node", "n1", "--listen", "127.0.0.1:99999"], "write HOST:PORT"),
        (["--node", "n1", "--pod-cidr", "10.0.0.0"], "--pod-cidr '10.0.0.0' is not a CIDR"),
        (["--node", "n" * 100], "too long for a socket"),
        (["--node", "n1", "--cutoff", "some"], "'some' is not one of 'all', 'none'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    monkeypatch.delenv("NODE_NAME", raising=False)
    assert main(["agent", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
