"""Before the agent starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
import structlog

from podfence.agent.agent import Places, refuse_unfit_host, run_agent
from podfence.agent.interface import AgentOptions, Parts
from podfence.flows.nflog import NflogReader
from podfence.model.error import PodfenceError
from tests.unit.agent.fakes import FakeCluster, FakeDataplane, FakeKernel, parts


@pytest.fixture
def some_parts() -> Parts:
    return parts(FakeCluster(), FakeDataplane(FakeKernel()))


def test_a_host_that_cannot_enforce_is_refused_with_every_reason(some_parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "sys/class/net/kube-ipvs0").mkdir(parents=True)
    without_nft = msgspec.structs.replace(some_parts, nft_version=None)
    with pytest.raises(PodfenceError, match=r"the program nft is not there.*; kube-proxy uses IPVS"):
        refuse_unfit_host(without_nft, tmp_path)


def test_what_only_weakens_enforcement_is_logged(some_parts: Parts, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        refuse_unfit_host(some_parts, tmp_path)
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert logs[0]["event"].startswith("connection tracking is not loaded")


def test_where_the_log_has_a_reader_already_nothing_is_touched(tmp_path: Path) -> None:
    kernel = FakeKernel()
    dataplane = FakeDataplane(kernel)

    def refuse() -> NflogReader:
        raise PodfenceError("it has a reader already")

    async def main() -> None:
        places = Places("127.0.0.1", 0, tmp_path / "n1.sock")
        await run_agent(AgentOptions("n1"), parts(FakeCluster(), dataplane), places, asyncio.Event(), refuse)

    with pytest.raises(PodfenceError, match="it has a reader already"):
        asyncio.run(main())
    assert (dataplane.adopted, kernel.history) == (0, [])
    assert not (tmp_path / "n1.sock").exists()
