"""What holds of a lab under stress, and what is felt where nothing enforces: with real packets, all of it."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx2
import pytest

from podfence.lab.comparing import compare
from podfence.lab.options import LabOptions
from tests.lab.ordinary_user import NOBODY, environment, interpreter_for_all
from tests.lab.whole import Whole, lab

pytestmark = pytest.mark.lab

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")

TWO_PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: nginx, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {containers: [{name: c, image: agnhost, ports: [{containerPort: 9}]}]}
"""
DENY = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"


def test_a_cluster_with_its_agents_passes_the_probe() -> None:
    with lab(LabOptions(nodes=2)) as whole:
        whole.ready()
        done = whole.podfence("probe", "-o", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert enforcing(done.stdout) == {"node-1": "enforced enforced", "node-2": "enforced enforced"}
        assert "podfence-probe" not in whole.kubectl("get", "namespaces", "-o", "name")


def test_without_agents_both_probes_find_that_policies_are_without_effect() -> None:
    with lab(LabOptions(nodes=2, enforced=False)) as whole:
        whole.apply_text(TWO_PODS + DENY)
        whole.ready()
        assert whole.connect("client", f"{address_of(whole, 'web')}:80") == ""
        done = whole.podfence("probe", "--timeout", "2", "-o", "json")
        assert done.returncode == 1, done.stdout + done.stderr
        assert enforcing(done.stdout) == {"node-1": "notEnforced notEnforced", "node-2": "notEnforced notEnforced"}
        assert whole.podfence("lab", "probe", "--name", whole.folder.name).returncode == 1


def enforcing(report: str) -> dict[str, str]:
    return {node["name"]: f"{node['ingress']} {node['egress']}" for node in json.loads(report)["nodes"]}


def address_of(whole: Whole, pod: str) -> str:
    return whole.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}")


def test_a_thousand_policies_at_once_are_enforced_all_and_the_last_word_holds() -> None:
    with lab() as whole:
        whole.apply_text(TWO_PODS + DENY)
        whole.ready()
        with httpx2.Client(base_url=whole.server, timeout=60) as http, concurrent.futures.ThreadPoolExecutor(8) as many:
            created = list(many.map(lambda number: http.post(POLICIES, json=allowing(number)).status_code, range(1000)))
            assert set(created) == {201}
            whole.ready(timeout_s=60)
            web = address_of(whole, "web")
            assert whole.connect("client", f"{web}:80") == ""
            assert {http.delete(f"{POLICIES}/allow-{number}").status_code for number in range(0, 1000, 2)} == {200}
            whole.ready(timeout_s=60)
            assert whole.connect("client", f"{web}:80") == ""
            assert http.request("DELETE", POLICIES, params={"labelSelector": "flood"}).status_code == 200
            whole.ready(timeout_s=60)
            assert whole.connect("client", f"{web}:80") == "TIMEOUT"


def allowing(number: int) -> dict[str, object]:
    """Make a policy: the even ones let the client out, the odd ones let it in and out."""
    spec: dict[str, object] = {
        "podSelector": {},
        "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
    }
    if number % 2:
        spec["ingress"] = [{"from": [{"podSelector": {}}], "ports": [{"port": "http"}, {"port": 1000 + number}]}]
        spec["policyTypes"] = ["Ingress", "Egress"]
    else:
        spec["policyTypes"] = ["Egress"]
    metadata = {"name": f"allow-{number}", "labels": {"flood": "yes"}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


SERVICES = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: agnhost, args: [netexec], ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: 30080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: curl, command: [sleep, infinity]}]}
"""


def test_a_service_answers_at_every_address_that_it_has() -> None:
    with lab(LabOptions(nodes=2)) as whole:
        whole.apply_text(SERVICES)
        whole.ready()
        service = json.loads(whole.kubectl("get", "service", "web", "-o", "json"))
        balancer = service["status"]["loadBalancer"]["ingress"][0]["ip"]
        nodes = whole.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.addresses[0].address}").split()
        for target in ("web", service["spec"]["clusterIP"], balancer, *(f"{node}:30080" for node in nodes)):
            answer = whole.podfence(
                *("lab", "exec", "--name", whole.folder.name, "client", "--"),
                *("curl", "-sm", "3", f"http://{target}/hostname"),
            )
            assert answer.stdout.startswith("web-"), (target, answer)


def test_what_was_kept_in_a_file_is_there_in_the_next_lab(tmp_path: Path) -> None:
    kept = LabOptions(data=str(tmp_path / "objects.db"))
    with lab(kept) as whole:
        whole.apply_text(TWO_PODS + DENY)
        whole.ready()
    with lab(kept) as whole:
        whole.ready()
        assert whole.kubectl("get", "pods,netpol", "-o", "name").split() == [
            "pod/client",
            "pod/web",
            "networkpolicy.networking.k8s.io/deny-all",
        ]
        assert whole.connect("client", f"{address_of(whole, 'web')}:80") == "TIMEOUT"
        assert [cell for cell in compare(whole.folder, 0.5) if not cell.agrees] == []


STORY = """
set -e
"$@" -m podfence lab up -q -f pods.yaml --name ordinary
trap '"$@" -m podfence lab down --name ordinary' EXIT
"$@" -m podfence lab probe --name ordinary
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_has_it_all() -> None:
    command = interpreter_for_all()
    if command is None:
        pytest.skip("no Python that an ordinary user may run has msgspec")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "pods.yaml").write_text(TWO_PODS + DENY, "utf-8")
        os.chown(home, NOBODY, NOBODY)
        done = subprocess.run(
            ["sh", "-c", STORY, "story", *command],
            env=environment() | {"HOME": folder, "XDG_RUNTIME_DIR": folder, "PYTHONUTF8": "1"},
            cwd=home,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "all as the policies say." in done.stdout
        assert 'Lab "ordinary" is gone.' in done.stdout
