"""Which API an object belongs to, and what to say when it is one that no server serves."""

from __future__ import annotations

import difflib

import msgspec

from podfence.manifests.validation.admission import Api

_APIS = {(api.api_version, api.kind): api for api in Api}
_BY_KIND = {api.kind.casefold(): api for api in Api}

GONE = {("extensions/v1beta1", "NetworkPolicy"): Api.NETWORK_POLICY}
"""API versions that Kubernetes served once, with the API that took their place."""

# Policies of other projects (Calico, Cilium, Antrea) have the same kinds in groups of their own.
_GROUPS = frozenset({"", "apps", "extensions", "policy", "networking.k8s.io", "policy.networking.k8s.io"})


class Unserved(msgspec.Struct, frozen=True):
    """A policy that names a version or a kind which no server has: ``meant`` is the API it should name."""

    meant: Api


def api_of(api_version: str, kind: str) -> Api | Unserved | None:
    """Find the API of an object: ``None`` for everything that is no policy of ours."""
    api = _APIS.get((api_version, kind)) or GONE.get((api_version, kind))
    if api is not None:
        return api
    meant = _BY_KIND.get(kind.strip().casefold())
    group = api_version.strip().rpartition("/")[0]
    if meant is None or not (group in _GROUPS or "/" in group):
        return None
    return Unserved(meant)


OWN_VERSION = "podfence/v1"
"""What the files that Podfence itself reads and writes say."""

# Groups whose kinds are all known. Every group that people add themselves has a dot in its name.
_CORE = """
    Binding ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate
    ReplicationController ResourceQuota Secret Service ServiceAccount
"""
_KINDS = {
    "": tuple(_CORE.split()),
    "apps": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch": ("CronJob", "Job"),
    "networking.k8s.io": ("IPAddress", "Ingress", "IngressClass", "NetworkPolicy", "ServiceCIDR"),
    "policy.networking.k8s.io": tuple(api.kind for api in Api if not api.builtin),
}
_WITHOUT_A_DOT = frozenset({*_KINDS, "autoscaling", "extensions", "policy"})


def misnamed(api_version: str, kind: str) -> str | None:
    """Tell what is wrong with the kind or the group of an object that no server would know; ``None`` if it may exist.

    Only for kinds that are not read: a group with a dot in its name may hold anything, and files of Podfence's own
    (tests, a baseline) lie beside manifests.
    """
    group = api_version.rpartition("/")[0]
    if group in _KINDS and kind not in _KINDS[group] and not kind.endswith("List"):
        return _no_match(api_version, kind, difflib.get_close_matches(kind, _KINDS[group], n=1, cutoff=0.75))
    if api_version == OWN_VERSION:
        return None
    if "." not in group and group not in _WITHOUT_A_DOT:
        return _no_match(api_version, kind, [f"apiVersion: {name}/v1" for name in _KINDS if kind in _KINDS[name]])
    return None


def _no_match(api_version: str, kind: str, meant: list[str]) -> str:
    hint = f"; did you mean {meant[0]}?" if meant else ""
    return f'no matches for kind "{kind}" in version "{api_version}"{hint}'


def is_other_policy(kind: str) -> bool:
    """Tell whether a kind that is not read is a network policy of another project."""
    return kind.endswith("NetworkPolicy") or kind in {"AuthorizationPolicy", "SecurityGroupPolicy"}
