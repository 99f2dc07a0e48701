"""``podfence diff`` as a person types it, and what counts as a difference."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from podfence.cli.main import main

CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front, tier: web}}
    spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 7070}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tools, namespace: ops, labels: {app: tools}}
spec: {containers: [{name: c, image: i}]}
"""


def policy(rules: str, name: str = "cart", subject: str = "{matchLabels: {app: cart}}") -> str:
    """Write a NetworkPolicy for cart; ``rules`` are the items of its ingress."""
    return (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: shop}}\n"
        f"spec:\n  podSelector: {subject}\n  policyTypes: [Ingress]\n  ingress:\n{rules}"
    )


FROM_FRONT = "  - from: [{podSelector: {matchLabels: {app: front}}}]\n    ports: [{port: 7070}]\n"
FROM_BLOCK = "  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]\n    ports: [{port: 80, endPort: 83}]\n"


def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, *options: str) -> tuple[int, str]:
    """Write both sides and compare them; gives the exit code and what stands on standard output."""
    (tmp_path / "old.yaml").write_text(CLUSTER + old, encoding="utf-8")
    (tmp_path / "new.yaml").write_text((CLUSTER if "kind: Deployment" not in new else "") + new, encoding="utf-8")
    code = main(["diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"), "-q", *options])
    return code, capsys.readouterr().out


LABEL = "{matchLabels: {app: front}}"
REQUIREMENT = "{matchExpressions: [{key: app, operator: In, values: [front]}]}"
BLOCK, HALVES = (
    "{ipBlock: {cidr: 203.0.113.0/24}}",
    ("{ipBlock: {cidr: 203.0.113.0/25}}, {ipBlock: {cidr: 203.0.113.128/25}}"),
)
RANGE, PORTS = "{port: 80, endPort: 83}", "{port: 80}, {port: 81}, {port: 82}, {port: 83}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(policy(FROM_FRONT), policy(FROM_FRONT, name="renamed"), id="another name"),
        pytest.param(policy(FROM_FRONT + FROM_BLOCK), policy(FROM_BLOCK + FROM_FRONT), id="another order"),
        pytest.param(
            policy(FROM_FRONT + FROM_BLOCK), policy(FROM_FRONT) + policy(FROM_BLOCK, name="other"), id="split in two"
        ),
        pytest.param(policy(FROM_FRONT), policy(FROM_FRONT.replace(LABEL, REQUIREMENT)), id="In with one value"),
        pytest.param(policy(FROM_BLOCK), policy(FROM_BLOCK.replace(BLOCK, HALVES)), id="halves of a block"),
        pytest.param(policy(FROM_BLOCK), policy(FROM_BLOCK.replace(RANGE, PORTS)), id="the ports of a range"),
        pytest.param(policy(FROM_FRONT), policy(FROM_FRONT.replace("port: 7070", "port: http")), id="a named port"),
    ],
)
def test_another_way_of_saying_the_same_is_no_difference(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str
) -> None:
    code, text = run(capsys, tmp_path, old, new)
    assert (code, text) == (0, "No difference: the same connections are allowed before and after.\n")


def test_a_wider_rule_opens_from_outside_first_and_names_the_rule(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, text = run(capsys, tmp_path, policy(FROM_FRONT), policy("  - {}\n"))
    first, empty, *lines = text.splitlines()
    assert code == 1
    assert first.startswith("3 connections open. 1 of those that open is from outside the cluster.")
    assert not empty
    assert [line.split()[0:2] for line in lines] == [
        ["OPENS", "outside"],
        ["OPENS", "ops/tools"],
        ["OPENS", "shop/front"],
    ]
    place = f"({tmp_path / 'new.yaml'}:32)"
    assert all(line.endswith(f"cart modified {place}") for line in lines)


def diff_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str) -> dict[str, Any]:
    """Compare two sides; gives the JSON of the answer."""
    found: dict[str, Any] = json.loads(run(capsys, tmp_path, old, new, "-o", "json")[1])
    return found


def test_removing_the_only_policy_opens_and_blames_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = diff_json(capsys, tmp_path, policy(FROM_FRONT), "")
    causes = {(c["ref"]["name"], c["change"]) for link in found["opened"] for c in link["causedBy"]}
    assert causes == {("cart", "removed")}
    assert found["closed"] == []


def test_only_the_policy_that_had_a_say_is_blamed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bystander = policy(FROM_FRONT, name="front", subject="{matchLabels: {app: front}}")
    changed = bystander.replace("7070", "7071")
    found = diff_json(capsys, tmp_path, policy(FROM_FRONT) + bystander, policy(FROM_FRONT + FROM_BLOCK) + changed)
    causes = {link["destination"]: [cause["ref"]["name"] for cause in link["causedBy"]] for link in found["opened"]}
    assert causes == {"shop/Deployment/front": ["front"], "shop/Pod/cart": ["cart"]}


def test_a_connection_that_labels_opened_has_no_policy_to_blame(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    new = CLUSTER.replace("{app: tools}", "{app: front}").replace("namespace: ops", "namespace: ops")
    anywhere = policy("  - from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: front}}}]\n")
    found = diff_json(capsys, tmp_path, anywhere, new + anywhere)
    assert [(link["source"], link["causedBy"]) for link in found["opened"]] == [("ops/Pod/tools", [])]


def test_a_namespace_that_lost_its_label_closes_what_it_opened(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rule = policy("  - from: [{namespaceSelector: {matchLabels: {team: a}}}]\n")
    found = diff_json(capsys, tmp_path, rule, CLUSTER.replace("{team: a}", "{team: b}") + rule)
    assert [(link["source"], link["destination"], link["ports"]) for link in found["closed"]] == [
        ("shop/Deployment/front", "shop/Pod/cart", "all")
    ]


def test_endpoints_of_one_side_are_named_and_their_connections_left_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    new = CLUSTER.replace("name: tools", "name: tools2")
    found = diff_json(capsys, tmp_path, "", new)
    assert [item["id"] for item in found["endpointsAdded"]] == ["ops/Pod/tools2"]
    assert [item["id"] for item in found["endpointsRemoved"]] == ["ops/Pod/tools"]
    assert found["opened"] == found["closed"] == []


def test_more_replicas_are_no_difference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert (
        run(capsys, tmp_path, policy(FROM_FRONT), CLUSTER.replace("replicas: 2", "replicas: 5") + policy(FROM_FRONT))[0]
        == 0
    )


@pytest.mark.parametrize(
    ("expect", "old", "new", "code"),
    [
        ("equal", FROM_FRONT, FROM_FRONT, 0),
        ("equal", FROM_FRONT, FROM_BLOCK, 1),
        ("narrower", FROM_FRONT + FROM_BLOCK, FROM_FRONT, 0),
        ("narrower", FROM_FRONT, FROM_FRONT + FROM_BLOCK, 1),
        ("wider", FROM_FRONT, FROM_FRONT + FROM_BLOCK, 0),
        ("wider", FROM_FRONT + FROM_BLOCK, FROM_FRONT, 1),
    ],
)
def test_expect_answers_containment_and_shows_a_witness(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, expect: str, old: str, new: str, code: int
) -> None:
    found, text = run(capsys, tmp_path, policy(old), policy(new), "--expect", expect)
    assert found == code
    assert ("cart modified" in text) is bool(code)


def test_halves_that_open_together_are_told_as_one_block(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    halves = "  - from: [{ipBlock: {cidr: 203.0.113.0/25}}, {ipBlock: {cidr: 203.0.113.128/25}}]\n"
    text = run(capsys, tmp_path, policy("    []\n"), policy(halves))[1]
    assert [line for line in text.splitlines() if "outside 203.0.113.0/24 " in line]


def test_a_git_revision_is_read_without_touching_the_working_tree(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "all.yaml").write_text(CLUSTER + policy(FROM_FRONT), encoding="utf-8")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], check=True)  # noqa: S607 (git from PATH, as the program takes it)
    (folder / "all.yaml").write_text(CLUSTER + policy(FROM_FRONT + FROM_BLOCK), encoding="utf-8")
    assert main(["diff", "git:main:manifests", "manifests", "-q", "-o", "github"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("::warning file=manifests/all.yaml,line=")
    assert main(["diff", "git:main:manifests/all.yaml", "git:main:manifests", "-q"]) == 0
    assert main(["diff", "git:nowhere:manifests", "manifests"]) == 2
    assert "git:nowhere:manifests" in capsys.readouterr().err


def test_sarif_points_at_the_rule_that_opened(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = json.loads(run(capsys, tmp_path, policy(FROM_FRONT), policy(FROM_FRONT + FROM_BLOCK), "-o", "sarif")[1])
    result = log["runs"][0]["results"][0]
    rule = log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
    place = result["locations"][0]["physicalLocation"]
    assert (rule["id"], result["level"]) == ("connection-opened", "warning")
    assert place["artifactLocation"]["uri"] == f"{tmp_path}/new.yaml"
    assert place["region"]["startLine"] == 34


def test_markdown_is_a_table_with_the_sentence_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run(capsys, tmp_path, policy(FROM_FRONT), policy(FROM_FRONT + FROM_BLOCK), "-o", "md")[1]
    assert text.startswith("**1 connection opens. 1 of those that open is from outside the cluster.**\n\n| | from |")
    assert "| opens | outside 203.0.113.0/24 | shop/cart | TCP 80-83 | cart modified" in text


def test_two_sides_without_objects_are_no_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    assert main(["diff", str(tmp_path / "old"), str(tmp_path / "new")]) == 2
    assert "nothing to compare" in capsys.readouterr().err


def test_a_change_that_only_pods_outside_of_the_input_could_show_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "egress: [{to: [{namespaceSelector: {matchLabels: {team: x}}}]}]"
    text = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress], RULE}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: c, image: x}]}
"""
    for name, rules in (("old", "egress: []"), ("new", rule)):
        (tmp_path / f"{name}.yaml").write_text(text.replace("RULE", rules), "utf-8")
    sides = [str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]
    assert main(["diff", *sides]) == 0
    told = capsys.readouterr().err
    assert told == "1 policy changes nothing between the pods of the input (no others are compared): shop/out\n"
    assert main(["diff", *sides, "--expect", "equal"]) == 0
    assert capsys.readouterr().out == "YES  NEW is equal to OLD, for the pods of the input.\n"
    assert main(["diff", sides[0], sides[0]]) == 0
    assert capsys.readouterr().err == ""
