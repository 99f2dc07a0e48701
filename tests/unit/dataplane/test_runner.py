"""What nft complains of becomes one line that says what to do; no kernel is needed for that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from podfence.dataplane.listing import Listing
from podfence.dataplane.runner import ProcessRunner
from podfence.model.error import PodfenceError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a shell")

COMPLAINTS = {
    "netlink: Error: cache initialization failed: Operation not permitted": "needs root or CAP_NET_ADMIN",
    "/dev/stdin:1:1-7: Error: syntax error, unexpected destroy": "1.0.6 or newer is needed",
    "x:1:5-9: Error: Could not process rule: Operation not supported": "the kernel lacks nf_tables",
    "x:3:5-9: Error: Could not process rule: File exists\nadd set\n   ^^^": "File exists$",
    "netlink: Error: Could not process rule: Message too long": r"must fit into net\.core\.wmem_max",
    "": "does not say why",
}


def nft(tmp_path: Path, script: str) -> ProcessRunner:
    program = tmp_path / "nft"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return ProcessRunner((str(program),), timeout_s=20)


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_a_complaint_is_one_line_with_advice(tmp_path: Path, complaint: str) -> None:
    (tmp_path / "said").write_text(complaint)
    runner = nft(tmp_path, f"cat >/dev/null; cat {tmp_path}/said >&2; exit 1")
    with pytest.raises(PodfenceError, match=COMPLAINTS[complaint]) as caught:
        runner.apply("add table inet podfence\n")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert nft(tmp_path, "echo 'Error: No such file or directory' >&2; exit 1").list_table() == Listing()


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    runner = ProcessRunner(nft(tmp_path, "exec sleep 60")._command, timeout_s=0.01)
    with pytest.raises(PodfenceError, match=r"did not answer within 0\.01 s"):
        runner.apply("")


def test_a_program_that_is_not_there_or_cannot_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(PodfenceError, match="install the package nftables"):
        ProcessRunner((str(tmp_path / "nft"),)).apply("")
    with pytest.raises(PodfenceError, match="cannot be started"):
        ProcessRunner((str(tmp_path),)).apply("")


def test_only_our_own_table_is_listed(tmp_path: Path) -> None:
    runner = nft(tmp_path, f'echo "$@" >{tmp_path}/asked; echo \'{{"nftables": []}}\'')
    runner.list_table()
    assert (tmp_path / "asked").read_text() == "-j list table inet podfence\n"
