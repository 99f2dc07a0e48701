"""Classes: ends that every policy sees alike are one, and no others."""

from __future__ import annotations

from podfence.engine.frame import Frame
from podfence.model.net import Protocol
from podfence.model.objects import NamedPort, Node, Pod
from podfence.model.policy import Policy
from podfence.model.snapshot import Snapshot
from tests.unit.engine.builders import Cluster, cnp, node, np, pod

HTTP, DNS = NamedPort("http", Protocol.TCP, 80), NamedPort("dns", Protocol.UDP, 53)
DENY = np("x", "{podSelector: {}, policyTypes: [Ingress]}")
FROM_WEB = np("x", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}")
FROM_BLOCK = np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16}}]}]}")


def classes_of(*pods: Pod, policies: tuple[Policy, ...], nodes: tuple[Node, ...] = ()) -> list[int]:
    """Give the class of each pod."""
    return list(Frame(snapshot_of(*pods, policies=policies, nodes=nodes)).classes.of_pod)


def snapshot_of(*pods: Pod, policies: tuple[Policy, ...], nodes: tuple[Node, ...] = ()) -> Snapshot:
    return Cluster(*policies, pods=pods, nodes=nodes).snapshot


def test_pods_that_differ_in_what_no_policy_names_are_one_class() -> None:
    one, other = pod("x/a", {"app": "web", "hash": "1"}), pod("x/b", {"app": "web", "hash": "2"}, ports=(HTTP,))
    assert classes_of(one, other, policies=(FROM_WEB,)) == [0, 0]


def test_pods_with_different_labels_in_the_same_sets_are_one_class() -> None:
    # app=db and app=cache are not told apart by a selector for app=web or app=db without tier.
    both = np("x", "{podSelector: {matchExpressions: [{key: app, operator: In, values: [db, cache]}]}}")
    assert classes_of(pod("x/a", {"app": "db"}), pod("x/b", {"app": "cache"}), policies=(both,)) == [0, 0]


def test_pods_that_a_selector_tells_apart_are_two_classes() -> None:
    assert classes_of(pod("x/a", {"app": "web"}), pod("x/b", {"app": "db"}), policies=(FROM_WEB,)) == [0, 1]


def test_pods_of_two_namespaces_are_two_classes() -> None:
    assert len(set(classes_of(pod("x/a"), pod("y/a"), policies=()))) == 2


def test_named_ports_tell_pods_apart_where_a_policy_names_them() -> None:
    pods = (pod("x/a", ports=(HTTP,)), pod("x/b", ports=(DNS,)), pod("x/c", ports=()))
    by_name = np("x", "{podSelector: {}, ingress: [{ports: [{port: http}]}]}")
    assert len(set(classes_of(*(_alike(item) for item in pods), policies=(DENY,)))) == 1
    assert classes_of(*(_alike(item) for item in pods), policies=(by_name,)) == [0, 1, 1]


def _alike(item: Pod) -> Pod:
    return pod(f"{item.namespace}/{item.name}", {"app": "x"}, ports=item.named_ports)


def test_addresses_tell_pods_apart_where_a_block_does() -> None:
    pods = tuple(pod(f"x/{n}", {"app": "x"}, ip=ip) for n, ip in enumerate(("10.0.0.1", "10.0.9.9", "10.1.0.1", "")))
    assert len(set(classes_of(*pods[:3], policies=(DENY,)))) == 1
    inside, also, outside, unknown = classes_of(*pods, policies=(FROM_BLOCK,))
    assert inside == also
    assert len({inside, outside, unknown}) == 3


def test_nodes_are_one_class_unless_a_selector_or_an_address_tells_them_apart() -> None:
    nodes = (node("n1", "172.16.0.1", disk="ssd"), node("n2", "172.16.0.2"), node("n3", "172.16.0.3"))

    def classes(*policies: Policy) -> list[int]:
        return list(Frame(snapshot_of(pod("x/a"), policies=policies, nodes=nodes)).classes.of_node)

    assert len(set(classes())) == 1
    by_label = classes(cnp("{egress: [{action: Deny, to: [{nodes: {matchLabels: {disk: ssd}}}]}]}"))
    assert by_label[0] != by_label[1] == by_label[2]
    by_address = classes(np("x", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 172.16.0.2/32}}]}]}"))
    assert by_address[0] == by_address[2] != by_address[1]


def test_a_host_network_pod_is_in_the_class_of_its_node() -> None:
    nodes = (node("n1", "172.16.0.1"),)
    host = pod("x/host", node="n1", host_network=True)
    classes = Frame(snapshot_of(pod("x/a"), host, policies=(DENY,), nodes=nodes)).classes
    assert classes.of_pod[1] == classes.of_node[0] >= classes.pods


def test_sizes_count_the_pods_of_each_class() -> None:
    pods = (pod("x/a", {"app": "x"}, count=3), pod("x/b", {"app": "x"}), pod("x/c", {"app": "web"}, count=2))
    assert Frame(snapshot_of(*pods, policies=(FROM_WEB,))).classes.sizes == [4, 2]
