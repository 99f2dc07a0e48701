"""The CRDs of the cluster-scoped policy APIs, which a lab has from the start.

Their schemas are those by which Podfence judges the policies; the rules in CEL are judged, too, but not written out.
"""

from __future__ import annotations

from typing import Any, Final

from podfence.lab.apiserver.crds.structural import write_schema
from podfence.lab.apiserver.crds.words import described
from podfence.lab.apiserver.creation import create
from podfence.lab.apiserver.options import WriteOptions
from podfence.lab.apiserver.registry import Registry
from podfence.lab.apiserver.strategies import CRDS
from podfence.manifests.validation.admission import Api
from podfence.manifests.validation.cluster_policy import Channel, cluster_policy_schema

Object = dict[str, Any]

_PRIORITY: Final = {"jsonPath": ".spec.priority", "name": "Priority", "type": "string"}
_AGE: Final = {"jsonPath": ".metadata.creationTimestamp", "name": "Age", "type": "date"}
_TIER: Final = {"jsonPath": ".spec.tier", "name": "Tier", "type": "string"}
_FORMS: Final[dict[Api, tuple[str, str, list[Object]]]] = {
    Api.CLUSTER_NETWORK_POLICY: ("clusternetworkpolicies", "cnp", [_TIER, _PRIORITY, _AGE]),
    Api.ADMIN_NETWORK_POLICY: ("adminnetworkpolicies", "anp", [_PRIORITY, _AGE]),
    Api.BASELINE_ADMIN_NETWORK_POLICY: ("baselineadminnetworkpolicies", "banp", [_AGE]),
}
_KINDS: Final = {
    Api.CLUSTER_NETWORK_POLICY: "A ClusterNetworkPolicy says for the whole cluster which connections pods may have.",
    Api.ADMIN_NETWORK_POLICY: "An AdminNetworkPolicy is asked before all NetworkPolicies.",
    Api.BASELINE_ADMIN_NETWORK_POLICY: (
        "The BaselineAdminNetworkPolicy is asked where no NetworkPolicy decides. It must be called default."
    ),
}
_APPROVED: Final = "https://github.com/kubernetes-sigs/network-policy-api/pull/300"
_BUNDLES: Final = {Api.CLUSTER_NETWORK_POLICY: "v0.2.0"}
_OLD_BUNDLE: Final = "v0.1.7"
_OPTIONS: Final = WriteOptions(manager="podfence")


def create_policy_crds(registry: Registry, channel: Channel) -> None:
    """Create the CRDs that are missing."""
    definitions = registry.catalogue.preferred(CRDS)
    for api in _FORMS:
        crd = policy_crd(api, channel)
        if registry.storage.get(CRDS, ("", crd["metadata"]["name"])) is None:
            create(registry, definitions, "", crd, _OPTIONS)


def policy_crd(api: Api, channel: Channel) -> Object:
    """Give the CRD of a policy API in a channel."""
    plural, short, columns = _FORMS[api]
    group, version = api.api_version.split("/")
    schema = described(write_schema(cluster_policy_schema(api.kind, channel)), _KINDS[api])
    names = {"plural": plural, "singular": api.kind.lower(), "kind": api.kind, "listKind": f"{api.kind}List"}
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }
    annotations = {
        "api-approved.kubernetes.io": _APPROVED,
        "policy.networking.k8s.io/bundle-version": _BUNDLES.get(api, _OLD_BUNDLE),
        "policy.networking.k8s.io/channel": channel.value,
    }
    spec = {"group": group, "scope": "Cluster", "names": {**names, "shortNames": [short]}, "versions": [served]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": f"{plural}.{group}", "annotations": annotations}, "spec": spec}
