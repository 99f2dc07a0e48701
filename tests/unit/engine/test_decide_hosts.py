"""Nodes, the host network and a pod itself: rows S49, S51 to S67 of the checklist that manifests can show."""

from __future__ import annotations

import io

import msgspec

from podfence.engine.connectivity import Connectivity
from podfence.engine.decide import ITSELF, OWN_NODE
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Grouping
from podfence.engine.question import ask, parse_port
from podfence.engine.resolve import resolve
from podfence.manifests.load import load
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import DecidedIn
from tests.unit.engine.builders import Cluster, banp, cnp, namespace, node, np, pod

NAMESPACES = (namespace("x", ns="x"), namespace("y", ns="y"))
NODES = (node("n1", "172.16.0.1", disk="ssd"), node("n2", "172.16.0.2"))
PODS = (
    pod("x/a", ip="10.0.1.1", node="n1"),
    pod("x/b", ip="10.0.1.2", node="n1"),
    pod("y/c", ip="10.0.2.1", node="n2"),
    pod("y/near", {"pod": "a"}, node="n1", host_network=True),
    pod("y/far", {"pod": "a"}, node="n2", host_network=True),
)
DENY = "{podSelector: {}, policyTypes: [Ingress, Egress]}"


def cluster_with(*policies: object) -> Cluster:
    return Cluster(*policies, pods=PODS, nodes=NODES, namespaces=NAMESPACES)  # type: ignore[arg-type]


def test_S49_a_rule_without_ports_matches_icmp_one_with_ports_never() -> None:
    assert cluster_with(np("x", "{podSelector: {}, ingress: [{}]}")).allows("y/c", "x/a", "icmp")
    assert not cluster_with(np("x", "{podSelector: {}, ingress: [{ports: [{}]}]}")).allows("y/c", "x/a", "icmp")
    assert not cluster_with(np("x", DENY)).allows("y/c", "x/a", "icmp")


def test_S51_a_pod_cannot_be_kept_from_itself() -> None:
    for policies in ((np("x", DENY),), (cnp("{ingress: [{action: Deny, from: [{namespaces: {}}]}]}"),)):
        verdict = cluster_with(*policies).verdict("x/a", "x/a")
        assert verdict.allowed
        assert verdict.ingress.reason == verdict.egress.reason == ITSELF


def test_S52_a_single_pod_has_no_connection_to_itself_in_the_map() -> None:
    pods = (pod("x/a", ip="10.0.1.1"), pod("x/b", {"pod": "b"}, count=2))
    connectivity = Connectivity(Cluster(pods=pods, namespaces=NAMESPACES).snapshot, Grouping.WORKLOAD)
    ids = [endpoint.id for endpoint in connectivity.endpoints]
    itself = {ids[number] for number, reached in connectivity.connections() if number in dict(reached)}
    assert {name for name in itself if name.startswith("x/")} == {"x/Pod/b"}


def test_S53_the_own_node_always_gets_in() -> None:
    verdict = cluster_with(np("x", DENY)).verdict("node/n1", "x/a")
    assert verdict.allowed
    assert (verdict.ingress.reason, verdict.ingress.tier) == (OWN_NODE, DecidedIn.DEFAULT)
    blocked = np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [172.16.0.1/32]}}]}]}")
    assert cluster_with(blocked).allows("node/n1", "x/a")


def test_S54_the_way_out_to_the_own_node_is_judged() -> None:
    assert not cluster_with(np("x", DENY)).allows("x/a", "node/n1")
    assert not cluster_with(np("x", DENY)).allows("x/a", "y/near")


def test_S55_another_node_is_no_exception() -> None:
    assert not cluster_with(np("x", DENY)).allows("node/n2", "x/a")


def test_S56_what_merely_runs_on_the_node_is_no_exception() -> None:
    cluster = cluster_with(np("x", DENY))
    assert cluster.who_reaches("x/a") == {"y/near"}
    # Not even from the node's own block of addresses.
    assert not cluster.allows("172.16.0.9", "x/a")


def test_S57_what_one_pod_may_leave_for_its_neighbour_must_still_let_in() -> None:
    accept = "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{}]}"
    deny = "{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]}"
    verdict = cluster_with(np("x", accept), np("x", deny, "deny")).verdict("x/a", "x/b")
    assert (verdict.egress.allowed, verdict.ingress.allowed) == (True, False)


def test_S58_a_host_network_pod_is_no_subject() -> None:
    verdict = cluster_with(np("y", DENY)).verdict("x/a", "y/far")
    assert (verdict.allowed, verdict.ingress.tier) == (True, DecidedIn.NOT_APPLICABLE)


def test_S59_no_selector_finds_a_host_network_pod() -> None:
    peers = (
        "[{podSelector: {}}, {namespaceSelector: {}}, {namespaceSelector: {}, podSelector: {matchLabels: {pod: a}}}]"
    )
    assert cluster_with(np("x", f"{{podSelector: {{}}, ingress: [{{from: {peers}}}]}}")).who_reaches("x/a") == {
        "x/b", "y/c", "y/near",
    }  # fmt: skip
    out = cluster_with(np("x", f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: {peers}}}]}}"))
    assert out.reached_from("x/a") == {"x/b", "y/c"}


def test_S60_a_host_network_pod_has_its_nodes_address_and_none_of_its_own() -> None:
    pods = (PODS[0], pod("y/far", node="n2", host_network=True, ip="10.9.9.9"))
    for cidr, allowed in (("172.16.0.2/32", True), ("10.9.9.9/32", False)):
        policy = np("x", f"{{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}]}}")
        assert Cluster(policy, pods=pods, nodes=NODES, namespaces=NAMESPACES).allows("y/far", "x/a") is allowed


def test_S61_a_pod_that_is_ending_is_still_governed() -> None:
    text = b"""
kind: List
apiVersion: v1
items:
- {apiVersion: v1, kind: Pod, metadata: {name: old, namespace: x, deletionTimestamp: "2026-01-01T00:00:00Z"},
   status: {phase: Running, podIP: 10.0.1.9}}
- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: x},
   spec: {podSelector: {}, policyTypes: [Ingress]}}
"""
    snapshot = load(["-"], stdin=io.BytesIO(text)).snapshot
    cluster = Cluster(*snapshot.policies, pods=snapshot.pods, namespaces=snapshot.namespaces)
    assert cluster.verdict("8.8.8.8", "x/old").ingress.isolated_by == snapshot.policies
    assert not cluster.allows("8.8.8.8", "x/old")


def test_S64_every_address_of_a_pod_counts() -> None:
    pods = (PODS[0], pod("y/two", ip="10.0.2.9 fd00::9"))
    blocks = "{ipBlock: {cidr: 10.0.2.9/32}}, {ipBlock: {cidr: 'fd00::9/128'}}"
    both = np("x", f"{{podSelector: {{}}, ingress: [{{from: [{blocks}]}}]}}")
    assert Cluster(both, pods=pods, namespaces=NAMESPACES).allows("y/two", "x/a")
    one = np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 'fd00::9/128'}}]}]}")
    target = pod("x/dual", ip="10.0.1.7 fd00::7")
    assert not Cluster(one, pods=(*pods, target), namespaces=NAMESPACES).allows("y/two", "x/dual")


def test_S65_a_pod_without_address_is_judged_by_what_its_labels_say() -> None:
    pods = (PODS[0], pod("x/new", {"pod": "b"}))
    policy = np("x", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}")
    assert Cluster(policy, pods=pods, namespaces=NAMESPACES, pod_ranges="").who_reaches("x/a") == {"x/new"}


def test_a_question_about_host_network_pods_is_asked_of_each_node_that_a_block_tells_apart() -> None:
    hosts = [pod(f"y/h{n}", {"app": "h"}, ports=(), node=f"n{n}", host_network=True) for n in (1, 2)]
    workload = [msgspec.structs.replace(item, workload=("DaemonSet", "h")) for item in hosts]
    policy = np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 172.16.0.1/32}}]}]}")
    target = pod("x/a", ip="10.0.1.1", node="n3")
    directory = Directory(Snapshot(NAMESPACES, (target, *workload), NODES, (), (), (policy,)))

    def allowed(source: str) -> bool:
        answer = ask(directory, resolve(directory, source), resolve(directory, "x/a"), parse_port("80"))
        return answer.verdict.allowed

    assert (allowed("y/h1"), allowed("y/h2"), allowed("y/DaemonSet/h")) == (True, False, False)


def test_C60_host_network_pods_are_neither_subjects_nor_pod_peers_of_cluster_policies() -> None:
    deny_in = cnp("{ingress: [{action: Deny, from: [{namespaces: {}}]}]}")
    cluster = cluster_with(deny_in)
    assert cluster.allows("x/a", "y/far")
    assert cluster.who_reaches("x/a") == {"y/near", "y/far"}
    deny_out = cluster_with(banp("{egress: [{action: Deny, to: [{namespaces: {}}]}]}"))
    assert deny_out.reached_from("x/a") == {"y/near", "y/far"}


def test_C61_a_node_peer_is_every_address_of_nodes_with_the_labels_of_the_node() -> None:
    deny = cnp("{egress: [{action: Deny, to: [{nodes: {matchLabels: {disk: ssd}}}]}]}")
    cluster = cluster_with(deny)
    assert (cluster.allows("x/a", "node/n1"), cluster.allows("x/a", "node/n2")) == (False, True)
    # A pod on the host network is its node; one with a network of its own is not.
    assert cluster.reached_from("x/a") == {"x/b", "y/c", "y/far"}


def test_C62_an_empty_node_selector_is_every_node() -> None:
    deny = cnp("{egress: [{action: Deny, to: [{nodes: {}}]}]}")
    cluster = cluster_with(deny)
    assert not cluster.allows("x/a", "node/n1")
    assert not cluster.allows("x/a", "node/n2")
    assert cluster.allows("x/a", "8.8.8.8")


def test_an_unknown_node_is_found_by_a_deny_but_only_by_an_accept_for_all_nodes() -> None:
    pods = (PODS[0], pod("y/lost", node="n9", host_network=True))
    deny_all = "{action: Deny, to: [{networks: [0.0.0.0/0]}]}"

    def reached(rules: str) -> set[str]:
        return Cluster(cnp(f"{{egress: [{rules}]}}"), pods=pods, nodes=NODES, namespaces=NAMESPACES).reached_from("x/a")

    assert reached("{action: Deny, to: [{nodes: {matchLabels: {disk: hdd}}}]}") == set()
    assert reached(f"{{action: Accept, to: [{{nodes: {{matchLabels: {{disk: hdd}}}}}}]}}, {deny_all}") == set()
    assert reached(f"{{action: Accept, to: [{{nodes: {{}}}}]}}, {deny_all}") == {"y/lost"}
