"""What ``why`` writes beside the plain cases: Services, many pairs, rules of every tier, changes that open more."""

from __future__ import annotations

from podfence.report.patch import Insertion
from podfence.report.term import Terminal
from podfence.report.why_json import verdict_object
from podfence.report.why_text import Remedy, why_text
from tests.unit.asking import asked, cluster_policy, network_policy, pod

WEB = pod("a/web", app="web", ports="http:8080", address="10.0.0.1")
CLIENT = pod("a/client", app="client", address="10.0.0.2")
SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\n"
    "spec: {selector: {app: web}, ports: [{name: main, port: 80, targetPort: http}]}\n---\n"
)
DENY = network_policy("a/deny", "  podSelector: {}\n  policyTypes: [Ingress, Egress]")


def text(manifests: str, source: str, destination: str, port: str, remedy: Remedy | None = None) -> str:
    return why_text(asked(manifests, source, destination, port), remedy, lambda _: (), Terminal())


def test_the_port_behind_a_service_or_a_name_is_said() -> None:
    through = text(WEB + CLIENT + SERVICE, "a/client", "a/service/web", "main")
    assert 'Service a/web sends port "main" to TCP 8080 of its pods: policies see the pod\'s port.' in through
    assert 'port "http" of a/web is TCP 8080.' in text(WEB + CLIENT, "a/client", "a/web", "http")


def test_both_sides_are_explained_when_both_deny() -> None:
    found = text(WEB + CLIENT + DENY, "a/client", "a/web", "80")
    assert found.count("DENIED") == 3
    assert "each denies this, so both must change" in found


def test_a_rule_of_a_tier_is_named_with_its_action_and_its_name() -> None:
    rules = "  ingress: [{name: no-one, action: Deny, from: [{namespaces: {}}]}]"
    found = text(WEB + CLIENT + cluster_policy("guard", "Admin", 1, rules), "a/client", "a/web", "80")
    assert 'by ClusterNetworkPolicy guard, rule 1 "no-one" (-:' in found
    assert "Deny in the Admin tier" in found


def test_the_denied_pair_of_many_is_shown() -> None:
    pods = pod("b/one", app="one") + pod("b/two", app="two")
    policy = network_policy(
        "a/p",
        "  podSelector: {}\n  ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: one}}}]}]",
    )
    found = text(WEB + pods + policy, "namespace/b", "a/web", "80")
    assert found.startswith("DENIED  namespace b → a/web TCP 80\n")
    assert "  leaving   b/two" in found
    shown = "shown is the first pair that is denied, b/two → a/web TCP 80, of 2 that policies tell apart."
    assert shown in " ".join(found.split())


def test_a_change_that_opens_more_says_what() -> None:
    remedy = Remedy(
        insertions=(Insertion(None, "", 0, ({"kind": "NetworkPolicy", "metadata": {"name": "new"}},)),),
        besides=("a/other → a/web TCP 80",),
        manifests="…",
    )
    found = text(WEB + CLIENT + DENY, "a/client", "a/web", "80", remedy)
    assert "To allow it    a new NetworkPolicy, new:\n      + kind: NetworkPolicy\n" in found
    assert "closes nothing" in found
    assert found.endswith("    a/other → a/web TCP 80\n")


def test_without_a_change_the_reason_is_given_in_both_formats() -> None:
    remedy = Remedy(reason="it cannot be")
    assert text(WEB + CLIENT + DENY, "a/client", "a/web", "80", remedy).endswith("  No patch       it cannot be.\n")
    found = verdict_object(asked(WEB + CLIENT + DENY, "a/client", "a/web", "80"), remedy)
    assert (found["suggestion"], found["reason"].endswith("No suggestion: it cannot be.")) == (None, True)


def test_notes_fit_the_width() -> None:
    block = network_policy("a/p", "  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]")
    found = text(WEB + pod("b/new") + block, "b/new", "a/web", "80")
    assert "(--pod-cidr)" in found
    assert max(map(len, found.splitlines())) <= 100
