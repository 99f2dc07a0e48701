"""Isolation and the union of rules: rows S01 to S38 of the checklist, and S70."""

from __future__ import annotations

import itertools

from podfence.model.policy import Action
from tests.unit.engine.builders import EVERY_POD, NAMESPACES, PODS, Cluster, namespace, np, pod

DENY_IN = "{podSelector: {}, policyTypes: [Ingress]}"
DENY_OUT = "{podSelector: {}, policyTypes: [Egress]}"
A = "podSelector: {matchLabels: {pod: a}}"
OTHERS = EVERY_POD - {"x/a"}


def test_S01_without_policies_everything_is_allowed() -> None:
    cluster = Cluster()
    assert cluster.who_reaches("x/a") == cluster.reached_from("x/a") == OTHERS
    assert cluster.allows("8.8.8.8", "x/a", "icmp")
    assert cluster.allows("x/a", "8.8.8.8", "80/SCTP")


def test_S02_a_policy_of_another_namespace_never_selects_my_pod() -> None:
    assert Cluster(np("y", DENY_IN)).who_reaches("x/a") == OTHERS


def test_S03_an_empty_pod_selector_selects_the_pods_of_its_namespace_only() -> None:
    cluster = Cluster(np("x", DENY_IN))
    assert cluster.reached_from("y/a") == {"y/b", "y/c", "z/a", "z/b", "z/c"}


def test_S04_a_policy_for_ingress_leaves_egress_open() -> None:
    assert Cluster(np("x", DENY_IN)).reached_from("x/a") == OTHERS - {"x/b", "x/c"}


def test_S05_a_policy_for_egress_leaves_ingress_open() -> None:
    cluster = Cluster(np("x", DENY_OUT))
    assert cluster.who_reaches("x/a") == OTHERS - {"x/b", "x/c"}
    assert cluster.reached_from("x/a") == set()


def test_S06_ingress_rules_of_a_policy_for_egress_alone_are_ignored() -> None:
    spec = f"{{podSelector: {{}}, policyTypes: [Egress], ingress: [{{from: [{{{A}}}]}}], egress: [{{}}]}}"
    assert Cluster(np("x", spec)).who_reaches("x/a") == OTHERS


def test_S07_an_empty_list_of_ingress_rules_denies() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, policyTypes: [Ingress], ingress: []}"))
    assert cluster.who_reaches("x/a") == set()
    assert not cluster.allows("8.8.8.8", "x/a")


def test_S08_one_empty_ingress_rule_allows_everything() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, ingress: [{}]}"))
    assert cluster.who_reaches("x/a", "80/SCTP") == OTHERS
    assert cluster.allows("8.8.8.8", "x/a", "icmp")


def test_S09_an_empty_from_is_any_source() -> None:
    for peers in ("from: [], ", "from: null, ", ""):
        cluster = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{{peers}ports: [{{port: 80}}]}}]}}"))
        assert cluster.who_reaches("x/a") == OTHERS
        assert cluster.ports_open("8.8.8.8", "x/a", "80", "81") == ["80"]


def test_S10_empty_ports_are_any_port_and_protocol() -> None:
    for ports in (", ports: []", ", ports: null", ""):
        cluster = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{{A}}}]{ports}}}]}}"))
        assert cluster.who_reaches("x/b", "81/UDP") == {"x/a"}
        assert cluster.who_reaches("x/b", "icmp") == {"x/a"}


def test_S11_from_and_ports_of_one_rule_must_both_match() -> None:
    cluster = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{{A}}}], ports: [{{port: 80}}]}}]}}"))
    assert cluster.who_reaches("x/b") == {"x/a"}
    assert cluster.who_reaches("x/b", "81") == set()


def test_S12_two_rules_are_alternatives_and_never_mix() -> None:
    b = "podSelector: {matchLabels: {pod: b}}"
    rules = f"{{from: [{{{A}}}], ports: [{{port: 80}}]}}, {{from: [{{{b}}}], ports: [{{port: 81}}]}}"
    cluster = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{rules}]}}"))
    assert cluster.who_reaches("x/c") == {"x/a"}
    assert cluster.who_reaches("x/c", "81") == {"x/b"}


def test_S13_peers_are_alternatives_and_so_are_ports() -> None:
    peers = f"{{{A}}}, {{namespaceSelector: {{matchLabels: {{ns: y}}}}}}"
    cluster = Cluster(
        np("x", f"{{podSelector: {{}}, ingress: [{{from: [{peers}], ports: [{{port: 80}}, {{port: 81}}]}}]}}")
    )
    for port in ("80", "81"):
        assert cluster.who_reaches("x/b", port) == {"x/a", "y/a", "y/b", "y/c"}
    assert cluster.who_reaches("x/b", "82") == set()


def test_S14_two_selectors_of_one_peer_must_both_match_those_of_two_peers_either() -> None:
    y = "namespaceSelector: {matchLabels: {ns: y}}"
    both = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{{y}, {A}}}]}}]}}"))
    assert both.who_reaches("x/c") == {"y/a"}
    either = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{{y}}}, {{{A}}}]}}]}}"))
    assert either.who_reaches("x/c") == {"y/a", "y/b", "y/c", "x/a"}


def test_S15_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    assert Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{{A}}}]}}]}}")).who_reaches("x/b") == {"x/a"}
    out = Cluster(np("x", f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{{A}}}]}}]}}"))
    assert out.reached_from("x/b") == {"x/a"}


def test_S16_an_empty_namespace_selector_is_all_pods_of_all_namespaces() -> None:
    system = (*NAMESPACES, namespace("kube-system"))
    cluster = Cluster(
        np("x", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"),
        pods=(*PODS, pod("kube-system/dns")),
        namespaces=system,
    )
    assert cluster.who_reaches("x/a") == OTHERS | {"kube-system/dns"}


def test_S17_an_empty_namespace_selector_is_nobody_outside() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"))
    assert not cluster.allows("8.8.8.8", "x/a")
    assert not cluster.allows("2600::1", "x/a")


def test_S18_a_missing_to_includes_the_outside() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}"))
    assert cluster.reached_from("x/a") == OTHERS
    assert cluster.ports_open("x/a", "8.8.8.8", "80", "81") == ["80"]


def test_S19_a_pod_selector_with_an_empty_namespace_selector_is_such_pods_everywhere() -> None:
    cluster = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{{A}, namespaceSelector: {{}}}}]}}]}}"))
    assert cluster.who_reaches("x/b") == {"x/a", "y/a", "z/a"}


def test_S20_a_namespace_selector_for_others_leaves_out_the_own_namespace() -> None:
    spec = "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]}"
    assert Cluster(np("x", spec)).who_reaches("x/a") == {"y/a", "y/b", "y/c"}


def test_S24_a_new_namespace_label_lets_its_pods_in() -> None:
    policy = np("x", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: red}}}]}]}")
    assert Cluster(policy).who_reaches("x/a") == set()
    labelled = (NAMESPACES[0], namespace("y", ns="y", team="red"), NAMESPACES[2])
    assert Cluster(policy, namespaces=labelled).who_reaches("x/a") == {"y/a", "y/b", "y/c"}


def test_S25_a_new_label_on_a_client_lets_it_in() -> None:
    policy = np(
        "x", "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {vip: 'yes'}}}]}]}"
    )
    assert Cluster(policy).who_reaches("x/a") == set()
    labelled = [pod("x/b", {"pod": "b", "vip": "yes"}), *(item for item in PODS if item is not PODS[1])]
    assert Cluster(policy, pods=labelled).who_reaches("x/a") == {"x/b"}


def test_S26_a_new_label_on_a_server_isolates_it() -> None:
    policy = np("x", "{podSelector: {matchLabels: {locked: ''}}, policyTypes: [Ingress]}")
    assert Cluster(policy).who_reaches("x/a") == OTHERS
    labelled = [pod("x/a", {"pod": "a", "locked": ""}), *PODS[1:]]
    assert Cluster(policy, pods=labelled).who_reaches("x/a") == set()


def test_S27_an_edit_from_allow_to_deny_takes_effect() -> None:
    assert Cluster(np("x", "{podSelector: {}, ingress: [{}]}")).who_reaches("x/a") == OTHERS
    assert Cluster(np("x", "{podSelector: {}, ingress: []}")).who_reaches("x/a") == set()


def test_S28_without_the_policy_everything_is_open_again() -> None:
    cluster = Cluster(np("x", DENY_IN))
    assert cluster.who_reaches("x/a") == set()
    assert Cluster(*cluster.snapshot.policies[1:]).who_reaches("x/a") == OTHERS


def test_S29_two_policies_for_two_ports_open_both() -> None:
    one, two = (
        np("x", f"{{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}", f"np{port}") for port in (80, 81)
    )
    assert Cluster(one, two).ports_open("y/a", "x/a", "80", "81", "82") == ["80", "81"]


def test_S30_allow_all_beside_a_narrow_policy_allows_all() -> None:
    for field, types in (("ingress", "Ingress"), ("egress", "Egress")):
        narrow = np(
            "x", f"{{podSelector: {{}}, policyTypes: [{types}], {field}: [{{ports: [{{port: 81}}]}}]}}", "narrow"
        )
        wide = np("x", f"{{podSelector: {{}}, policyTypes: [{types}], {field}: [{{}}]}}", "wide")
        cluster = Cluster(narrow, wide)
        assert cluster.who_reaches("x/a") == cluster.reached_from("x/a") == OTHERS
        assert cluster.allows("x/a", "y/a", "icmp")


def test_S31_deny_all_beside_an_accept_allows_what_that_accepts() -> None:
    accept = np("x", f"{{podSelector: {{matchLabels: {{pod: b}}}}, ingress: [{{from: [{{{A}}}]}}]}}", "accept")
    cluster = Cluster(np("x", DENY_IN, "deny"), accept)
    assert cluster.who_reaches("x/b") == {"x/a"}
    assert cluster.who_reaches("x/c") == set()


def test_S32_what_the_client_may_not_leave_for_the_server_cannot_let_in() -> None:
    cluster = Cluster(np("x", DENY_OUT), np("y", "{podSelector: {}, ingress: [{}]}"))
    verdict = cluster.verdict("x/a", "y/a")
    assert (verdict.egress.allowed, verdict.ingress.allowed, verdict.allowed) == (False, True, False)


def test_S33_what_the_server_does_not_let_in_the_client_cannot_reach() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}"), np("y", DENY_IN))
    verdict = cluster.verdict("x/a", "y/a")
    assert (verdict.egress.allowed, verdict.ingress.allowed, verdict.allowed) == (True, False, False)


def test_S34_ingress_and_egress_of_one_pod_are_independent() -> None:
    rules = "ingress: [{ports: [{port: 80}]}], egress: [{ports: [{port: 81}]}]"
    spec = f"{{{A}, policyTypes: [Ingress, Egress], {rules}}}"
    cluster = Cluster(np("x", spec))
    assert cluster.ports_open("y/a", "x/a", "80", "81") == ["80"]
    assert cluster.ports_open("x/a", "y/a", "80", "81") == ["81"]


def test_S35_order_and_names_of_policies_do_not_matter() -> None:
    specs = (
        DENY_IN,
        "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}",
        f"{{{A}, ingress: [{{ports: [{{port: 81}}]}}]}}",
    )
    answers = set()
    for order in itertools.permutations(range(3)):
        cluster = Cluster(*(np("x", specs[number], f"np{place}") for place, number in enumerate(order)))
        answers.add(tuple(cluster.ports_open("y/a", "x/a", "80", "81", "82")))
    assert answers == {("80", "81")}


def test_S36_a_rule_for_one_protocol_opens_no_other() -> None:
    for protocol in ("TCP", "UDP", "SCTP"):
        cluster = Cluster(np("x", f"{{podSelector: {{}}, ingress: [{{ports: [{{protocol: {protocol}, port: 80}}]}}]}}"))
        assert cluster.ports_open("y/a", "x/a", "80/TCP", "80/UDP", "80/SCTP", "icmp") == [f"80/{protocol}"]


def test_S37_an_sctp_rule_does_not_open_tcp() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, ingress: [{ports: [{protocol: SCTP, port: 81}]}]}"))
    assert not cluster.allows("y/a", "x/a", "81")


def test_S38_a_policy_for_sctp_alone_isolates() -> None:
    cluster = Cluster(np("x", "{podSelector: {}, ingress: [{ports: [{protocol: SCTP}]}]}"))
    assert cluster.ports_open("y/a", "x/a", "80", "80/UDP", "80/SCTP", "icmp") == ["80/SCTP"]


def test_S46_egress_rules_do_not_imply_dns() -> None:
    rule = "{to: [{namespaceSelector: {matchLabels: {ns: y}}}], ports: [{port: 80}]}"
    spec = f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{rule}]}}"
    cluster = Cluster(np("x", spec))
    assert cluster.ports_open("x/a", "y/a", "80", "53/UDP", "53") == ["80"]
    assert not cluster.allows("x/a", "z/a", "53/UDP")


def test_S47_a_reply_needs_no_rule_of_its_own() -> None:
    # The connection is judged once, by who opens it: neither the client's ingress nor the server's egress has a say.
    cluster = Cluster(np("x", DENY_IN), np("y", DENY_OUT))
    assert cluster.allows("x/a", "y/a")
    assert not cluster.allows("y/a", "x/a")


def test_S70_a_network_policy_cannot_deny() -> None:
    policy = np("x", "{podSelector: {}, ingress: [{action: Deny, from: []}, {ports: [{port: 80}]}]}", readable=False)
    assert policy.ingress is not None
    assert {rule.action for rule in policy.ingress} == {Action.ACCEPT}
    assert Cluster(policy).ports_open("y/a", "x/a", "80", "81") == ["80"]
