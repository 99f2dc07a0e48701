"""The cluster-scoped policies: rows C39 to C70 of the checklist that manifests can show, and C36."""

from __future__ import annotations

import itertools

from podfence.engine.directory import Directory
from podfence.engine.question import ask, parse_port
from podfence.engine.resolve import resolve
from podfence.model.labels import label_set
from podfence.model.net import Protocol
from podfence.model.objects import Service, ServicePort
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn
from tests.unit.engine.builders import EVERY_POD, NAMESPACES, PODS, Cluster, anp, banp, cnp, namespace, node, np, pod

X = "subject: {namespaces: {matchLabels: {ns: x}}}"
FROM_Y = "from: [{namespaces: {matchLabels: {ns: y}}}]"
FROM_ALL = "from: [{namespaces: {}}]"
TO_ALL = "to: [{namespaces: {}}]"
DENY = "{podSelector: {}, policyTypes: [Ingress]}"
ALLOW = "{podSelector: {}, ingress: [{}]}"
Y = {"y/a", "y/b", "y/c"}
OTHERS = EVERY_POD - {"x/a"}


def ingress(tier: str, priority: int, *rules: str, name: str = "") -> Policy:
    """Write a policy for the ingress of namespace x."""
    spec = f"{{tier: {tier}, priority: {priority}, {X}, ingress: [{', '.join(rules)}]}}"
    return cnp(spec, name or f"{tier.lower()}-{priority}")


def rule(action: str, peers: str = FROM_Y, protocols: str = "") -> str:
    return f"{{action: {action}, {peers}{protocols and ', protocols: [' + protocols + ']'}}}"


def decided(*policies: Policy) -> tuple[bool, DecidedIn]:
    """Tell who decides about y/b on its way into x/a, and how."""
    side = Cluster(*policies).verdict("y/b", "x/a").ingress
    return side.allowed, side.tier


def test_C36_a_cluster_policy_without_rules_has_no_effect() -> None:
    assert Cluster(cnp(f"{{{X}}}"), cnp(f"{{{X}, ingress: []}}", "empty")).who_reaches("x/a") == OTHERS


def test_C39_admin_comes_before_network_policies_before_baseline_before_the_default() -> None:
    admin, baseline = ingress("Admin", 9, rule("Deny")), ingress("Baseline", 1, rule("Deny"))
    assert decided(admin, np("x", ALLOW), baseline) == (False, DecidedIn.ADMIN)
    assert decided(np("x", ALLOW), baseline) == (True, DecidedIn.NETWORK_POLICY)
    assert decided(baseline) == (False, DecidedIn.BASELINE)
    assert decided() == (True, DecidedIn.DEFAULT)


def test_C40_the_lower_number_comes_first_wherever_it_stands() -> None:
    accept, deny = ingress("Admin", 5, rule("Accept"), name="z"), ingress("Admin", 6, rule("Deny"), name="a")
    for order in itertools.permutations((accept, deny)):
        assert decided(*order) == (True, DecidedIn.ADMIN)
    numeric = ingress("Admin", 10, rule("Accept")), ingress("Admin", 9, rule("Deny"))
    assert decided(*numeric) == (False, DecidedIn.ADMIN)


def test_C41_within_a_policy_the_first_rule_that_matches_decides() -> None:
    assert decided(ingress("Admin", 1, rule("Accept"), rule("Deny", FROM_ALL)))[0]
    assert not decided(ingress("Admin", 1, rule("Deny", FROM_ALL), rule("Accept")))[0]


def test_C42_of_two_policies_with_one_priority_the_name_decides() -> None:
    for order in itertools.permutations(
        (ingress("Admin", 1, rule("Accept"), name="a"), ingress("Admin", 1, rule("Deny"), name="b"))
    ):
        assert decided(*order) == (True, DecidedIn.ADMIN)


def test_C43_accept_in_admin_wins_over_a_network_policy() -> None:
    assert decided(ingress("Admin", 1, rule("Accept")), np("x", DENY)) == (True, DecidedIn.ADMIN)


def test_C44_deny_in_admin_wins_over_a_network_policy() -> None:
    assert decided(ingress("Admin", 1, rule("Deny")), np("x", ALLOW)) == (False, DecidedIn.ADMIN)


def test_C45_pass_skips_what_follows_in_admin() -> None:
    first = ingress("Admin", 1, rule("Pass"), rule("Deny"))
    assert decided(first, ingress("Admin", 2, rule("Deny"))) == (True, DecidedIn.DEFAULT)


def test_C46_after_pass_network_policies_decide() -> None:
    assert decided(ingress("Admin", 1, rule("Pass")), np("x", DENY)) == (False, DecidedIn.NETWORK_POLICY)
    assert decided(ingress("Admin", 1, rule("Pass")), np("x", ALLOW)) == (True, DecidedIn.NETWORK_POLICY)


def test_C47_after_pass_and_no_network_policy_baseline_decides() -> None:
    assert decided(ingress("Admin", 1, rule("Pass")), ingress("Baseline", 1, rule("Deny"))) == (
        False,
        DecidedIn.BASELINE,
    )


def test_C48_pass_in_baseline_allows() -> None:
    assert decided(ingress("Baseline", 1, rule("Pass"), rule("Deny"))) == (True, DecidedIn.DEFAULT)


def test_C49_what_nobody_matches_is_allowed() -> None:
    narrow = rule("Deny", protocols="{tcp: {destinationPort: {number: 81}}}")
    assert decided(ingress("Admin", 1, narrow), ingress("Baseline", 1, narrow)) == (True, DecidedIn.DEFAULT)


def test_C50_a_cluster_policy_isolates_nobody() -> None:
    accept = rule("Accept", protocols="{tcp: {destinationPort: {number: 80}}}")
    for tier in ("Admin", "Baseline"):
        cluster = Cluster(ingress(tier, 1, accept))
        assert cluster.ports_open("y/b", "x/a", "80", "81", "icmp") == ["80", "81", "icmp"]
        assert cluster.verdict("y/b", "x/a").ingress.isolated_by == ()


def test_C51_baseline_does_not_speak_of_pods_that_a_network_policy_selects() -> None:
    baseline = ingress("Baseline", 1, rule("Deny", FROM_ALL))
    cluster = Cluster(baseline, np("x", "{podSelector: {matchLabels: {pod: a}}, ingress: [{}]}"))
    assert cluster.who_reaches("x/a") == OTHERS
    assert cluster.who_reaches("x/b") == set()


def test_C52_that_holds_for_each_direction_by_itself() -> None:
    baseline = ingress("Baseline", 1, rule("Deny", FROM_ALL))
    egress_only = np("x", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}")
    assert decided(baseline, egress_only) == (False, DecidedIn.BASELINE)


def test_C53_baseline_cannot_rescue_what_a_network_policy_leaves_out() -> None:
    policy = np("x", "{podSelector: {}, ingress: [{ports: [{port: 81}]}]}")
    assert decided(ingress("Baseline", 1, rule("Accept")), policy) == (False, DecidedIn.NETWORK_POLICY)


def test_C54_accept_on_the_way_out_does_not_let_in() -> None:
    accept = cnp(f"{{subject: {{namespaces: {{matchLabels: {{ns: y}}}}}}, egress: [{{action: Accept, {TO_ALL}}}]}}")
    verdict = Cluster(accept, np("x", DENY)).verdict("y/b", "x/a")
    assert (verdict.egress.allowed, verdict.egress.tier) == (True, DecidedIn.ADMIN)
    assert (verdict.ingress.allowed, verdict.ingress.tier) == (False, DecidedIn.NETWORK_POLICY)


def test_C57_networks_match_pods_too() -> None:
    deny = cnp(f"{{{X}, egress: [{{action: Deny, to: [{{networks: [0.0.0.0/0]}}]}}]}}")
    cluster = Cluster(deny)
    assert cluster.reached_from("x/a") == set()
    assert not cluster.allows("x/a", "8.8.8.8")
    assert cluster.allows("x/a", "2600::1")


def test_C58_networks_without_protocols_match_icmp_of_their_family() -> None:
    cluster = Cluster(cnp(f"{{{X}, egress: [{{action: Deny, to: [{{networks: ['::/0']}}]}}]}}"))
    assert not cluster.allows("x/a", "2600::1", "icmp")
    assert cluster.allows("x/a", "8.8.8.8", "icmp")


def test_C59_without_protocols_a_rule_speaks_of_all_traffic() -> None:
    cluster = Cluster(ingress("Admin", 1, rule("Deny")))
    assert cluster.ports_open("y/b", "x/a", "80", "80/UDP", "80/SCTP", "icmp") == []
    ports = Cluster(
        ingress("Admin", 1, rule("Deny", protocols="{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}"))
    )
    assert ports.ports_open("y/b", "x/a", "80", "80/UDP", "80/SCTP", "icmp") == ["80/UDP", "80/SCTP", "icmp"]


def test_C63_what_cannot_be_read_accepts_nothing_and_denies_everything() -> None:
    unknown = "from: [{planets: {}}]"

    def who(action: str, *policies: Policy) -> set[str]:
        spec = f"{{{X}, ingress: [{rule(action, unknown)}]}}"
        return Cluster(cnp(spec, readable=False), *policies).who_reaches("x/a")

    assert who("Accept", np("x", DENY)) == set()
    assert who("Accept") == OTHERS
    assert who("Deny", np("x", ALLOW)) == set()
    assert who("Pass", np("x", ALLOW)) == set()


def test_C63_that_holds_for_subjects_and_protocols_as_well() -> None:
    subject = cnp(
        f"{{subject: {{planets: {{}}}}, ingress: [{rule('Deny')}, {rule('Accept', FROM_ALL)}]}}", readable=False
    )
    assert Cluster(subject, np("x", DENY)).who_reaches("x/a") == set()
    assert Cluster(subject).who_reaches("z/a") == EVERY_POD - Y - {"z/a"}
    spec = f"{{{X}, ingress: [{rule('Deny', protocols='{icmp: {}}')}]}}"
    assert not Cluster(cnp(spec, readable=False)).allows("y/b", "x/a", "81/UDP")
    accepts = f"{{{X}, ingress: [{rule('Accept', protocols='{icmp: {}}, {tcp: {destinationPort: {number: 80}}}')}]}}"
    cluster = Cluster(cnp(accepts, readable=False), np("x", DENY))
    assert cluster.ports_open("y/b", "x/a", "80", "81", "80/UDP") == ["80"]


def test_C64_a_pod_is_not_kept_from_itself_but_from_itself_through_a_service() -> None:
    deny = cnp(f"{{{X}, egress: [{{action: Deny, {TO_ALL}}}]}}")
    assert Cluster(deny).allows("x/a", "x/a")
    service = Service("x", "me", label_set({"pod": "a"}), (ServicePort("", Protocol.TCP, 80, 80),))
    for policies, allowed in (((deny,), False), ((np("x", DENY),), True)):
        directory = Directory(Snapshot(NAMESPACES, PODS, (), (service,), (), policies))
        answer = ask(directory, resolve(directory, "x/a"), resolve(directory, "x/service/me"), parse_port("80"))
        assert answer.verdict.allowed is allowed


def test_C66_another_priority_makes_another_order() -> None:
    accept = rule("Accept")
    assert decided(ingress("Admin", 5, rule("Deny"), name="d"), ingress("Admin", 6, accept, name="a"))[0] is False
    assert decided(ingress("Admin", 7, rule("Deny"), name="d"), ingress("Admin", 6, accept, name="a"))[0] is True


def test_C67_a_new_namespace_label_moves_pods_in_and_out() -> None:
    policy = ingress("Admin", 1, rule("Deny", "from: [{namespaces: {matchLabels: {team: red}}}]"))
    red = (NAMESPACES[0], namespace("y", ns="y", team="red"), NAMESPACES[2])
    assert Cluster(policy).who_reaches("x/a") == OTHERS
    assert Cluster(policy, namespaces=red).who_reaches("x/a") == OTHERS - Y


def test_C68_baseline_policies_may_be_many_and_go_by_priority() -> None:
    many = ingress("Baseline", 2, rule("Deny")), ingress("Baseline", 1, rule("Accept"))
    assert decided(*many) == (True, DecidedIn.BASELINE)


def test_C69_allow_of_an_admin_network_policy_wins_over_the_others() -> None:
    allow = anp(f"{{{X}, ingress: [{{action: Allow, {FROM_Y}}}]}}")
    assert decided(allow, np("x", DENY), banp(f"{{{X}, ingress: [{rule('Deny')}]}}")) == (True, DecidedIn.ADMIN)


def test_C70_the_baseline_decides_only_when_nobody_else_does() -> None:
    baseline = banp(f"{{{X}, ingress: [{rule('Deny')}]}}")
    assert decided(baseline) == (False, DecidedIn.BASELINE)
    assert decided(baseline, np("x", ALLOW)) == (True, DecidedIn.NETWORK_POLICY)
    assert decided(baseline, anp(f"{{{X}, ingress: [{{action: Allow, {FROM_Y}}}]}}")) == (True, DecidedIn.ADMIN)
    passing = anp(f"{{{X}, ingress: [{{action: Pass, {FROM_Y}}}]}}")
    assert decided(baseline, passing) == (False, DecidedIn.BASELINE)


def test_a_deny_that_is_narrower_leaves_the_rest_to_the_next_rule() -> None:
    subject = "subject: {pods: {podSelector: {matchLabels: {pod: a}}}}"
    rules = f"{rule('Deny', protocols='{tcp: {destinationPort: {number: 80}}}')}, {rule('Accept')}"
    cluster = Cluster(cnp(f"{{{subject}, ingress: [{rules}]}}"), np("x", DENY))
    assert cluster.ports_open("y/b", "x/a", "80", "81", "80/UDP") == ["81", "80/UDP"]
    assert cluster.who_reaches("x/b", "81") == set()


def test_policies_of_both_admin_apis_stand_in_one_order() -> None:
    accept = anp(f"{{priority: 3, {X}, ingress: [{{action: Allow, {FROM_Y}}}]}}")
    assert decided(accept, ingress("Admin", 4, rule("Deny"))) == (True, DecidedIn.ADMIN)
    assert decided(accept, ingress("Admin", 2, rule("Deny"))) == (False, DecidedIn.ADMIN)


def test_pods_of_every_namespace_are_subjects_where_pods_names_no_namespace() -> None:
    spec = f"{{subject: {{pods: {{podSelector: {{matchLabels: {{pod: a}}}}}}}}, ingress: [{rule('Deny', FROM_ALL)}]}}"
    cluster = Cluster(cnp(spec), pods=(*PODS, pod("z/other", {"pod": "a"})))
    assert [name for name in ("x/a", "y/a", "z/a", "z/other", "x/b") if not cluster.allows("x/c", name)] == [
        "x/a", "y/a", "z/a", "z/other",
    ]  # fmt: skip


def test_a_pass_with_an_unreadable_subject_opens_nothing() -> None:
    spec = "{priority: 1, subject: %s, ingress: [{action: Pass, from: [{namespaces: {}}]}]}"
    accept = cnp("{priority: 2, ingress: [{action: Accept, from: [{namespaces: {}}]}]}", "b")
    deny = np("x", "{podSelector: {}, policyTypes: [Ingress]}")
    assert not Cluster(cnp(spec % "{namespaces: {}}", "a"), accept, deny).allows("y/a", "x/a")
    assert not Cluster(cnp(spec % "{planets: {}}", "a", readable=False), accept, deny).allows("y/a", "x/a")


def test_a_pass_for_some_nodes_opens_nothing_to_a_node_that_nobody_knows() -> None:
    ssd = "{action: Pass, to: [{nodes: {matchLabels: {disk: ssd}}}]}"
    rules = f"{{egress: [{ssd}, {{action: Accept, to: [{{networks: [0.0.0.0/0]}}]}}]}}"
    pods = (pod("x/a"), pod("y/lost", node="n9", host_network=True))
    deny = np("x", "{podSelector: {}, policyTypes: [Egress]}")
    nodes = (node("n1", "10.1.1.1", disk="ssd"),)
    assert not Cluster(cnp(rules), deny, pods=pods, nodes=nodes).allows("x/a", "y/lost")
    assert not Cluster(cnp(rules), pods=pods, nodes=nodes).allows("x/a", "y/lost")


def test_the_baseline_of_the_older_api_counts_as_priority_0_under_its_name() -> None:
    older = banp("ingress: [{action: Deny, from: [{namespaces: {}}]}]")
    for name, priority, allowed in (("a-first", 0, True), ("z-last", 0, False), ("a-first", 1, False)):
        newer = f"tier: Baseline\npriority: {priority}\ningress: [{{action: Accept, from: [{{namespaces: {{}}}}]}}]"
        assert Cluster(older, cnp(newer, name)).allows("x/a", "y/a") is allowed
