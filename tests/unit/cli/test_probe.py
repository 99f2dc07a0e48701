"""``podfence probe`` as a process sees it: exit codes, text, json, and what happens when it is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podfence.cli.main import main
from podfence.kube.probe import Probe
from podfence.kube.probe_plan import Attempt
from podfence.model.policy import Direction
from tests.protocol.web import serving_in_a_thread
from tests.unit.kube.test_probe import Cluster


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    found = Cluster("n1", "n2")

    async def connect(_probe: Probe, namespace: str, attempt: Attempt) -> str | None:
        return await found.connect(namespace, attempt)

    monkeypatch.setattr(Probe, "_exec", connect)
    with serving_in_a_thread(found.handle) as port:
        path = tmp_path / "config"
        path.write_text(
            "current-context: dev\ncontexts: [{name: dev, context: {cluster: c}}]\n"
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n"
        )
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield found


@pytest.mark.usefixtures("cluster")
def test_a_cluster_that_enforces_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe"]) == 0
    assert capsys.readouterr().out.startswith("ENFORCED  on all 2 nodes of http://127.0.0.1:")


def test_a_node_that_does_not_is_exit_code_1(capsys: pytest.CaptureFixture[str], cluster: Cluster) -> None:
    cluster.lax = {("n2", Direction.INGRESS)}
    assert main(["probe", "--timeout", "1", "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [(node["name"], node["rule"]) for node in document["nodes"]] == [("n1", None), ("n2", "PF300")]


def test_what_cannot_be_told_is_exit_code_2(capsys: pytest.CaptureFixture[str], cluster: Cluster) -> None:
    cluster.nodes["n2"] = False
    assert main(["probe"]) == 2
    assert capsys.readouterr().out.startswith("UNKNOWN  on 1 of 2 nodes: n2\n")
    assert main(["probe", "--node", "n1"]) == 0


@pytest.mark.usefixtures("cluster")
def test_v_tells_what_is_being_done(capsys: pytest.CaptureFixture[str]) -> None:
    main(["probe", "-v"])
    assert capsys.readouterr().err.splitlines() == [
        "creating a namespace",
        "starting pods on 2 nodes",
        "connecting without any policy",
        "denying all ingress",
        "allowing ingress again",
        "denying all egress",
        "allowing egress again",
        "cleaning up",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_probe_that_is_ended_cleans_up_and_gives_no_answer(cluster: Cluster, number: signal.Signals) -> None:
    cluster.pending = {"n1": "ContainerCreating"}
    probing = subprocess.Popen([sys.executable, "-m", "podfence", "probe"], stdout=subprocess.PIPE)
    try:
        assert cluster.starting.wait(30)
        probing.send_signal(number)
        out, _ = probing.communicate(timeout=30)
    finally:
        probing.kill()
        probing.wait()
    assert (probing.returncode, out) == (130, b"")
    assert len(cluster.deleted) == 1
    assert cluster.deleted == cluster.namespaces
