"""Fixes written into texts: the finding goes, nothing else comes, and every other line stays as it was."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest
import yaml

from podfence.lint import proof
from podfence.lint.finding import Findings
from podfence.lint.fixing import Fixing, Texts, fix_all
from podfence.lint.run import check
from podfence.manifests.inputs import read_data
from podfence.manifests.manual.rule import Severity
from podfence.manifests.validation.admission import Server
from tests.test_lint_corpus import mendable
from tests.unit.lint.inputs import DEPLOYMENT, FAULTY, POLICY

FILE = "f.yaml"


def fixed(text: str, why_not: str = "") -> tuple[Fixing, str]:
    """Fix a text, and give what was done and the text as it is then."""
    texts = Texts()

    def run() -> Findings:
        return check(read_data(texts.first_read(FILE, text.encode), FILE), Server())

    done = fix_all(run, texts, lambda _: why_not)
    return done, (texts.now(FILE) or b"").decode()


class _Indented(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 (as PyYAML calls it)
        del indentless
        super().increase_indent(flow, indentless=False)


def styles(text: str) -> Iterator[tuple[str, str]]:
    """Write a text in other ways that mean the same."""
    documents = [document for document in yaml.safe_load_all(text) if document]
    yield "as it is", text
    yield "CRLF", text.replace("\n", "\r\n")
    yield (
        "comments",
        "".join(
            f"{line}\n" if not line.strip() or "|" in line or line.startswith("---") else f"{line}  # {number}\n"
            for number, line in enumerate(text.rstrip("\n").split("\n"))
        ),
    )
    yield "indented", yaml.dump_all(documents, Dumper=_Indented, sort_keys=False)
    flows = (yaml.safe_dump(document, default_flow_style=True, sort_keys=False, width=10**6) for document in documents)
    yield "flow", "".join(f"---\n{flow}" for flow in flows)
    yield "list", yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": documents}, sort_keys=False)


def changed_lines(before: str, after: str) -> list[str]:
    return [line for line in difflib.ndiff(before.split("\n"), after.split("\n")) if line[0] in "+-"]


CASES = [(f"{name} {style}", text) for name, whole in mendable() for style, text in styles(whole)]


@pytest.mark.parametrize("text", [text for _, text in CASES], ids=[name for name, _ in CASES])
def test_every_fix_of_the_corpus_is_written_in_every_style(text: str) -> None:
    done, after = fixed(text)
    assert done.unfixed == ()
    assert not [item for item in done.findings.findings if item.changes]
    known = {(item.rule, item.ref) for item in done.before.findings}
    new = [item for item in done.findings.findings if (item.rule, item.ref) not in known]
    assert all(item.severity is Severity.INFO for item in new)
    told = sum(line[0] in "+-" for item in done.fixed for line in item.patch)
    assert len(changed_lines(text, after)) <= 2 * told  # a line of flow style is a line that goes and one that comes
    assert fixed(after)[1] == after


def test_lines_that_no_fix_is_about_stay_byte_for_byte() -> None:
    odd = POLICY.replace("  podSelector: {mat", "  # whom\n  podSelector:   {mat").replace(
        "name: web\n", "name:  web\n"
    )
    text = f"# top\n{DEPLOYMENT}\n---\n{odd}    # the end"
    _, after = fixed(text)
    assert changed_lines(text, after) == ["-     - port: htp", "+     - port: http"]


def test_several_faults_of_one_policy_are_fixed_one_after_the_other() -> None:
    rule = "  - from: [{podSelector: {}}]\n    ports: [{port: htps}]\n"
    text = FAULTY.replace(
        "  ingress:\n",
        f"  policyTypes: [Ingress, Egress]\n  egress: [{{to: [{{podSelector: {{}}}}]}}]\n  ingress:\n{rule}",
    )
    done, after = fixed(text)
    assert {finding.rule for finding in done.fixed} == {"PF101", "PF160"}
    assert after.count("port: http}") == 1  # with the first name right, the second opens nothing more
    assert fixed(after)[0].fixed == ()


def test_policies_that_lack_dns_are_fixed_together_and_each_is_told() -> None:
    spec = (
        "  podSelector: {matchLabels: {app: NAME}}\n  policyTypes: [Egress]\n  egress:\n  - to: [{podSelector: {}}]\n"
    )
    head = POLICY.partition("spec:")[0]
    names = ("web", "api", "db")
    documents = [
        text.replace("NAME", name)
        for name in names
        for text in (DEPLOYMENT.replace("web", "NAME"), f"{head}spec:\n{spec}".replace("name: web", "name: NAME"))
    ]
    done, after = fixed("---\n".join(documents))
    assert [finding.rule for finding in done.fixed] == ["PF101"] * 3
    assert after.count("k8s-app: kube-dns") == 3
    assert not [item for item in done.findings.findings if item.severity is not Severity.INFO]


def test_what_may_not_be_edited_is_named_with_the_reason_and_left_alone() -> None:
    done, after = fixed(FAULTY, "it is not ours")
    assert [(item.finding.rule, item.reason) for item in done.unfixed] == [("PF160", "it is not ours")]
    assert (done.fixed, after) == ((), FAULTY)


def test_what_an_alias_repeats_is_fixed_where_it_is_written() -> None:
    text = (
        FAULTY.replace("    ports:\n", "    ports: &ports\n")
        + "  - from: [{namespaceSelector: {}}]\n    ports: *ports\n"
    )
    done, after = fixed(text)
    assert after == text.replace("htp", "http")
    assert [finding.rule for finding in done.fixed] == ["PF160"]


def test_a_suppressed_finding_is_not_fixed() -> None:
    text = FAULTY.replace("- port: htp", "- port: htp  # podfence:ignore PF160 comes next week")
    assert fixed(text)[1] == text


def test_the_cause_is_fixed_and_not_what_follows_from_it() -> None:
    text = """\
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring, labels: {app.kubernetes.io/name: prometheus}}
spec: {containers: [{name: prometheus, image: prometheus}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  labels: {app: web}
  annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9090"}
spec: {containers: [{name: c, ports: [{containerPort: 9090}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {name: monitoring}}
    ports:
    - port: 9090
"""
    done, after = fixed(text)
    assert {item.rule for item in done.before.findings} >= {"PF130", "PF140"}
    assert [item.rule for item in done.fixed] == ["PF130"]
    assert len(changed_lines(text, after)) == 2


DENY_ALL = """\
# default deny for the whole namespace: never add rules here
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
BALANCER = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
GATEWAY_ONLY = POLICY.replace("podSelector: {}", "podSelector: {matchLabels: {app: gateway}}").replace("htp", "8080")
TWO_WORKLOADS = (DEPLOYMENT, DEPLOYMENT.replace("web", "db"))


def test_a_rule_goes_into_the_policy_about_these_pods_and_not_into_the_default_deny() -> None:
    text = "---\n".join((*TWO_WORKLOADS, BALANCER, DENY_ALL, GATEWAY_ONLY))
    done, after = fixed(text)
    assert [(finding.rule, finding.effect) for finding in done.fixed] == [
        ("PF213", "opens anybody → shop/web TCP 8080, nothing else")
    ]
    assert after.startswith(text)  # the author's own rule stays, though it is now needless


def test_where_only_a_default_deny_is_about_the_pods_a_policy_of_their_own_is_proposed() -> None:
    done, after = fixed("---\n".join((*TWO_WORKLOADS, BALANCER, DENY_ALL)))
    (finding,) = [item for item in done.findings.findings if item.rule == "PF213"]
    assert finding.effect == "opens anybody → shop/web TCP 8080, nothing else"
    proposed = yaml.safe_load(finding.fix or "")
    assert proposed["metadata"]["name"] == "web-ingress-8080"
    assert proposed["spec"]["podSelector"] == {"matchLabels": {"app": "web"}}
    assert after.endswith(DENY_ALL)


def test_a_fix_is_not_shown_while_one_that_may_open_less_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_MOST_PROVED", 1)
    done, _ = fixed("---\n".join((*TWO_WORKLOADS, BALANCER, DENY_ALL)))
    assert [(item.rule, item.fix) for item in done.findings.findings if item.fix or item.rule == "PF213"] == [
        ("PF213", None)
    ]


def test_a_policy_of_their_own_stays_within_what_is_isolated_already() -> None:
    within = "podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [free]}]}"
    done, _ = fixed("---\n".join((*TWO_WORKLOADS, BALANCER, DENY_ALL.replace("podSelector: {}", within))))
    (finding,) = [item for item in done.findings.findings if item.rule == "PF213"]
    assert yaml.safe_load(finding.fix or "")["spec"]["podSelector"] == {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["free"]}],
    }


def test_a_controller_on_nodes_that_nobody_knows_is_not_let_in_as_anybody() -> None:
    controller = DEPLOYMENT.replace("web", "ctl").replace("image: ctl", "image: traefik")
    controller = controller.replace("      containers", "      hostNetwork: true\n      containers")
    ingress = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
"""
    service = BALANCER.replace("type: LoadBalancer, ", "")
    done, _ = fixed("---\n".join((*TWO_WORKLOADS, controller, service, ingress, DENY_ALL, GATEWAY_ONLY)))
    (finding,) = [item for item in done.findings.findings if item.rule == "PF213"]
    assert finding.fix is None
    assert "host network" in finding.hint


def test_a_mistake_is_put_right_where_it_stands_before_a_rule_is_added() -> None:
    dns = """\
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {containers: [{name: coredns}]}
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {selector: {k8s-app: kube-dns}, ports: [{name: u, port: 53, protocol: UDP}, {name: t, port: 53}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {name: kube-system}}
    ports: [{port: 53, protocol: UDP}, {port: 53}]
"""
    done, after = fixed(f"{DEPLOYMENT}---\n{dns}")
    assert [finding.rule for finding in done.fixed] == ["PF130"]
    assert after.count("- to:") == 1
    assert {item.severity for item in done.findings.findings} <= {Severity.INFO}
