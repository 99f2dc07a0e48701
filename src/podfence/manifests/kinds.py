"""Which API an object belongs to, and what to say when it is one that no server serves."""

from __future__ import annotations

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
