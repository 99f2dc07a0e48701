"""Items to a snapshot: identities, namespaces, duplicates, and everything that is noticed on the way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.documents import Item
from podfence.manifests.gather import _KINDS, LATEST, gather
from podfence.manifests.inputs import read_data
from podfence.manifests.judge import judge_policy
from podfence.manifests.kinds import api_of
from podfence.manifests.manual.rule import Severity
from podfence.model.policy import Policy, Tier, Unreadable
from podfence.model.source import Position
from tests.unit.manifests.texts import loaded, policy, problems


def test_an_object_without_namespace_is_in_the_given_one() -> None:
    text = """
        ---
        {apiVersion: v1, kind: Pod, metadata: {name: a}}
        ---
        {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x}}
    """
    assert [pod.namespace for pod in loaded(text).snapshot.pods] == ["default", "x"]
    snapshot = loaded(text, namespace="shop").snapshot
    assert [pod.namespace for pod in snapshot.pods] == ["shop", "x"]
    assert [namespace.name for namespace in snapshot.namespaces] == ["shop", "x"]


def test_C38_a_cluster_scoped_object_has_no_namespace_whatever_it_says() -> None:
    text = """
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: guard, namespace: shop}
        spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}
    """
    assert policy(text).ref.identity == ("ClusterNetworkPolicy", None, "guard")
    assert (loaded(text).snapshot.namespaces, problems(text)) == ((), [])


@pytest.mark.parametrize("status", ["{}", "{conditions: []}", "null"])
def test_C37_a_status_without_conditions_is_accepted_and_dropped(status: str) -> None:
    text = f"""
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {{name: guard}}
        spec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}}}
        status: {status}
    """
    assert problems(text) == []
    assert policy(text).tier is Tier.ADMIN


def test_the_old_version_of_network_policy_has_the_meaning_of_the_new_one_and_is_a_problem() -> None:
    spec = "spec: {podSelector: {}, ingress: [{from: []}]}"
    old = f"apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {{name: a}}\n{spec}\n"
    new = old.replace("extensions/v1beta1", "networking.k8s.io/v1")
    assert policy(old) == policy(new)
    assert (problems(old), problems(new)) == (["apiVersion"], [])


def test_the_last_of_two_equal_objects_is_kept_and_both_are_named() -> None:
    text = """
        kind: NetworkPolicy
        apiVersion: networking.k8s.io/v1
        metadata: {name: a}
        spec: {podSelector: {}}
        ---
        kind: NetworkPolicy
        apiVersion: networking.k8s.io/v1
        metadata: {name: a, namespace: default}
        spec: {podSelector: {}, policyTypes: [Egress]}
    """
    result = loaded(text)
    (kept,) = result.snapshot.policies
    (duplicate,) = result.duplicates
    assert kept.ingress is None
    assert result.documents[kept.ref.identity]["spec"]["policyTypes"] == ["Egress"]
    assert duplicate.lost.source is not None
    assert duplicate.kept.source is not None
    assert (duplicate.lost.source.position().line, duplicate.kept.source.position().line) == (2, 7)
    assert duplicate.lost_file == "cluster.yaml"


@pytest.mark.parametrize("kind", ["Pod", "Service", "Namespace", "Node"])
def test_duplicates_of_every_kind_are_noticed(kind: str) -> None:
    text = f"---\n{{apiVersion: v1, kind: {kind}, metadata: {{name: a}}}}\n" * 3
    result = loaded(text)
    assert [duplicate.lost.kind for duplicate in result.duplicates] == [kind, kind]
    assert [duplicate.lost_file for duplicate in result.duplicates] == ["cluster.yaml", "cluster.yaml"]


def test_one_name_in_two_namespaces_or_kinds_is_no_duplicate() -> None:
    text = """
        ---
        {apiVersion: v1, kind: Pod, metadata: {name: a}}
        ---
        {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}
        ---
        {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
        ---
        {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a}}
    """
    assert loaded(text).duplicates == ()


def test_objects_with_generated_names_are_never_the_same() -> None:
    result = loaded("---\n{apiVersion: v1, kind: Pod, metadata: {generateName: job-}}\n" * 2)
    assert [pod.name for pod in result.snapshot.pods] == ["job-1", "job-2"]
    assert (result.duplicates, result.problems) == ((), ())


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "a b", "-a", "a" * 254, "naïve"])
def test_a_bad_name_is_a_problem_and_the_object_is_there(name: str) -> None:
    text = f"---\n{{apiVersion: v1, kind: Pod, metadata: {{name: '{name}'}}}}"
    assert len(loaded(text).snapshot.pods) == 1
    assert "metadata.name" in problems(text)


def test_kinds_that_are_not_used_are_counted_and_named() -> None:
    text = """
        ---
        {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
        ---
        {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
        ---
        {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: c}}
        ---
        {apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: d}}
    """
    result = loaded(text)
    expected = (("ConfigMap", 2), ("Ingress", 1), ("NetworkPolicy (projectcalico.org/v3)", 1))
    assert result.unknown_kinds == expected
    assert result.unknown_kinds_line == (
        "4 objects of kinds that Podfence does not use: ConfigMap 2, Ingress 1, NetworkPolicy (projectcalico.org/v3) 1"
    )
    assert (result.objects, result.problems) == (4, ())


def test_one_object_that_is_not_used_is_counted_in_the_singular() -> None:
    result = loaded("kind: ConfigMap\napiVersion: v1\n")
    assert result.unknown_kinds_line == "1 object of a kind that Podfence does not use: ConfigMap 1"
    assert loaded("").unknown_kinds_line == ""


def test_a_policy_of_a_version_that_no_server_has_is_a_problem_and_not_only_unknown() -> None:
    text = "kind: NetworkPolicy\napiVersion: networking.k8s.io/v2\nmetadata: {name: a}\n"
    assert problems(text) == ["apiVersion"]
    assert loaded(text).snapshot.policies == ()


def test_text_that_does_not_parse_is_a_problem_at_its_place_and_the_rest_is_read() -> None:
    result = loaded("kind: Pod\napiVersion: v1\nmetadata: {name: a}\n---\na: [\n---\nkind: Pod\napiVersion: v1\n")
    assert len(result.snapshot.pods) == 2
    assert result.problems[0].ref is None
    assert str(result.problems[0].position).startswith("cluster.yaml:")


def test_a_problem_names_file_line_object_and_field() -> None:
    text = """
        apiVersion: v1
        kind: Pod
        metadata:
          name: cart
          labels:
            app: cart
            version: 1
    """
    (problem,) = loaded(text).problems
    assert problem.position == Position("cluster.yaml", 8, 5)
    assert str(problem) == (
        "cluster.yaml:8:5: Pod default/cart: metadata.labels.version: expected a string, found a number"
    )
    assert loaded(text).snapshot.pods[0].labels == (("app", "cart"),)


def test_the_readable_part_of_an_object_with_wrong_types_is_used() -> None:
    text = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, labels: 3}
        spec:
          replicas: many
          template:
            metadata: {labels: {app: web}}
            spec: {containers: [{ports: [{name: http, containerPort: "80"}, {name: admin, containerPort: 81}]}]}
    """
    (pod,) = loaded(text).snapshot.pods
    assert (pod.labels, pod.count, [port.name for port in pod.named_ports]) == ((("app", "web"),), 1, ["admin"])
    assert problems(text)[:3] == [
        "metadata.labels",
        "spec.replicas",
        "spec.template.spec.containers[0].ports[0].containerPort",
    ]


def test_problems_of_a_policy_are_the_servers_own() -> None:
    text = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: a, labels: {bad key: x}}
        spec: {podSelector: {}, ingress: [{ports: [{port: 80, endPort: 79}, {port: 0}]}]}
    """
    result = loaded(text)
    assert [problem.path for problem in result.problems] == [
        "metadata.labels",
        "spec.ingress[0].ports[0].endPort",
        "spec.ingress[0].ports[1].port",
    ]
    assert all(problem.message.startswith("Invalid value") for problem in result.problems)


@pytest.mark.parametrize(
    "change",
    [
        "metadata: {name: a, labels: {x: 1}}",
        "metadata: {name: a, annotations: {x: 1}}",
        "metadata: {name: a, nmae: b}",
        "metadata: {name: a, finalizers: [x y]}",
        "metadata: {name: A}",
        "metadata: {name: a}\nstatus: {}",
        "metadata: {name: a}\nspec: {ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/8}}]}]}",
        "metadata: {name: a}\nspec: {ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}",
        "metadata: {name: a}\nspec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 10.0.0.1/8}}]}]}",
        "metadata: {name: a}\nspec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.1/16]}}]}]}",
        "metadata: {name: a}\nspec: {}\nspec: {}",
    ],
)
def test_what_the_server_refuses_beside_the_meaning_is_a_problem_too(change: str) -> None:
    result = loaded(f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n{change}\n")
    assert result.problems
    assert len(result.snapshot.policies) == 1
    assert not has_unreadable(result.snapshot.policies[0])


def test_everything_is_sorted_by_namespace_and_name() -> None:
    kinds = {"Service": "v1", "NetworkPolicy": "networking.k8s.io/v1"}
    places = [("b", "q"), ("a", "r"), ("a", "q")]
    text = "".join(
        f"---\n{{apiVersion: {version}, kind: {kind}, metadata: {{namespace: {namespace}, name: {name}}}}}\n"
        for kind, version in kinds.items()
        for namespace, name in places
    )
    snapshot = loaded(text).snapshot
    assert [(item.namespace, item.name) for item in snapshot.services] == sorted(places)
    assert [(item.ref.namespace, item.ref.name) for item in snapshot.policies] == sorted(places)
    assert [item.name for item in snapshot.namespaces] == ["a", "b"]


def test_json_and_yaml_of_the_same_objects_give_the_same_snapshot() -> None:
    objects = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"app": "x"}}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "b"}, "spec": {"replicas": 2}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "c"}, "spec": {}},
    ]
    document = {"apiVersion": "v1", "kind": "List", "items": objects}
    as_json = gather(read_data(msgspec.json.encode(document), "a.json"))
    as_yaml = gather(read_data(yaml.safe_dump(document).encode(), "a.yaml"))
    assert as_json.snapshot == as_yaml.snapshot
    assert as_json.documents == as_yaml.documents


def has_unreadable(found: Policy) -> bool:
    rules = (*(found.ingress or ()), *(found.egress or ()))
    parts = [found.subject, *(part for rule in rules for part in (*(rule.peers or ()), *(rule.ports or ())))]
    return any(isinstance(part, Unreadable) for part in parts)


FIELDS = sorted(
    {
        *("metadata", "spec", "status", "name", "generateName", "namespace", "labels", "annotations"),
        *("ownerReferences", "controller", "kind", "template", "selector", "containers", "initContainers", "ports"),
        *("containerPort", "protocol", "replicas", "parallelism", "jobTemplate", "podIPs", "podIP", "ip", "phase"),
        *("hostNetwork", "nodeName", "addresses", "address", "type", "clusterIP", "clusterIPs", "externalIPs"),
        *("loadBalancer", "ingress", "egress", "from", "to", "policyTypes", "podSelector", "namespaceSelector"),
        *("ipBlock", "cidr", "except", "matchLabels", "matchExpressions", "key", "operator", "values", "port"),
        *("endPort", "tier", "priority", "subject", "namespaces", "pods", "networks", "nodes", "domainNames"),
        *("action", "protocols", "tcp", "udp", "destinationPort", "destinationNamedPort", "number", "range", "start"),
        *("end", "portNumber", "portRange", "namedPort", "endpoints", "addressType", "targetPort", "restartPolicy"),
    }
)
WORDS = ["a", "Ingress", "In", "Exists", "10.0.0.0/8", "10.0.0.1", "TCP", "Deny", "Accept", "Admin", "http", "", "é\0"]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(WORDS) | st.text()
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=30,
)


@given(kind=st.sampled_from(sorted(_KINDS)), metadata=trees, spec=trees, status=trees)
def test_no_tree_under_any_kind_raises_or_loses_the_object(
    kind: tuple[str, str], metadata: object, spec: object, status: object
) -> None:
    api_version, name = kind
    value = {"apiVersion": api_version, "kind": name, "metadata": metadata, "spec": spec, "status": status}
    try:
        data = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return
    result = gather(read_data(data, "x.json"))
    for problem in result.problems:
        assert "\n" not in str(problem)
    assert result.objects + sum(problem.ref is None for problem in result.problems) >= 1


def of(*fields: str, **shapes: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw mappings that have the right fields, most of them with values of the right shape."""
    optional = {name: shape | st.none() for name, shape in shapes.items()}
    plain = st.fixed_dictionaries({}, optional=optional)
    odd = st.dictionaries(st.sampled_from(["x", *fields, *shapes]), trees, max_size=1)
    return plain | plain | plain | st.builds(lambda left, right: {**left, **right}, plain, odd)


label_values = st.sampled_from(["", "web", "b c", None, 1])
labels = st.dictionaries(st.sampled_from(["app", "a b", "x/y"]), label_values, max_size=2)
expressions = of(
    key=st.sampled_from(["app", "a b", ""]),
    operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "in"]),
    values=st.lists(st.sampled_from(["a", "", "b c", None]), max_size=2),
)
selectors = of(matchLabels=labels, matchExpressions=st.lists(expressions, max_size=2))
blocks = of(
    cidr=st.sampled_from(["10.0.0.0/8", "10.0.0.1/8", "010.0.0.0/8", "::/0", "::ffff:10.0.0.0/104", "10/8", "", "x"]),
    **{"except": st.lists(st.sampled_from(["10.1.0.0/16", "10.0.0.0/8", "fd00::/8", "10.1.1.1/16", "y"]), max_size=2)},
)
peers = of(podSelector=selectors, namespaceSelector=selectors) | of(ipBlock=blocks, podSelector=selectors)
ports = of(
    port=st.sampled_from([80, 0, 65536, "http", "80", "a--b", 80.5, True, 1 << 33]),
    endPort=st.sampled_from([80, 90, 79, 70000, "90"]),
    protocol=st.sampled_from(["TCP", "UDP", "tcp", ""]),
)
ingress_rules = of(ports=st.lists(ports | st.none(), max_size=2), **{"from": st.lists(peers | st.none(), max_size=2)})
egress_rules = of(ports=st.lists(ports, max_size=2), to=st.lists(peers, max_size=2))
specs = of(
    podSelector=selectors,
    ingress=st.lists(ingress_rules | st.none(), max_size=2),
    egress=st.lists(egress_rules, max_size=2),
    policyTypes=st.lists(st.sampled_from(["Ingress", "Egress", "ingress", None]), max_size=3),
)
LEGACY = ("leading zeros", "IPv4-mapped", "bits set")


@given(spec=specs | specs | st.none())
def test_a_network_policy_is_unreadable_exactly_where_the_server_refuses_it(spec: object) -> None:
    value = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
    }
    (item,) = read_data(msgspec.json.encode(value), "x.json")
    assert isinstance(item, Item)
    api = api_of(item.api_version, item.kind)
    assert api is not None
    faults = [fault for fault in judge_policy(item, api, LATEST).faults if fault.severity is Severity.ERROR]
    result = gather([item])
    (converted,) = result.snapshot.policies
    assert [(problem.path, problem.message) for problem in result.problems] == [
        (fault.path, fault.message) for fault in faults
    ]
    severe = [fault for fault in faults if not any(word in fault.message for word in LEGACY)]
    if has_unreadable(converted):
        assert severe
    else:
        assert all(leaves_the_meaning(fault.path, converted) for fault in severe)


def leaves_the_meaning(path: str, converted: Policy) -> bool:
    """Tell whether a policy is read as closed as can be without any part being unreadable.

    So it is when both directions are taken for written, or when the fault is in rules that have no effect.
    """
    if path.startswith("spec.policyTypes") or path in {"spec.ingress", "spec.egress"} or path.count(".") == 1:
        return True
    return converted.ingress is None if path.startswith("spec.ingress") else converted.egress is None


def test_a_forgotten_separator_between_objects_that_are_no_policies_is_said() -> None:
    text = """
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        apiVersion: v1
        kind: Pod
        metadata: {name: web-0}
    """
    found = loaded(text)
    assert [pod.name for pod in found.snapshot.pods] == ["web-0"]
    (problem,) = found.problems
    assert "the line --- is missing before this object: Service web and Pod web-0 run into each other" in str(problem)


def test_a_key_that_occurs_twice_in_a_pod_is_said() -> None:
    text = """
        apiVersion: v1
        kind: Pod
        metadata:
          name: web-0
          labels: {app: old}
          labels: {app: new}
    """
    found = loaded(text)
    assert found.snapshot.pods[0].labels == (("app", "new"),)
    assert [problem.path for problem in found.problems] == ["metadata.labels"]


def test_a_namespace_exists_that_only_an_object_of_an_unused_kind_names() -> None:
    text = """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: shop}
    """
    assert [namespace.name for namespace in loaded(text).snapshot.namespaces] == ["shop"]


def test_a_port_that_json_writes_with_a_point_is_the_port_that_kubectl_sends() -> None:
    text = (
        b'{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a", "namespace": "x"}, '
        b'"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80.0}]}]}}'
    )
    whole, pointed = (gather(read_data(form, "f")) for form in (text.replace(b"80.0", b"80"), text))
    assert not pointed.problems
    (first,), (second,) = whole.snapshot.policies, pointed.snapshot.policies
    assert second.ingress == first.ingress


@pytest.mark.parametrize("number", [10**400, -(10**400), 1 << 64], ids=["huge", "huge negative", "beyond 64 bits"])
def test_a_number_beyond_every_float_is_a_problem_like_any_other(number: int) -> None:
    head = '"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"'
    spec = f'{{"tier": "Admin", "priority": {number}, "subject": {{"namespaces": {{}}}}}}'
    text = f'{{{head}, "metadata": {{"name": "a"}}, "spec": {spec}}}'
    assert "spec.priority" in {problem.path for problem in gather(read_data(text.encode(), "f")).problems}


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ('{name: a, namespace: "x\\ny"}', "metadata.namespace"),
        ("{name: a, namespace: x.y}", "metadata.namespace"),
        ("{name: a..b}", "metadata.name"),
    ],
)
def test_a_policy_whose_namespace_or_name_the_server_refuses_is_a_problem(metadata: str, path: str) -> None:
    text = f"""
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {metadata}
        spec: {{podSelector: {{}}}}
    """
    assert [problem.path for problem in loaded(text).problems] == [path]
