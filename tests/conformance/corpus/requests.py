"""Requests that differ in more than the manifest: field validation modes, other addresses, very large bodies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.conformance.corpus.cases import CLUSTER_POLICY, NETWORK_POLICY, Case
from tests.conformance.corpus.clusterpolicy import egress, spec
from tests.conformance.corpus.clusterpolicy import policy as cluster_policy
from tests.conformance.corpus.networkpolicy import policy, rule
from tests.conformance.corpus.text import Again, Tree, to_json, to_yaml

PAD = "PADDING"
NETWORK_POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"


@dataclass(frozen=True)
class Request:
    """A case with its own address and query; PADDING in its manifest stands for `pad` times the letter x."""

    case: Case
    path: str
    query: str
    pad: int = 0


def requests() -> Iterator[Request]:
    """List all such requests."""
    found = [*modes(), *addresses(), *large()]
    for number, (api, form, manifest, path, query, pad) in enumerate(found):
        yield Request(Case(f"request/{number:04}", api, form, manifest), path, query, pad)


Part = tuple[str, str, str, str, str, int]


def modes() -> Iterator[Part]:
    """Send what strict decoding refuses in every mode of field validation."""
    cluster = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"
    for mode in (
        "",
        "fieldValidation=",
        "fieldValidation=Ignore",
        "fieldValidation=Warn",
        "fieldValidation=Strict",
        "fieldValidation=x",
    ):
        for tree in lax_trees():
            yield NETWORK_POLICY, "yaml", to_yaml(tree), NETWORK_POLICIES.format("default"), mode, 0
        yield NETWORK_POLICY, "json", to_json(next(lax_trees())), NETWORK_POLICIES.format("default"), mode, 0
        for tree in lax_cluster_trees():
            yield CLUSTER_POLICY, "yaml", to_yaml(tree), cluster, mode, 0


def lax_trees() -> Iterator[Tree]:
    """List policies with unknown and doubled fields."""
    yield policy(
        {
            "podSelector": {},
            "unknown": 1,
            "ingress": [{"form": []}],
            Again("ingress"): [{"from": [{"podSelector": {}}]}],
        }
    )
    yield policy({"podselector": {"matchLabels": {"app": "web"}}})
    yield policy({"podSelector": {"matchLabel": {"app": "web"}}, "policytypes": ["Egress"]})
    yield policy({"podSelector": {"matchLabels": {"app": "web", Again("app"): "db"}}})
    yield policy(rule("ingress", peers=[{"podselector": {}}], ports=[{"Port": 80}, {"port": 80, "endport": 90}]))
    yield policy({"podSelector": {}}) | {"status": {}, "metadata": {"name": "policy", "clusterName": "x"}}


def lax_cluster_trees() -> Iterator[Tree]:
    """List cluster policies with unknown and doubled fields."""
    yield cluster_policy(
        spec(unknown=1, egress=[{"action": "Deny", "to": [{"namespaces": {}, "sameLabels": []}], "x": 1}])
    )
    yield cluster_policy(spec(Tier="Admin")) | {"metadata": {"name": "policy", "unknown": 1}}
    yield egress({"network": ["10.0.0.0/8"]})
    yield cluster_policy(spec() | {Again("priority"): 20})


def addresses() -> Iterator[Part]:
    """Send policies to other addresses than their own, as kubectl would or by mistake."""
    strict = "fieldValidation=Strict"
    good, here = to_yaml(policy({"podSelector": {}})), NETWORK_POLICIES.format("default")
    shop = to_yaml(policy({"podSelector": {}}) | {"metadata": {"name": "policy", "namespace": "shop"}})
    old = good.replace("networking.k8s.io/v1", "extensions/v1beta1")
    yield NETWORK_POLICY, "yaml", good, here, strict, 0
    yield NETWORK_POLICY, "yaml", shop, here, strict, 0
    yield NETWORK_POLICY, "yaml", shop, NETWORK_POLICIES.format("shop"), strict, 0
    yield NETWORK_POLICY, "yaml", good, "/apis/networking.k8s.io/v1/networkpolicies", strict, 0
    yield NETWORK_POLICY, "yaml", shop, "/apis/networking.k8s.io/v1/networkpolicies", strict, 0
    for name in ("a.b", "A", "-a", "n" * 64, "a_b", "%20"):
        yield NETWORK_POLICY, "yaml", good, NETWORK_POLICIES.format(name), strict, 0
    yield (
        "extensions/v1beta1/NetworkPolicy",
        "yaml",
        old,
        "/apis/extensions/v1beta1/namespaces/default/networkpolicies",
        strict,
        0,
    )
    yield "extensions/v1beta1/NetworkPolicy", "yaml", old, here, strict, 0
    yield NETWORK_POLICY, "yaml", good, "/apis/networking.k8s.io/v2/namespaces/default/networkpolicies", strict, 0
    yield NETWORK_POLICY, "yaml", good, "/api/v1/namespaces/default/pods", strict, 0
    yield CLUSTER_POLICY, "yaml", good, "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies", strict, 0
    yield CLUSTER_POLICY, "yaml", to_yaml(cluster_policy(spec())), here, strict, 0


def large() -> Iterator[Part]:
    """Send annotations at and beyond their limit of 256 KiB, and bodies beyond what is read at all."""
    limit = 256 * 1024
    for total in (limit, limit + 1, 1_000_000, 1_500_000, 3_000_000, 3_200_000):
        tree = policy({"podSelector": {}}) | {"metadata": {"name": "policy", "annotations": {"note": PAD}}}
        yield (
            NETWORK_POLICY,
            "yaml",
            to_yaml(tree),
            NETWORK_POLICIES.format("default"),
            "fieldValidation=Strict",
            total - len("note"),
        )
    selector = {"podSelector": {"matchLabels": {"app": PAD}}}
    yield (
        NETWORK_POLICY,
        "yaml",
        to_yaml(policy(selector)),
        NETWORK_POLICIES.format("default"),
        "fieldValidation=Strict",
        5000,
    )
