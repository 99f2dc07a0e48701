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
    assert main(["diff", "manifests", "git:main:manifests", "-q", "-o", "github"]) == 1
    assert capsys.readouterr().out.startswith("::notice file=manifests/all.yaml,line=")
    for root in ("git:main", "git:main:.", "git:main:./", "git:main:./manifests"):
        assert main(["diff", root, "git:main:manifests/all.yaml", "-q"]) == 0
    monkeypatch.chdir(folder)
    assert main(["diff", "git:main:.", "git:main", "-q"]) == 0
    monkeypatch.chdir(tmp_path)
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


NO_PODS = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
WEB = f"""\
{NO_PODS}---
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: shop, labels: {{app: web}}}}
spec: {{containers: [{{name: c, image: x}}]}}
"""
DNS = (
    "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
    "podSelector: {matchLabels: {k8s-app: kube-dns}}}"
)
TO_DNS = f"egress: [{{to: [{DNS}], ports: [{{port: 53, protocol: UDP}}]}}]"


def network_policy(spec: str, name: str = "out") -> str:
    """Write a NetworkPolicy of namespace shop by the fields of its spec."""
    return (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n"
    )


def compare(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, *options: str, objects: str = WEB
) -> tuple[int, str, str]:
    """Compare two sides that hold the same objects and some policies; gives the exit code and both outputs."""
    for side, policies in (("old", old), ("new", new)):
        (tmp_path / f"{side}.yaml").write_text(objects + policies, encoding="utf-8")
    code = main(["diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"), *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


CLOSED = network_policy("podSelector: {}, policyTypes: [Egress]")
OPEN_TO_DNS = network_policy(f"podSelector: {{}}, policyTypes: [Egress], {TO_DNS}")


def test_a_rule_for_pods_that_nobody_holds_is_shown_by_an_example(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, text, told = compare(capsys, tmp_path, CLOSED, OPEN_TO_DNS)
    first, _, title, _, *lines = text.splitlines()
    assert (code, told) == (1, "")
    assert first == "No connection opens or closes. For pods that the input does not hold, some open."
    assert title == "With pods that the input does not hold, for example:"
    place = f"out modified ({tmp_path / 'new.yaml'}:13)"
    assert lines == [f"OPENS   shop/web → a pod with k8s-app=kube-dns in kube-system  UDP 53  {place}"]


def test_each_example_has_an_end_of_the_input_where_there_is_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old, new, both = (
        "".join(text.replace("shop", home) for home in ("shop", "till"))
        for text in (CLOSED, OPEN_TO_DNS, f"---\n{WEB}")
    )
    text = compare(capsys, tmp_path, old, new, objects=both)[1]
    dns = "a pod with k8s-app=kube-dns in kube-system"
    assert [" ".join(line.split("  UDP")[0].split()) for line in text.splitlines() if line.startswith("OPENS")] == [
        f"OPENS {home}/web → {dns}" for home in ("shop", "till")
    ]


@pytest.mark.parametrize(("expect", "code"), [("equal", 1), ("narrower", 1), ("wider", 0)])
def test_expect_counts_pods_that_nobody_holds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, expect: str, code: int
) -> None:
    found, text, told = compare(capsys, tmp_path, CLOSED, OPEN_TO_DNS, "--expect", expect)
    assert (found, told) == (code, "")
    if code:
        assert "shop/web → a pod with k8s-app=kube-dns in kube-system (not in the input) UDP 53 opens" in text
    else:
        assert text == "YES  NEW is equal to or wider than OLD.\n"


def test_the_json_marks_examples_and_their_ends(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = json.loads(compare(capsys, tmp_path, CLOSED, OPEN_TO_DNS, "-o", "json")[1])
    (link,) = found["opened"]
    (end,) = (item for item in found["endpoints"] if item["kind"] == "PossiblePod")
    assert (link["source"], link["destination"], link["example"]) == ("shop/Pod/web", end["id"], True)
    assert (end["namespace"], end["labels"], end["pods"]) == ("kube-system", {"k8s-app": "kube-dns"}, 0)
    assert end["namespaceLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert "uncompared" not in found


@pytest.mark.parametrize("output", ["md", "sarif", "github", "html"])
def test_every_output_holds_the_example_and_says_what_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, output: str
) -> None:
    text = compare(capsys, tmp_path, CLOSED, OPEN_TO_DNS, "-o", output)[1]
    assert "pod with k8s-app=kube-dns" in text
    assert ("that the input does not hold" if output == "md" else "(not in the input)") in text


@pytest.mark.parametrize("by", ["pod", "workload"])
def test_the_page_draws_the_example(capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str) -> None:
    text = compare(capsys, tmp_path, CLOSED, OPEN_TO_DNS, "--by", by, "-o", "html")[1]
    facts = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    ((opened, destination, _, _, sources),) = facts["changes"]["links"]
    endpoints = facts["picture"]["endpoints"]
    assert endpoints[destination]["name"] == "pod with k8s-app=kube-dns (not in the input)"
    assert (opened, endpoints[destination]["possible"]) == (1, 1)
    assert [endpoints[number]["name"] for number in range(sources[0], sources[0] + sources[1])] == ["web"]


def ingress(peer: str, name: str = "in") -> str:
    """Write a NetworkPolicy that lets a peer into web."""
    return network_policy(f"podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{from: [{peer}]}}]", name)


OF_SHOP, OF_ALL = "{podSelector: {}}", "{namespaceSelector: {}}"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        pytest.param(
            ingress(OF_SHOP),
            ingress(OF_ALL),
            "OPENS   a pod without labels in another namespace → shop/web",
            id="all namespaces, where the input has one",
        ),
        pytest.param(
            "",
            network_policy("podSelector: {matchLabels: {app: later}}, policyTypes: [Ingress]"),
            "CLOSES  outside (anywhere) → a pod with app=later in shop",
            id="a subject that nobody is yet",
        ),
        pytest.param(
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a, b]}]}}"),
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a]}]}}"),
            "CLOSES  a pod with tier=b in shop → shop/web",
            id="one value less",
        ),
        pytest.param(
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}"),
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a]}]}}"),
            "CLOSES  a pod with tier=(other) in shop → shop/web",
            id="any value against one",
        ),
        pytest.param(
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [a]}]}}"),
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}"),
            "CLOSES  a pod with tier=(other) in shop → shop/web",
            id="no such value against no such key",
        ),
        pytest.param(
            ingress("{podSelector: {matchLabels: {a: x}}}, {podSelector: {matchLabels: {b: x}}}"),
            ingress("{podSelector: {matchLabels: {a: x, b: x}}}"),
            "CLOSES  a pod with a=x in shop, a pod with b=x in shop → shop/web",
            id="the dash",
        ),
        pytest.param(
            network_policy("podSelector: {matchLabels: {app: new}}, ingress: [{ports: [{port: 80}]}]"),
            network_policy("podSelector: {matchLabels: {app: new}}, ingress: [{ports: [{port: http}]}]"),
            "OPENS   outside (anywhere) → a pod with app=new and port http (TCP 8080) in shop",
            id="a named port",
        ),
    ],
)
def test_what_changes_for_possible_pods_is_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, line: str
) -> None:
    code, text, _ = compare(capsys, tmp_path, old, new)
    assert code == 1
    assert [found for found in text.splitlines() if " ".join(found.split()).startswith(" ".join(line.split()))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(ingress(DNS), ingress(DNS, "renamed"), id="another name"),
        pytest.param(ingress(f"{DNS}, {OF_SHOP}"), ingress(f"{OF_SHOP}, {DNS}"), id="another order"),
        pytest.param(ingress(f"{DNS}, {OF_SHOP}"), ingress(DNS) + ingress(OF_SHOP, "other"), id="split in two"),
        pytest.param(
            ingress("{podSelector: {matchLabels: {tier: a}}}"),
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a]}]}}"),
            id="In with one value",
        ),
        pytest.param(
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a, b]}]}}"),
            ingress("{podSelector: {matchLabels: {tier: a}}}, {podSelector: {matchLabels: {tier: b}}}"),
            id="the values one by one",
        ),
        pytest.param(ingress(OF_ALL), ingress(f"{OF_ALL}, {DNS}"), id="a peer that another covers"),
        pytest.param(ingress(OF_ALL), ingress(OF_ALL) + ingress(DNS, "more"), id="a policy that another covers"),
        pytest.param(
            ingress("{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}"),
            ingress(
                "{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a]}]}}, "
                "{podSelector: {matchExpressions: [{key: tier, operator: Exists}, "
                "{key: tier, operator: NotIn, values: [a]}]}}"
            ),
            id="a value and all others",
        ),
        pytest.param(
            ingress("{ipBlock: {cidr: 198.51.100.0/24}}"),
            ingress("{ipBlock: {cidr: 198.51.100.0/25}}, {ipBlock: {cidr: 198.51.100.128/25}}"),
            id="halves of a block",
        ),
    ],
)
@pytest.mark.parametrize("objects", [WEB, NO_PODS])
def test_another_way_of_saying_the_same_is_no_difference_for_any_pod(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, objects: str
) -> None:
    assert compare(capsys, tmp_path, old, new, objects=objects) == (
        0,
        "No difference: the same connections are allowed before and after.\n",
        "",
    )
    assert compare(capsys, tmp_path, old, new, "--expect", "equal", objects=objects) == (
        0,
        "YES  NEW is equal to OLD.\n",
        "",
    )


def test_what_pods_of_the_input_show_is_not_told_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = compare(capsys, tmp_path, "", network_policy("podSelector: {}, policyTypes: [Ingress]"))[1]
    assert text.startswith("1 connection closes.\n\nCLOSES  outside (anywhere) → shop/web  all  ")
    assert "not hold" not in text


def test_a_new_workload_with_its_policy_is_told_as_new(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(WEB + ingress("{podSelector: {matchLabels: {role: client}}}"), encoding="utf-8")
    new = WEB.replace("web", "new") + ingress(OF_SHOP, "new").replace("app: web", "app: new")
    text = (tmp_path / "old.yaml").read_text("utf-8") + "---\n" + new
    (tmp_path / "new.yaml").write_text(text, encoding="utf-8")
    assert main(["diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]) == 1
    assert capsys.readouterr().out == "No connection opens or closes. 1 endpoint is new.\n\nNEW     shop/Pod/new\n"


@pytest.mark.parametrize("later", ["", WEB.replace("web,", "web-v2,")], ids=["gone", "renamed"])
@pytest.mark.parametrize("name", ["in", "other"])
def test_a_policy_that_outlives_its_workload_is_compared(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, later: str, name: str
) -> None:
    (tmp_path / "old.yaml").write_text(WEB + ingress(OF_SHOP), encoding="utf-8")
    (tmp_path / "new.yaml").write_text((later or NO_PODS) + ingress(OF_ALL, name), encoding="utf-8")
    assert main(["diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"), "--expect", "narrower"]) == 1
    line = "a pod without labels in another namespace (not in the input) → a pod with app=web in shop"
    assert line in capsys.readouterr().out


OF_PROD = (
    "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: closed}\n"
    "spec: {tier: Baseline, priority: 1, subject: {namespaces: {matchLabels: {env: prod}}}, "
    "ingress: [{action: Deny, from: [{namespaces: {}}]}]}\n"
)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        pytest.param(
            OF_PROD,
            OF_PROD + network_policy("podSelector: {}, policyTypes: [Ingress], ingress: [{}]"),
            "OPENS a pod without labels in another namespace → a pod without labels in a namespace shop with env=prod",
            id="a label that a policy of the cluster asks for",
        ),
        pytest.param(
            *(
                ingress(f"{{namespaceSelector: {{matchLabels: {{env: {env}, kubernetes.io/metadata.name: shop}}}}}}")
                for env in ("dev", "prod")
            ),
            "OPENS a pod without labels in a namespace shop with env=prod → "
            "a pod with app=web in a namespace shop with env=prod",
            id="a label that a peer asks for, at both ends",
        ),
    ],
)
def test_a_namespace_without_an_object_may_have_any_labels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, line: str
) -> None:
    code, text, _ = compare(capsys, tmp_path, old, new, objects="")
    assert code == 1
    assert [found for found in text.splitlines() if " ".join(found.split()).startswith(line)]
    assert compare(capsys, tmp_path, old, new, "--expect", "narrower", objects="")[0] == 1
    assert compare(capsys, tmp_path, old, new, objects=NO_PODS)[0] == 0


@pytest.mark.parametrize(("subject", "code"), [("prod", 0), ("dev", 1)])
def test_two_ends_in_one_namespace_have_its_labels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, subject: str, code: int
) -> None:
    def between(action: str) -> str:
        pay = "kubernetes.io/metadata.name: pay"
        return (
            OF_PROD.replace("Baseline", "Admin")
            .replace("{env: prod}", f"{{{pay}, env: {subject}}}")
            .replace(
                "action: Deny, from: [{namespaces: {}}]",
                f"action: {action}, from: [{{namespaces: {{matchLabels: {{{pay}, env: dev}}}}}}]",
            )
        )

    assert compare(capsys, tmp_path, between("Accept"), between("Deny"))[0] == code


@pytest.mark.parametrize("expect", ["narrower", "wider"])
def test_a_policy_and_the_labels_of_its_namespace_may_change_at_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, expect: str
) -> None:
    prod, stage = (ingress(f"{{namespaceSelector: {{matchLabels: {{env: {env}}}}}}}") for env in ("prod", "stage"))
    for objects in (NO_PODS, WEB):
        (tmp_path / "old.yaml").write_text(objects + prod, encoding="utf-8")
        new = objects.replace("{name: shop}", "{name: shop, labels: {env: prod}}") + stage
        (tmp_path / "new.yaml").write_text(new, encoding="utf-8")
        paths = str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")
        assert main(["diff", *paths, "--expect", expect]) == 1
        assert main(["diff", *paths]) == 1
        lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        web = "shop/web" if objects == WEB else "a pod with app=web in shop"
        assert [
            line
            for line in lines
            if line.startswith(f"OPENS a pod without labels in a namespace with env=stage → {web} ")
        ]
        assert [
            line
            for line in lines
            if line.startswith(f"CLOSES a pod without labels in a namespace with env=prod → {web} ")
        ]


def test_a_rule_for_nodes_that_nobody_holds_is_shown_by_an_example(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = (
        "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: nodes}\n"
        "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, "
        "egress: [{action: Deny, to: [{nodes: {matchLabels: {pool: db}}}]}]}\n"
    )
    code, text, _ = compare(capsys, tmp_path, "", policy)
    assert code == 1
    assert text.startswith("No connection opens or closes. For nodes that the input does not hold, some close.")
    assert "CLOSES  shop/web → a node with pool=db  all" in text


def test_what_was_not_compared_is_said_and_only_then(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keys = [f"{{key: k{number}, operator: In, values: [a, b, c]}}" for number in range(12)]
    same = "".join(f", {{podSelector: {{matchExpressions: [{key}]}}}}" for key in keys)
    known = ", {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}"
    old, new = (ingress(f"{OF_SHOP}{same}{more}") for more in ("", known))
    code, text, told = compare(capsys, tmp_path, old, new, "--expect", "wider")
    assert (code, text, told) == (0, "YES  NEW is equal to or wider than OLD.\n", "")
    assert compare(capsys, tmp_path, old, new)[2].endswith("was compared: shop/in\n")
    covered = ingress(f"{OF_ALL}{same}"), ingress(f"{OF_ALL}{same}{known}")
    code, text, told = compare(capsys, tmp_path, *covered, "--expect", "equal")
    assert code == 0
    assert text == (
        "YES  NEW is equal to OLD for the pods of the input; for others, not all that shop/in may mean was compared.\n"
    )
    assert told == ("not all that 1 changed policy may mean for pods outside of the input was compared: shop/in\n")
    found = json.loads(compare(capsys, tmp_path, *covered, "-o", "json")[1])
    assert [ref["name"] for ref in found["uncompared"]] == ["in"]


OUT, CLIENT = "podSelector: {}, policyTypes: [Egress]", "{podSelector: {matchLabels: {role: client}}}"
TO_WEB = "egress: [{to: [{podSelector: {matchLabels: {app: web}}}]}]"
CLIENTS = "".join(
    f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: client{number}, namespace: shop, labels: {{role: client}}}}\n"
    f"spec: {{containers: [{{name: c, image: x}}]}}\nstatus: {{phase: Running, podIPs: [{{ip: 10.0.0.{number}}}]}}\n"
    for number in (5, 6)
)
BLOCK_OF_CLIENT = "{ipBlock: {cidr: 10.0.0.0/24}}"
BASELINE = (
    "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: closed}\n"
    "spec: {tier: Baseline, priority: 1, subject: {namespaces: {}}, "
    "ingress: [{action: Deny, from: [{namespaces: {}}]}]}\n"
)


@pytest.mark.parametrize(
    ("old", "new", "line", "objects"),
    [
        pytest.param(
            ingress(CLIENT),
            ingress(CLIENT + ", {podSelector: {matchLabels: {app: web}}}"),
            "OPENS shop/web → a pod with app=web in shop",
            WEB,
            id="two pods of which the input has one",
        ),
        pytest.param(
            network_policy(OUT) + ingress(CLIENT),
            network_policy(f"{OUT}, {TO_WEB}") + ingress(CLIENT),
            "OPENS a pod with role=client in shop → shop/web",
            WEB,
            id="a label that only the other side asks for",
        ),
        pytest.param(
            ingress(BLOCK_OF_CLIENT),
            ingress(f"{BLOCK_OF_CLIENT}, {CLIENT}"),
            "OPENS a pod with role=client in shop → shop/web",
            WEB + CLIENTS,
            id="a pod that a block lets in by its address",
        ),
        pytest.param(
            BASELINE + ingress(OF_ALL) + network_policy(OUT).replace("shop}", "other}"),
            BASELINE
            + ingress(OF_ALL)
            + network_policy(f"{OUT}, egress: [{{to: [{OF_ALL}]}}]").replace("shop}", "other}"),
            "OPENS a pod without labels in other → a pod with app=web in shop",
            NO_PODS,
            id="a namespace that is open where the others are closed",
        ),
    ],
)
def test_what_stands_between_possible_pods_and_a_change_is_looked_at(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, line: str, objects: str
) -> None:
    code, text, _ = compare(capsys, tmp_path, old, new, objects=objects)
    assert code == 1
    assert [found for found in text.splitlines() if " ".join(found.split()).startswith(line)]
