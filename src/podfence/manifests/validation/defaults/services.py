"""Defaults of Services and of what they lead to (k8s.io/kubernetes pkg/apis/core, discovery, networking)."""

from __future__ import annotations

from collections.abc import Mapping

from podfence.manifests.validation.defaults.setting import Default, Object, fill, filling

_DEFAULT_AFFINITY_SECONDS = 10800


def default_service(service: Object) -> None:
    """Fill in type, affinity, ports and traffic policies."""
    spec = dict(service.get("spec") or {})
    fill(spec, sessionAffinity="None", type="ClusterIP")
    _affinity(spec)
    if spec.get("ports"):
        spec["ports"] = [_with_target(port) for port in spec["ports"]]
    kind = spec["type"]
    if kind in {"NodePort", "LoadBalancer"} or (kind == "ClusterIP" and spec.get("externalIPs")):
        fill(spec, externalTrafficPolicy="Cluster")
    if kind in {"NodePort", "LoadBalancer", "ClusterIP"}:
        fill(spec, internalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    service["spec"] = spec


def _affinity(spec: Object) -> None:
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        given = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
        if given is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _DEFAULT_AFFINITY_SECONDS}}


def _with_target(port: Object) -> Object:
    filled = {"protocol": "TCP", **port}
    if filled.get("targetPort") in {None, "", 0}:
        filled["targetPort"] = port.get("port", 0)
    return filled


def default_ingress_class(ingress_class: Object) -> None:
    """Make the parameters of an ingress class cluster-wide unless they say otherwise."""
    spec = ingress_class.get("spec") or {}
    if spec.get("parameters") is not None:
        ingress_class["spec"] = {**spec, "parameters": {"scope": "Cluster", **spec["parameters"]}}


DEFAULTS: Mapping[str, Default] = {
    "core.v1.Service": default_service,
    "core.v1.EndpointPort": filling(protocol="TCP"),
    "discovery.v1.EndpointPort": filling(name="", protocol="TCP"),
    "networking.v1.IngressClass": default_ingress_class,
}
