"""Policies of other projects in a live cluster: not read for what they mean, but never passed over in silence."""

from __future__ import annotations

import msgspec

from podfence.kube.client import FORBIDDEN, NOT_FOUND, Client, RefusedError
from podfence.kube.kinds import Kind
from podfence.kube.listing import list_all
from podfence.manifests.served import ServedItem

# Plural and kind by group. Calico's aggregated API shows the same objects as its CRDs; either may be missing.
_OTHERS = {
    "cilium.io": (
        ("ciliumnetworkpolicies", "CiliumNetworkPolicy"),
        ("ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy"),
    ),
    "crd.projectcalico.org": (
        ("networkpolicies", "NetworkPolicy"),
        ("globalnetworkpolicies", "GlobalNetworkPolicy"),
    ),
    "crd.antrea.io": (
        ("networkpolicies", "NetworkPolicy"),
        ("clusternetworkpolicies", "ClusterNetworkPolicy"),
    ),
    "networking.gke.io": (("fqdnnetworkpolicies", "FQDNNetworkPolicy"),),
    "security.istio.io": (("authorizationpolicies", "AuthorizationPolicy"),),
    "vpcresources.k8s.aws": (("securitygrouppolicies", "SecurityGroupPolicy"),),
}


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    preferred_version: _Version | None = None


class _Groups(msgspec.Struct, frozen=True):
    groups: list[_Group] | None = None


async def other_policies(client: Client) -> tuple[list[ServedItem], list[str]]:
    """List the policies of other projects, and name the resources of such that may not be listed.

    Raises ``ClusterError`` when the cluster cannot be asked at all.
    """
    body = await client.get("/apis")
    items: list[ServedItem] = []
    hidden: list[str] = []
    for group in msgspec.json.decode(body, type=_Groups).groups or ():
        version = group.preferred_version.version if group.preferred_version is not None else ""
        for plural, name in _OTHERS.get(group.name, ()):
            kind = Kind(group.name, (version,), plural, name, custom=True)
            try:
                items += await _listed(client, kind)
            except RefusedError as error:
                if error.code == FORBIDDEN:
                    hidden.append(kind.resource)
                elif error.code != NOT_FOUND:
                    raise
    return items, hidden


async def _listed(client: Client, kind: Kind) -> list[ServedItem]:
    version = kind.versions[0]
    api_version = kind.api_version(version)
    return (await list_all(client, kind.path(version), lambda raw: ServedItem(api_version, kind.name, raw))).items
