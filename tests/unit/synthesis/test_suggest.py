"""What is suggested in cases that people meet: the smallest change, and the reason where there is none."""

from __future__ import annotations

from typing import Any

import yaml

from podfence.synthesis.suggest import Refusal, Suggestion
from tests.unit.asking import cluster_policy, network_policy, pod, suggested

WEB = pod("a/web", app="web", ports="http:8080")
CLIENT = pod("a/client", app="client")
OTHER = pod("a/other", app="other")
FAR = pod("b/far", app="far")


def patch(text: str, source: str, destination: str, port: str) -> tuple[Suggestion, list[dict[str, Any]]]:
    found = suggested(text, source, destination, port)
    assert isinstance(found, Suggestion), found
    return found, list(yaml.safe_load_all(found.manifests))


def refusal(text: str, source: str, destination: str, port: str) -> str:
    found = suggested(text, source, destination, port)
    assert isinstance(found, Refusal), found
    return found.reason


def test_a_missing_port_is_added_to_the_rule_that_has_the_peer() -> None:
    policy = network_policy(
        "a/web",
        "  podSelector: {matchLabels: {app: web}}\n"
        "  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 81}]}]",
    )
    found, (document,) = patch(WEB + CLIENT + OTHER + policy, "a/client", "a/web", "80")
    assert document["spec"]["ingress"][0]["ports"] == [{"port": 81}, {"port": 80}]
    assert (found.pairs, found.besides) == (0, ())


def test_a_rule_of_its_own_is_added_where_a_port_in_the_rule_would_open_more() -> None:
    policy = network_policy(
        "a/web",
        "  podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{podSelector: {}}], ports: [{port: 81}]}]",
    )
    found, (document,) = patch(WEB + CLIENT + OTHER + policy, "a/client", "a/web", "80")
    assert len(document["spec"]["ingress"]) == 2
    assert document["spec"]["ingress"][1]["from"] == [{"podSelector": {"matchLabels": {"app": "client"}}}]
    assert found.pairs == 0


def test_a_default_deny_of_the_namespace_is_answered_by_a_policy_for_these_pods() -> None:
    deny = network_policy("a/deny", "  podSelector: {}\n  policyTypes: [Ingress]")
    found, (document,) = patch(WEB + CLIENT + OTHER + FAR + deny, "b/far", "a/web", "http")
    assert document["metadata"] == {"name": "web-from-far", "namespace": "a"}
    assert document["spec"] == {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}},
                        "podSelector": {"matchLabels": {"app": "far"}},
                    }
                ],
                "ports": [{"protocol": "TCP", "port": 8080}],
            }
        ],
    }
    assert found.pairs == 0


def test_a_new_policy_isolates_nobody_who_might_come_and_is_not_isolated_yet() -> None:
    away = "{key: tier, operator: NotIn, values: [back, batch]}, {key: app, operator: NotIn, values: [web]}"
    deny = network_policy("a/deny", f"  podSelector: {{matchExpressions: [{away}]}}\n  policyTypes: [Egress]")
    text = WEB + pod("a/client", app="client", tier="front") + pod("a/other", app="other", tier="front") + deny
    _, (document,) = patch(text, "a/client", "a/web", "http")
    assert document["spec"]["podSelector"] == {
        "matchLabels": {"app": "client"},
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back", "batch"]}],
    }


def test_a_policy_that_selects_by_the_same_label_adds_nothing_to_a_new_one() -> None:
    deny = network_policy("a/deny", "  podSelector: {}\n  policyTypes: [Ingress]")
    own = network_policy("a/aaa", "  podSelector: {matchExpressions: [{key: app, operator: Exists}]}")
    _, (document,) = patch(WEB + CLIENT + OTHER + FAR + deny + own, "b/far", "a/web", "http")
    assert document["spec"]["podSelector"] == {"matchLabels": {"app": "web"}}


def test_both_sides_are_mended_when_both_deny() -> None:
    deny = "".join(
        network_policy(f"{place}/deny", "  podSelector: {}\n  policyTypes: [Ingress, Egress]") for place in ("a", "b")
    )
    found, documents = patch(WEB + OTHER + FAR + deny, "b/far", "a/web", "80")
    assert {document["metadata"]["namespace"] for document in documents} == {"a", "b"}
    assert found.pairs == 0


def test_what_labels_cannot_tell_apart_is_said() -> None:
    twins = pod("a/one", app="twin") + pod("a/two", app="twin")
    deny = network_policy("a/deny", "  podSelector: {matchLabels: {app: web}}")
    found, _ = patch(WEB + twins + deny, "a/one", "a/web", "80")
    assert found.pairs == 1
    assert [(item.source, item.destination) for item in found.besides] == [("a/one, a/two", "a/web")]


def test_an_address_is_named_by_its_block() -> None:
    deny = network_policy("a/deny", "  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Egress]")
    _, (document,) = patch(WEB + deny, "a/web", "203.0.113.7", "443")
    assert document["spec"]["egress"][0]["to"] == [{"ipBlock": {"cidr": "203.0.113.7/32"}}]


def test_icmp_needs_a_rule_without_ports_and_what_that_opens_is_said() -> None:
    deny = network_policy("a/deny", "  podSelector: {matchLabels: {app: web}}")
    found, (document,) = patch(WEB + CLIENT + deny, "a/client", "a/web", "icmp")
    assert "ports" not in document["spec"]["ingress"][0]
    assert [item.destination for item in found.besides] == ["a/web"]


def test_a_baseline_deny_is_answered_by_an_accept_before_it() -> None:
    rules = """
  ingress:
  - {action: Accept, from: [{namespaces: {matchLabels: {team: x}}}]}
  - {action: Deny, from: [{namespaces: {}}]}
"""
    _, (document,) = patch(WEB + CLIENT + cluster_policy("base", "Baseline", 0, rules), "a/client", "a/web", "80")
    actions = [rule["action"] for rule in document["spec"]["ingress"]]
    assert actions == ["Accept", "Accept", "Deny"]
    assert document["spec"]["ingress"][1]["protocols"] == [{"tcp": {"destinationPort": {"number": 80}}}]


def test_an_accept_for_more_pods_than_asked_gives_way_to_a_policy_just_above() -> None:
    rules = "  ingress: [{action: Deny, from: [{namespaces: {}}]}]"
    text = WEB + CLIENT + OTHER + cluster_policy("base", "Baseline", 7, rules)
    found, (document,) = patch(text, "a/client", "a/web", "80")
    assert (document["spec"]["tier"], document["spec"]["priority"]) == ("Baseline", 6)
    assert found.pairs == 0


def test_above_an_admin_deny_nothing_can_be_allowed() -> None:
    deny = cluster_policy("guard", "Admin", 1, "  ingress: [{action: Deny, from: [{namespaces: {}}]}]")
    assert "ClusterNetworkPolicy guard denies it in the Admin tier" in refusal(
        WEB + CLIENT + deny, "a/client", "a/web", "80"
    )


def test_an_end_that_no_policy_can_name_is_said() -> None:
    deny = network_policy("a/deny", "  podSelector: {matchLabels: {app: web}}")
    host = pod("a/agent", host=True, node="n1")
    said = refusal(WEB + host + deny, "a/agent", "a/web", "80")
    assert said == "the address of a/agent, which is on hostNetwork, is not known, and no label of a policy finds it"


def test_a_policy_that_the_server_refuses_is_not_changed() -> None:
    odd = network_policy("a/odd", "  podSelector: {}\n  ingress: [{from: [{podSelector: {matchLables: {}}}]}]")
    _, (document,) = patch(WEB + CLIENT + odd, "a/client", "a/web", "80")
    assert document["metadata"]["name"] == "web-from-client"


def test_a_policy_whose_name_the_server_makes_up_is_not_changed() -> None:
    rule = "  podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]"
    generated = network_policy("a/web", f"{rule}, ports: [{{port: 81}}]}}]").replace("{name:", "{generateName:")
    _, (document,) = patch(WEB + CLIENT + generated, "a/client", "a/web", "80")
    assert document["metadata"] == {"name": "web-from-client", "namespace": "a"}
    base = cluster_policy("base", "Baseline", 0, "  ingress: [{action: Deny, from: [{namespaces: {}}]}]")
    assert "it has generateName, which kubectl apply refuses" in refusal(
        WEB + CLIENT + base.replace("{name: base}", "{generateName: base-}"), "a/client", "a/web", "80"
    )


def test_a_name_beside_generate_name_counts() -> None:
    rule = "  podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]"
    named = network_policy("a/web", f"{rule}, ports: [{{port: 81}}]}}]").replace("{name:", "{generateName: w-, name:")
    _, (document,) = patch(WEB + CLIENT + named, "a/client", "a/web", "80")
    assert document["metadata"]["name"] == "web"
