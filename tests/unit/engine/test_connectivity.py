"""What endpoints are called, and the two rules that classes cannot know."""

from __future__ import annotations

from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.model.labels import label_set
from podfence.model.objects import Node, Pod
from podfence.model.snapshot import Snapshot
from tests.unit.report.maps import accept, app, deployment, ingress, namespace, shop


def ids(snapshot: Snapshot, grouping: Grouping) -> list[str]:
    return [endpoint.id for endpoint in Connectivity(snapshot, grouping).endpoints if endpoint.has_pods]


def pairs(snapshot: Snapshot, grouping: Grouping) -> set[tuple[str, str]]:
    found = Connectivity(snapshot, grouping)
    return {(found.endpoints[a].id, found.endpoints[b].id) for a, outgoing in found.connections() for b, _ in outgoing}


def test_a_workload_without_pod_objects_has_numbered_pods() -> None:
    assert ids(shop(), Grouping.POD)[1:3] == ["shop/Pod/cart-0", "shop/Pod/cart-1"]


def test_a_daemonset_pod_that_carries_its_number_gets_no_second_one() -> None:
    pod = Pod("a", "agent-0", node="n", workload=("DaemonSet", "agent"), from_template=True)
    assert ids(Snapshot((namespace("a"),), (pod,)), Grouping.POD) == ["a/Pod/agent-0"]


def test_two_workloads_of_one_name_have_pods_with_ids_of_their_own() -> None:
    pods = tuple(Pod("a", "db", workload=(kind, "db"), from_template=True) for kind in ("Deployment", "StatefulSet"))
    assert ids(Snapshot((namespace("a"),), pods), Grouping.POD) == ["a/Pod/db-0", "a/Pod/db-1"]


def test_a_pod_keeps_its_name_and_made_up_names_pass_it_over() -> None:
    real = Pod("a", "db-1", workload=("Pod", "db-1"))
    pods = (deployment("a", "db", 2), real)
    found = Connectivity(Snapshot((namespace("a"),), pods), Grouping.POD)
    assert [(e.name, e.classes) for e in found.endpoints if e.has_pods] == [
        (name, (found.program.classes.of_pod[number],)) for name, number in (("db-0", 0), ("db-1", 1), ("db-2", 0))
    ]


def test_a_workload_whose_pods_policies_tell_apart_has_numbered_parts() -> None:
    pods = tuple(Pod("a", name, label_set({"app": name}), workload=("StatefulSet", "db")) for name in ("x", "y"))
    snapshot = Snapshot((namespace("a"),), pods, policies=(ingress("a", "x"),))
    assert ids(snapshot, Grouping.WORKLOAD) == ["a/StatefulSet/db#1", "a/StatefulSet/db#2"]


def test_only_an_endpoint_of_several_pods_connects_with_itself() -> None:
    open_to_itself = Snapshot((namespace("a"),), (deployment("a", "one"), deployment("a", "two", 2)))
    found = pairs(open_to_itself, Grouping.WORKLOAD)
    assert {a for a, b in found if a == b} == {"a/Deployment/two"}


def test_a_pod_is_reached_from_its_own_node_whatever_policies_say() -> None:
    pod = Pod("a", "p", label_set({"app": "p"}), node="n1", workload=("Pod", "p"))
    snapshot = Snapshot((namespace("a"),), (pod,), (Node("n1"), Node("n2")), policies=(ingress("a", "p"),))
    assert {a for a, b in pairs(snapshot, Grouping.POD) if b == "a/Pod/p"} == {"node/n1"}


def test_a_workload_on_two_nodes_is_not_reached_from_one_of_them() -> None:
    pods = tuple(Pod("a", n, label_set({"app": "p"}), node=n, workload=("Deployment", "p")) for n in ("n1", "n2"))
    snapshot = Snapshot((namespace("a"),), pods, (Node("n1"), Node("n2")), policies=(ingress("a", "p"),))
    assert not [a for a, b in pairs(snapshot, Grouping.WORKLOAD) if b == "a/Deployment/p"]


def test_two_namespaces_connect_by_hostnetwork_pods_that_no_policy_tells_apart() -> None:
    pods = tuple(Pod(place, "p", host_network=True, node="n", workload=("Pod", "p")) for place in ("a", "b"))
    snapshot = Snapshot((namespace("a"), namespace("b")), pods)
    inside = {(a, b) for a, b in pairs(snapshot, Grouping.NAMESPACE) if "external" not in a + b}
    assert inside == {("namespace/a", "namespace/b"), ("namespace/b", "namespace/a")}


def test_no_connection_is_listed_between_two_ends_without_pods() -> None:
    snapshot = Snapshot((namespace("a"),), (deployment("a", "p"),), (Node("n1"), Node("n2")))
    assert all("Deployment" in a + b for a, b in pairs(snapshot, Grouping.WORKLOAD))


def test_known_addresses_are_taken_out_of_the_outside() -> None:
    pod = Pod("a", "p", addresses=(10,), workload=("Pod", "p"))
    outside = [e for e in Connectivity(Snapshot((namespace("a"),), (pod,)), Grouping.POD).endpoints if e.ranges]
    assert not [piece for endpoint in outside for piece in endpoint.ranges if 10 in piece]


def test_ports_are_all_only_when_every_protocol_is_allowed() -> None:
    connectivity = Connectivity(
        Snapshot(
            (namespace("a"),),
            (deployment("a", "p"), deployment("a", "q")),
            policies=(ingress("a", "p", accept(80, app("a", "q"))),),
        ),
        Grouping.WORKLOAD,
    )
    found = {connectivity.ports(mask) for _, outgoing in connectivity.connections() for _, mask in outgoing}
    assert None in found
    assert len(found) == 2
