"""Real kubectl against the lab's API server: what a person types, and what they read.

Which kubectl, is up to the machine; the expected texts are those that versions 1.27 to 1.33 agree on.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
import uvicorn

from podfence.lab.apiserver.app import create_app, create_registry
from podfence.lab.apiserver.object_store import InProcessStore
from podfence.lab.apiserver.plugins import NAMESPACES
from podfence.lab.apiserver.registry import Registry

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="needs kubectl")

CONFIGURATION = """
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "http://127.0.0.1:PORT"}}]
contexts: [{name: lab, context: {cluster: lab, user: lab, namespace: NAMESPACE}}]
users: [{name: lab, user: {}}]
current-context: lab
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: "nginx:1.27"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""


class Kubectl:
    """Types commands."""

    def __init__(self, home: Path, port: int, namespace: str) -> None:
        self.folder = home / namespace
        self.folder.mkdir()
        path = self.folder / "kubeconfig"
        text = CONFIGURATION.replace("PORT", str(port)).replace("NAMESPACE", namespace)
        path.write_text(text, encoding="utf-8")
        # One home for all, so that what kubectl discovered once it knows in every test.
        self.environment = {**os.environ, "KUBECONFIG": str(path), "HOME": str(home)}

    def type(self, command: str, text: str = "", **environment: str) -> tuple[str, str]:
        """Run a command; gives what it printed, and what it complained of."""
        assert KUBECTL is not None
        done = subprocess.run(
            [KUBECTL, *command.split()],
            input=text.encode(),
            capture_output=True,
            timeout=60,
            check=False,
            env=self.environment | environment,
        )
        return done.stdout.decode(), done.stderr.decode()

    def out(self, command: str, text: str = "", **environment: str) -> str:
        """Run a command and give what it printed; it must not complain of anything but versions."""
        printed, complaint = self.type(command, text, **environment)
        lines = [line for line in complaint.splitlines() if "version difference" not in line]
        assert not lines, complaint
        return printed.strip()

    def complaint(self, command: str, text: str = "") -> str:
        """Run a command that fails; gives its complaint."""
        return self.type(command, text)[1].strip()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Path, int]]:
    listening = create_server(("127.0.0.1", 0))
    registry = create_registry()
    config = uvicorn.Config(create_app(registry), lifespan="off", ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield registry, tmp_path_factory.mktemp("home"), listening.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.fixture
def kubectl(lab: tuple[Registry, Path, int]) -> Kubectl:
    """Give each test a namespace of its own."""
    registry, home, port = lab
    namespace = f"test-{len(registry.storage.collection(NAMESPACES).entries)}"
    InProcessStore(registry, "test").create(NAMESPACES, None, {"metadata": {"name": namespace}})
    return Kubectl(home, port, namespace)


def test_objects_are_created_shown_and_deleted(kubectl: Kubectl) -> None:
    created = "deployment.apps/web created\nnetworkpolicy.networking.k8s.io/deny created"
    assert kubectl.out("create -f -", WEB) == created
    assert kubectl.out("get deploy,netpol -o name").split() == [
        "deployment.apps/web",
        "networkpolicy.networking.k8s.io/deny",
    ]
    shown = kubectl.out("get netpol").splitlines()
    assert [line.split()[:2] for line in shown] == [["NAME", "POD-SELECTOR"], ["deny", "app=web"]]
    wide = kubectl.out("get deploy -o wide").splitlines()
    assert wide[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert wide[1].split()[:4] + wide[1].split()[5:] == ["web", "0/2", "0", "0", "nginx", "nginx:1.27", "app=web"]
    assert kubectl.out("get deploy web -o jsonpath={.spec.replicas}") == "2"
    columns = "get deploy -o custom-columns=N:.metadata.name,R:.spec.replicas --no-headers"
    assert kubectl.out(columns).split() == ["web", "2"]
    assert "deleted" in kubectl.out("delete deploy/web netpol/deny")
    assert kubectl.type("get deploy,netpol")[1].strip().startswith("No resources found in test-")


def test_refusals_read_as_those_of_any_cluster(kubectl: Kubectl) -> None:
    kubectl.out("create -f -", WEB)
    assert kubectl.complaint("get pods nope") == 'Error from server (NotFound): pods "nope" not found'
    assert kubectl.complaint("get things") == 'error: the server doesn\'t have a resource type "things"'
    twice = 'Error from server (AlreadyExists): error when creating "STDIN": deployments.apps "web" already exists'
    assert twice in kubectl.complaint("create -f -", WEB)
    misspelt = WEB.replace("podSelector", "podselector").replace("name: deny", "name: typo")
    assert 'unknown field "spec.podselector"' in kubectl.complaint("create -f -", misspelt)
    ingress = WEB.replace("[Ingress]", "[Inside]").replace("name: deny", "name: typo")
    expected = (
        'NetworkPolicy.networking.k8s.io "typo" is invalid: spec.policyTypes[0]: Unsupported value: "Inside": '
        'supported values: "Ingress", "Egress"'
    )
    assert expected in kubectl.complaint("create -f -", ingress)
    assert 'namespaces "none" not found' in kubectl.complaint("create -n none -f -", WEB)
    assert "field label not supported: spec.x" in kubectl.complaint("get pods --field-selector spec.x=y")


def test_apply_creates_then_configures_then_leaves_alone(kubectl: Kubectl) -> None:
    def applied(text: str, *flags: str) -> list[str]:
        return [line.split()[-1] for line in kubectl.out(f"apply {' '.join(flags)} -f -", text).splitlines()]

    assert applied(WEB) == ["created", "created"]
    assert applied(WEB) == ["unchanged", "unchanged"]
    assert applied(WEB.replace("replicas: 2", "replicas: 3")) == ["configured", "unchanged"]
    assert kubectl.out("get deploy web -o jsonpath={.spec.replicas}") == "3"
    assert kubectl.type("diff -f -", WEB)[0].count("\n-  replicas: 3\n+  replicas: 2\n") == 1
    assert kubectl.out("diff -f -", WEB.replace("replicas: 2", "replicas: 3")) == ""


def test_server_side_apply_takes_over_and_names_whom_it_disagrees_with(kubectl: Kubectl) -> None:
    kubectl.out("apply -f -", WEB)
    assert kubectl.out("apply --server-side -f -", WEB).count("serverside-applied") == 2
    other = WEB.replace("replicas: 2", "replicas: 5")
    complaint = kubectl.complaint("apply --server-side --field-manager=other -f -", other)
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas' in complaint
    kubectl.out("apply --server-side --field-manager=other --force-conflicts -f -", other)
    assert kubectl.out("get deploy web -o jsonpath={.spec.replicas}") == "5"


def test_objects_are_changed_in_every_way(kubectl: Kubectl) -> None:
    kubectl.out("create -f -", WEB)
    assert kubectl.out("label deploy web tier=front") == "deployment.apps/web labeled"
    assert kubectl.out("annotate deploy web note=x") == "deployment.apps/web annotated"
    assert kubectl.out("scale deploy web --replicas=4") == "deployment.apps/web scaled"
    assert kubectl.out("set image deploy/web nginx=nginx:2") == "deployment.apps/web image updated"
    assert kubectl.out('patch deploy web --type=merge -p {"spec":{"paused":true}}') == "deployment.apps/web patched"
    operation = '[{"op":"remove","path":"/spec/paused"}]'
    assert kubectl.out(f"patch deploy web --type=json -p {operation}") == "deployment.apps/web patched"
    container = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox"}]}}}}'
    assert kubectl.out(f"patch deploy web -p {container}") == "deployment.apps/web patched"
    images = kubectl.out("get deploy web -o jsonpath={.spec.template.spec.containers[*].image}")
    assert sorted(images.split()) == ["busybox", "nginx:2"]
    editor = kubectl.folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/replicas: 4/replicas: 6/" "$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    assert kubectl.out("edit deploy web", KUBE_EDITOR=str(editor)) == "deployment.apps/web edited"
    expected = "6 front"
    assert (
        kubectl.out("get deploy web -o jsonpath={.spec.replicas}{.metadata.labels.tier}").replace("6", "6 ") == expected
    )
    assert "replaced" in kubectl.out("replace -f -", WEB)
    assert kubectl.out("expose deploy web --port 80") == "service/web exposed"
    assert kubectl.out("get svc web --no-headers").split()[3:5] == ["<none>", "80/TCP"]


def test_collections_are_chosen_by_label_and_field(kubectl: Kubectl) -> None:
    for name, tier in (("a", "front"), ("b", "back"), ("c", "front")):
        kubectl.out(f"run {name} --image=nginx --labels=tier={tier}")
    assert kubectl.out("get pods -l tier=front -o name").split() == ["pod/a", "pod/c"]
    assert kubectl.out("get pods --field-selector metadata.name!=a -o name").split() == ["pod/b", "pod/c"]
    labels = kubectl.out("get pods --show-labels --no-headers").splitlines()
    assert [line.split()[-1] for line in labels] == ["tier=front", "tier=back", "tier=front"]
    kubectl.out("delete pods -l tier=front")
    assert kubectl.out("get pods -o name") == "pod/b"
    assert kubectl.out("run d --image=nginx --dry-run=server") == "pod/d created (server dry run)"
    kubectl.out("delete pods --all")
    assert kubectl.out("get pods -o name") == ""


def test_custom_resources_are_served_as_soon_as_they_are_defined(kubectl: Kubectl) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 3}}}},
    }
    column = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [column],
    }
    names = {"plural": "toys", "singular": "toy", "kind": "Toy", "shortNames": ["ty"]}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "toys.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    toy = "apiVersion: example.com/v1\nkind: Toy\nmetadata: {name: ball}\nspec: {size: 2}\n"
    kubectl.out("create -f -", json.dumps(definition))
    kubectl.out("wait --for=condition=established crd/toys.example.com")
    assert kubectl.out("apply -f -", toy) == "toy.example.com/ball created"
    assert kubectl.out("get ty --no-headers").split() == ["ball", "2"]
    complaint = kubectl.complaint("apply -f -", toy.replace("size: 2", "size: 9"))
    expected = 'The Toy "ball" is invalid: spec.size: Invalid value: 9: spec.size in body should be less than or equal'
    assert expected in complaint
    kubectl.out("delete crd toys.example.com")
    assert "doesn't have a resource type" in kubectl.complaint("get toys") or "NotFound" in kubectl.complaint(
        "get toys"
    )


def test_generators_that_speak_protobuf_are_understood(kubectl: Kubectl) -> None:
    assert kubectl.out("create deployment web --image=nginx --replicas=2") == "deployment.apps/web created"
    assert kubectl.out("create configmap settings --from-literal=a=b") == "configmap/settings created"
    assert kubectl.out("create service clusterip web --tcp=80:8080") == "service/web created"
    assert kubectl.out("create job once --image=busybox -- date") == "job.batch/once created"
    assert kubectl.out("get svc web -o jsonpath={.spec.ports[0].targetPort}") == "8080"
    assert kubectl.out("auth can-i create pods") == "yes"
    assert 'configmaps "settings" already exists' in kubectl.complaint("create configmap settings")


def test_the_server_tells_what_it_serves(kubectl: Kubectl) -> None:
    versions = kubectl.out("api-versions").splitlines()
    assert {"v1", "apps/v1", "networking.k8s.io/v1", "policy.networking.k8s.io/v1alpha2"} <= set(versions)
    rows = {line.split()[0]: line.split() for line in kubectl.out("api-resources --no-headers").splitlines()}
    assert rows["networkpolicies"] == ["networkpolicies", "netpol", "networking.k8s.io/v1", "true", "NetworkPolicy"]
    assert rows["clusternetworkpolicies"][1] == "cnp"
    assert kubectl.out("get --raw /readyz") == "ok"
    assert "Server Version: " in kubectl.out("version")
    definitions = kubectl.out("get crd -o name").split()
    start = "customresourcedefinition.apiextensions.k8s.io/"
    assert f"{start}clusternetworkpolicies.policy.networking.k8s.io" in definitions


def test_a_watch_shows_changes_as_they_come(kubectl: Kubectl) -> None:
    kubectl.out("run a --image=nginx")
    command = [str(KUBECTL), "get", "pods", "-w", "--no-headers"]
    environment = kubectl.environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[0] == b"a"
        kubectl.out("run b --image=nginx")
        assert watching.stdout.readline().split()[0] == b"b"
        watching.terminate()


def test_descriptions_are_drawn_from_what_is_there(kubectl: Kubectl) -> None:
    kubectl.out("create -f -", WEB)
    text = kubectl.out("describe netpol deny")
    assert "PodSelector:     app=web" in text
    assert "Allowing ingress traffic:\n    <none> (Selected pods are isolated for ingress connectivity)" in text
    assert "StrategyType:" in kubectl.out("describe deploy web")
    kubectl.out("wait --for=delete pod/none --timeout=5s")


@pytest.mark.parametrize(
    "kind", ["networkpolicy.spec", "pod.spec.containers", "service.spec", "cnp.spec", "pdb.status"]
)
def test_explain_says_something_of_every_field(kubectl: Kubectl, kind: str) -> None:
    explained = kubectl.out(f"explain {kind}")
    assert "<no description>" not in explained
    assert "<empty>" not in explained
    fields = explained.partition("\nFIELDS:\n")[2].split("\n\n")
    assert fields
    for field in fields:
        lines = [line.strip() for line in field.splitlines() if "enum:" not in line]
        assert "\t<" in lines[0]
        assert lines[-1].endswith(".")


def test_explain_of_one_field_gives_its_type_and_its_words(kubectl: Kubectl) -> None:
    explained = " ".join(kubectl.out("explain networkpolicy.spec.egress.ports.endPort").split())
    assert "FIELD: endPort <integer> DESCRIPTION: The last port of a range" in explained


def test_explain_lists_a_whole_tree_of_fields(kubectl: Kubectl) -> None:
    tree = [line for line in kubectl.out("explain networkpolicy.spec --recursive").splitlines() if "\t<" in line]
    assert [line.split()[0] for line in tree if not line.startswith("   ")] == [
        "egress",
        "ingress",
        "podSelector",
        "policyTypes",
    ]
    assert "        cidr\t<string> -required-" in tree
