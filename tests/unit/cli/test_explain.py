"""``podfence explain``: what a policy says, what it does not say, and the table of a firewall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podfence.cli.main import main
from podfence.report.languages import CHINESE

CLUSTER = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: i}]}
"""


def policy(spec: str, name: str = "web") -> str:
    return (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )


WEB = "podSelector: {matchLabels: {app: web}}"
PODS = "podSelector: {matchLabels: {app: db}}"
NAMESPACES = "namespaceSelector: {matchLabels: {a: b}}"


def explained(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *options: str) -> str:
    (tmp_path / "all.yaml").write_text(CLUSTER + text, encoding="utf-8")
    assert main(["explain", str(tmp_path / "all.yaml"), "-q", *options]) == 0
    return " ".join(capsys.readouterr().out.split())


def as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *options: str) -> dict[str, Any]:
    (tmp_path / "all.yaml").write_text(CLUSTER + text, encoding="utf-8")
    assert main(["explain", str(tmp_path / "all.yaml"), "-q", "-o", "json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"{{{WEB}, policyTypes: [Ingress]}}", "Entering closed: nobody may connect to them."),
        (f"{{{WEB}, policyTypes: [Ingress]}}", "Leaving nothing is said; as far as this policy goes"),
        (f"{{{WEB}, policyTypes: [Egress]}}", "Leaving closed: they may connect to nobody."),
        (f"{{{WEB}, policyTypes: [Egress]}}", "names do not resolve unless another policy allows it"),
        (f"{{{WEB}, ingress: [{{}}]}}", "Anybody, inside the cluster and outside may connect to them on every port"),
        (f"{{{WEB}, ingress: [{{ports: [{{port: http}}]}}]}}", "on TCP http (8080)."),
        (f"{{{WEB}, ingress: [{{ports: [{{port: htpp}}]}}]}}", "TCP htpp (which no pod there declares)"),
        (f"{{{WEB}, ingress: [{{ports: [{{port: 80, endPort: 90, protocol: UDP}}]}}]}}", "on UDP 80 to 90."),
        (f"{{{WEB}, ingress: []}}", "policyTypes is not written"),
        ("{podSelector: {}}", "every pod of shop (shop/db, shop/web)"),
        ("{podSelector: {matchLabels: {app: none}}}", "No pod of the input is selected"),
        (
            f"{{{WEB}, ingress: [{{from: [{{{NAMESPACES}}}, {{{PODS}}}]}}]}}",
            "With one dash less the namespaces and the pods would be one peer",
        ),
        (
            f"{{{WEB}, ingress: [{{from: [{{{NAMESPACES}, {PODS}}}]}}]}}",
            "Pods and namespaces stand behind one dash: both must match.",
        ),
        (f"{{{WEB}, egress: [{{to: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]}}]}}", "connect to the addresses 10.0.0.0/8"),
    ],
)
def test_a_policy_is_told_with_what_its_text_does_not_say(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, spec: str, said: str
) -> None:
    assert said in explained(capsys, tmp_path, policy(spec))


def test_a_rule_that_lets_dns_out_is_not_called_forgetful(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = f"{{{WEB}, policyTypes: [Egress], egress: [{{ports: [{{port: 53, protocol: UDP}}]}}]}}"
    assert "names do not resolve" not in explained(capsys, tmp_path, policy(spec))


def test_the_table_ends_each_direction_with_its_cleanup_rule(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = f"{{{WEB}, ingress: [{{from: [{{{PODS}}}], ports: [{{port: 80}}]}}]}}"
    (found,) = as_json(capsys, tmp_path, policy(spec))["policies"]
    rows = [(row["source"], row["service"], row["action"], row["rule"]) for row in found["table"]]
    assert rows == [
        ("the pods of shop with app=db", "TCP 80", "accept", "shop/web, ingress[0]"),
        ("any", "any", "drop", "cleanup (default deny)"),
    ]


def test_an_endpoint_gets_one_table_of_all_policies_that_select_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    both = policy(f"{{{WEB}, ingress: [{{ports: [{{port: 80}}]}}]}}") + policy("{podSelector: {}}", name="deny")
    found = as_json(
        capsys, tmp_path, both + policy("{podSelector: {matchLabels: {app: db}}}", name="db"), "--focus", "shop/web"
    )
    assert [item["ref"]["name"] for item in found["policies"]] == ["deny", "web"]
    assert [(row["direction"], row["action"]) for row in found["table"]] == [
        ("ingress", "accept"),
        ("ingress", "drop"),
        ("egress", "accept"),
    ]


def test_chinese_says_it_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = explained(capsys, tmp_path, policy(f"{{{WEB}, policyTypes: [Ingress]}}"), "--lang", "zh")
    assert CHINESE["closed_all"] in text


def test_markdown_has_a_heading_and_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = explained(capsys, tmp_path, policy(f"{{{WEB}, policyTypes: [Ingress]}}"), "-o", "md")
    assert text.startswith("## NetworkPolicy shop/web (")
    assert "| # | source | destination | service | action | rule |" in text


def test_a_policy_that_is_not_there_is_refused_with_the_nearest_names(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "all.yaml").write_text(CLUSTER + policy("{podSelector: {}}"), encoding="utf-8")
    assert main(["explain", str(tmp_path / "all.yaml"), "--policy", "shop/wbe"]) == 2
    assert capsys.readouterr().err == "podfence: shop/wbe: no such policy in the input; did you mean shop/web?\n"


GUARD = """\
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress:
  - {action: Deny, to: [{networks: [192.0.2.0/24]}]}
"""


def test_a_policy_names_the_admin_tier_that_may_overrule_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told = explained(capsys, tmp_path, policy(f"{{{WEB}, policyTypes: [Egress]}}") + GUARD, "--policy", "shop/web")
    assert "The Admin tier is asked first, and what it accepts or denies is settled: guard." in told
    assert "no policy takes it away" not in told


def test_the_admin_tier_is_not_named_where_it_says_nothing_about_the_direction(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = explained(capsys, tmp_path, policy(f"{{{WEB}, policyTypes: [Ingress]}}") + GUARD, "--policy", "shop/web")
    assert "Admin tier" not in told


def test_a_pass_in_the_last_tier_ends_in_the_default(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = GUARD.replace("Admin", "Baseline").replace("Deny", "Pass")
    told = explained(capsys, tmp_path, text)
    assert "the rules below are not asked, and the default is to allow it." in told
    assert "the NetworkPolicies decide" not in told


def test_an_admin_policy_that_only_passes_on_overrules_nobody(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = policy(f"{{{WEB}, policyTypes: [Egress]}}") + GUARD.replace("Deny", "Pass")
    assert "is settled" not in explained(capsys, tmp_path, text, "--policy", "shop/web")
