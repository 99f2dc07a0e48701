"""What is applied to a cluster: it parses, asks for no more than the agent needs, and fits the command line."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from podfence.agent.metrics import Metrics
from podfence.cli.agent import command
from podfence.cli.main import main
from podfence.kube.kinds import WATCHED

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text("utf-8"))


def one(kind: str) -> dict[str, Any]:
    (found,) = [item for path in DEPLOY.glob("*.yaml") for item in documents(path) if item["kind"] == kind]
    return found


@pytest.fixture
def container() -> dict[str, Any]:
    (found,) = one("DaemonSet")["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def option(name: str) -> click.Parameter:
    (found,) = [item for item in command.params if name in item.opts]
    return found


def test_podfence_check_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DEPLOY)]) == 0, capsys.readouterr().out


def test_the_cluster_role_allows_to_read_what_the_agent_watches_and_nothing_else() -> None:
    rules = one("ClusterRole")["rules"]
    allowed = {(group, kind) for rule in rules for group in rule["apiGroups"] for kind in rule["resources"]}
    assert allowed == {(kind.group, kind.plural) for kind in WATCHED}
    assert {frozenset(rule["verbs"]) for rule in rules} == {frozenset(("get", "list", "watch"))}
    assert all(rule.keys() == {"apiGroups", "resources", "verbs"} for rule in rules)


def test_the_role_is_bound_to_the_account_that_the_agent_runs_as() -> None:
    account = one("ServiceAccount")["metadata"]
    pod = one("DaemonSet")["spec"]["template"]["spec"]
    binding = one("ClusterRoleBinding")
    assert binding["roleRef"]["name"] == one("ClusterRole")["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    assert pod["serviceAccountName"] == account["name"]


def test_every_option_of_the_container_is_one_of_the_agent(container: dict[str, Any]) -> None:
    name, *arguments = container["args"]
    assert name == "agent"
    known = {text for item in command.params for text in item.opts}
    assert {text for text in arguments if text.startswith("-")} <= known
    assert option("--node").envvar in {item["name"] for item in container["env"]}


def test_the_probes_ask_where_the_agent_listens(container: dict[str, Any]) -> None:
    listens = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))["--listen"]
    assert listens == option("--listen").default
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        get = container[probe]["httpGet"]
        assert (f"{get['host']}:{get['port']}", get["path"]) == (listens, path)


def test_the_agent_has_two_capabilities_and_no_way_to_more(container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]}
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert "privileged" not in context


def test_the_kustomization_names_what_is_there() -> None:
    (kustomization,) = documents(DEPLOY / "kustomization.yaml")
    others = {path.name for path in DEPLOY.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == others
    images = {item["name"] for item in kustomization["images"]}
    pod = one("DaemonSet")["spec"]["template"]["spec"]
    assert {item["image"] for item in pod["containers"]} == images


def test_kubectl_builds_the_kustomization() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl")
    done = subprocess.run(  # offline: kubectl reads the folder only
        [kubectl, "kustomize", str(DEPLOY)], capture_output=True, text=True, check=False
    )
    if "unknown command" in done.stderr or "labels" in done.stderr:
        pytest.skip("needs a kubectl that knows kustomize and its labels")
    assert done.returncode == 0, done.stderr
    kinds = [item["kind"] for item in yaml.safe_load_all(done.stdout)]
    assert sorted(kinds) == ["ClusterRole", "ClusterRoleBinding", "DaemonSet", "ServiceAccount"]


def test_the_image_has_a_python_that_the_project_supports_and_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    floor = re.search(r"([0-9]+)\.([0-9]+)", project["requires-python"])
    assert floor is not None
    for version in re.findall(r"^FROM python:([0-9.]+)", text, re.MULTILINE):
        assert tuple(map(int, version.split("."))) >= tuple(map(int, floor.groups()))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []


def test_the_manual_tells_of_every_metric_and_no_other() -> None:
    told = set(re.findall(r"podfence_[a-z_]+", (DEPLOY / "README.md").read_text("utf-8")))
    there = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
        if family.name.startswith("podfence_")
    }
    assert told == there
