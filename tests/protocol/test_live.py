"""check, map and why on a live cluster: what a person sees when no PATH is given."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from podfence.cli.main import main
from tests.protocol.cluster import (
    Cluster,
    cluster_network_policy,
    namespace,
    network_policy,
    node,
    pod,
)
from tests.protocol.web import serving_in_a_thread

TO_DB = [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}]}]


def config(port: int, context: str = "") -> str:
    """Write a kubeconfig with one context."""
    return (
        "apiVersion: v1\nkind: Config\ncurrent-context: dev\n"
        f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n"
        f"contexts: [{{name: dev, context: {{cluster: c{context}}}}}]\n"
    )


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(
        namespace("shop"),
        namespace("tools"),
        node("n1", "10.0.0.1"),
        pod("web", "10.1.0.1", app="web"),
        pod("db", "10.1.0.2", app="db"),
        pod("top", "10.1.0.3", namespace="tools"),
        network_policy("db", {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": TO_DB}),
        network_policy(
            "odd", {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}]}, "tools"
        ),
    )


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    with serving_in_a_thread(cluster.handle) as port:
        path.write_text(config(port))
        yield path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("kubeconfig")
def test_why_answers_from_the_cluster_of_the_current_context(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "why", "shop/web", "shop/db", "80")
    assert code == 1
    assert out.startswith("DENIED  shop/web → shop/db TCP 80\n")
    assert "isolated by db, no rule matches" in out
    assert "in NetworkPolicy shop/db, spec.ingress" in out


@pytest.mark.usefixtures("kubeconfig")
def test_what_a_server_sent_has_no_position_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = json.loads(run(capsys, "why", "shop/web", "shop/db", "80", "-o", "json")[1])
    assert verdict["ingress"]["isolatedBy"] == [{"ref": {"kind": "NetworkPolicy", "namespace": "shop", "name": "db"}}]
    assert verdict["ingress"]["nearestMisses"][0]["ref"].keys() == {"kind", "namespace", "name"}
    findings = json.loads(run(capsys, "check", "-o", "json")[1])["findings"]
    assert [(finding["rule"], finding["position"]) for finding in findings] == [
        ("PF251", None),
        ("PF253", None),
        ("PF044", None),
    ]
    assert findings[2]["ref"] == {"kind": "NetworkPolicy", "namespace": "tools", "name": "odd"}


@pytest.mark.usefixtures("kubeconfig")
@pytest.mark.parametrize("format_", ["text", "md", "github", "junit", "sarif"])
def test_every_output_names_the_object_instead_of_a_place(capsys: pytest.CaptureFixture[str], format_: str) -> None:
    code, out, err = run(capsys, "check", "-o", format_)
    assert (code, err) == (1, "")
    assert out.count("NetworkPolicy tools/odd") >= 1
    assert "None" not in out


@pytest.mark.usefixtures("kubeconfig")
def test_check_names_the_object_where_there_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--select", "PF0")
    assert (code, err) == (1, "")
    assert out.startswith("REFUSED  2 policies: 1 error.\n\nerror  PF044 cidr-ambiguous  NetworkPolicy tools/odd\n")


def test_check_judges_as_the_server_does_that_it_reads(
    capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path
) -> None:
    assert kubeconfig.exists()
    cluster.server_version = "v1.33.1-eks-1234567"
    assert "ACCEPTED" in run(capsys, "check")[1]
    assert "REFUSED" in run(capsys, "check", "--kubernetes-version", "1.36")[1]


@pytest.mark.usefixtures("kubeconfig")
def test_n_narrows_what_is_shown_and_all_is_read_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "-n", "shop", "--fail-on", "error")[0] == 0
    assert run(capsys, "check", "-n", "tools", "--fail-on", "error")[0] == 1
    of_shop = run(capsys, "check", "-n", "shop")[1]
    assert "warning  PF251 peer-matches-nothing  NetworkPolicy shop/db" in of_shop
    assert "tools" not in of_shop
    endpoints = json.loads(run(capsys, "map", "-n", "tools", "-o", "json")[1])["endpoints"]
    assert {"tools/Pod/top", "shop/Pod/db"} <= {each["id"] for each in endpoints}
    assert run(capsys, "map", "-n", "tools")[1].startswith("1 workload in tools;")


def test_the_namespace_of_the_context_is_shown_unless_all_are_asked_for(
    capsys: pytest.CaptureFixture[str], kubeconfig: Path
) -> None:
    server = kubeconfig.read_text().split("127.0.0.1:")[1].split("'")[0]
    kubeconfig.write_text(config(int(server), context=", namespace: tools"))
    assert run(capsys, "map")[1].startswith("1 workload in tools;")
    assert run(capsys, "map", "-A")[1].startswith("3 workloads in 2 namespaces;")
    assert run(capsys, "why", "top", "shop/web", "80")[0] == 0


def test_a_forbidden_list_is_exit_2_and_says_what_to_grant(
    capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path
) -> None:
    assert kubeconfig.exists()
    cluster.forbidden.add("networkpolicies")
    code, out, err = run(capsys, "map")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "cannot list resource" in err
    assert 'apiGroups ["networking.k8s.io"], resources ["networkpolicies"], verbs [list]' in err


def test_custom_policies_count_where_they_are_installed(
    capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path
) -> None:
    assert kubeconfig.exists()
    assert run(capsys, "why", "shop/db", "shop/web", "80")[0] == 0
    cluster.install("/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies")
    cluster.put(cluster_network_policy("guard", ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}]))
    code, out, _ = run(capsys, "why", "shop/db", "shop/web", "80")
    assert (code, "by ClusterNetworkPolicy guard, rule 1: Deny in the Admin tier" in out) == (1, True)


def test_policies_of_other_projects_are_not_passed_over_in_silence(
    capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path
) -> None:
    assert kubeconfig.exists()
    path = "/apis/cilium.io/v2/ciliumnetworkpolicies"
    cluster.serve(path, "CiliumNetworkPolicy", {"metadata": {"name": "l7", "namespace": "shop"}})
    err = run(capsys, "map")[2]
    assert "not taken into account: CiliumNetworkPolicy 1; what is allowed here they may deny\n" in err
    cluster.forbidden.add("ciliumnetworkpolicies")
    err = run(capsys, "map")[2]
    assert "may not be listed: ciliumnetworkpolicies.cilium.io; what is allowed here they may deny\n" in err


@pytest.mark.usefixtures("kubeconfig")
def test_a_name_that_is_not_there_is_said_with_the_cluster_that_was_searched(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "why", "shop/wbe", "shop/db", "80")
    assert code == 2
    assert "in http://127.0.0.1:" in err
    assert "(context dev); did you mean shop/web?" in err


def test_a_cluster_that_is_not_reached_is_one_line_that_says_what_else_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    path = tmp_path / "config"
    path.write_text(config(port))
    said = f"cannot reach http://127.0.0.1:{port} (context dev): connection refused"
    for command in (["check"], ["map"], ["why", "a/b", "c/d", "80"]):
        code, out, err = run(capsys, *command, "--kubeconfig", str(path))
        assert (code, out) == (2, "")
        assert err == f"podfence: {said}; give PATHs to work without a cluster\n"


@pytest.mark.usefixtures("kubeconfig")
def test_a_context_that_is_not_there_is_said_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "map", "--context", "prod")
    assert (code, err.rstrip().endswith("there is no context prod; there are: dev")) == (2, True)


def test_many_pods_come_in_pages(capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path) -> None:
    assert kubeconfig.exists()
    for number in range(1_200):
        cluster.put(pod(f"p{number}", f"10.2.{number >> 8}.{number & 255}", namespace="big"))
    code, out, _ = run(capsys, "map", "-o", "json", "--by", "namespace")
    assert code == 0
    pods = {each["id"]: each.get("pods") for each in json.loads(out)["endpoints"]}
    assert pods["namespace/big"] == 1_200
    asked = [each.query.get("continue") for each in cluster.requests if each.path == "/api/v1/pods"]
    assert asked == [None, "500", "1000"]


INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "front", "namespace": "shop"},
    "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


def rules_said(capsys: pytest.CaptureFixture[str]) -> set[str]:
    return {finding["rule"] for finding in json.loads(run(capsys, "check", "-o", "json")[1])["findings"]}


def test_check_relates_policies_to_what_surrounds_them_in_the_cluster(
    capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path
) -> None:
    assert kubeconfig.exists()
    cluster.put(SERVICE)
    cluster.put(network_policy("web", {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}))
    before = rules_said(capsys)
    cluster.serve(INGRESSES, "Ingress", INGRESS)
    assert rules_said(capsys) - before == {"PF213"}


def test_what_may_not_be_listed_is_said_and_everything_else_is_checked(
    capsys: pytest.CaptureFixture[str], cluster: Cluster, kubeconfig: Path
) -> None:
    assert kubeconfig.exists()
    before = rules_said(capsys)
    cluster.serve(INGRESSES, "Ingress", INGRESS)
    cluster.serve("/apis/monitoring.coreos.com/v1beta9/podmonitors", "PodMonitor")
    cluster.forbidden.add("ingresses")
    code, out, err = run(capsys, "check", "-o", "json")
    assert code == 1
    assert err == (
        "cannot be listed: ingresses.networking.k8s.io, podmonitors.monitoring.coreos.com; "
        "what policies mean for them is not checked\n"
    )
    assert {finding["rule"] for finding in json.loads(out)["findings"]} == before
    assert "cannot be listed" not in run(capsys, "why", "shop/web", "shop/db", "80")[2]
