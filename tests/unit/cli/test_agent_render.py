"""The command agent, as far as it prints what a node would load."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.cli.main import main

MANIFESTS = """\
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web}}
spec: {nodeName: worker-1, containers: [{name: web, image: web}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]}
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_table_of_a_node_reads_like_documentation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(MANIFESTS)
    code, out, _ = run(capsys, "agent", "--render", "--node", "worker-1", str(tmp_path))
    assert code == 0
    assert '\t\t\t10.0.0.1 comment "shop/web-0"\n' in out
    assert 'comment "namespace shop, pods all"' in out
    assert 'comment "what enters the pods of shop/web"' in out
    assert "meta l4proto tcp ct reply proto-src 80 return " in out
    assert 'comment "NetworkPolicy shop/web spec.ingress[0]"' in out
    assert 'comment "default deny of shop/web"' in out


def test_another_node_judges_no_pods_of_this_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = MANIFESTS.replace("web-0", "web-1").replace("worker-1", "worker-2").replace(".0.1", ".0.2")
    (tmp_path / "all.yaml").write_text(f"{MANIFESTS}---\n{other.replace('fd00::1', 'fd00::2')}")
    _, out, _ = run(capsys, "agent", "--render", "--node", "worker-2", str(tmp_path))
    assert '10.0.0.2 comment "shop/web-1" : jump in4-' in out
    assert '10.0.0.1 comment "shop/web-0" : jump' not in out


def test_a_node_that_nobody_is_on_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(MANIFESTS)
    code, out, err = run(capsys, "agent", "--render", "--node", "worker-9", str(tmp_path))
    assert (code, out) == (2, "")
    assert err == "podfence: there is no node worker-9 in the input: there are worker-1\n"
