"""What the server decides about the addresses of a Service before it gives any out, and what an update keeps.

The addresses and node ports themselves come from whoever has them to give: ``prepare`` leaves them out where the
request does (k8s.io/kubernetes pkg/registry/core/service/storage).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.rules.addresses import is_ipv6
from podfence.manifests.validation.rules.causes import invalid
from podfence.manifests.validation.rules.services import is_externally_accessible

Object = dict[str, Any]

_OTHER = {"IPv4": "IPv6", "IPv6": "IPv4"}
_NODE_PORT_RANGE = range(30000, 32768)


def created(service: Object, families: Sequence[str]) -> Object:
    """Give a new Service its list of addresses and its families; ``families`` are those of the cluster."""
    spec = dict(service.get("spec") or {})
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    return {**service, "spec": _with_families(spec, families)}


def needs_address(spec: Object) -> bool:
    """Tell whether a Service is to have addresses in the cluster; one that says None needs none given out."""
    return spec.get("type") in {"ClusterIP", "NodePort", "LoadBalancer"}


def _is_open(spec: Object) -> bool:
    """Tell whether nothing says which pods are meant and no address is wanted: then any family will do."""
    return spec.get("clusterIP") == "None" and not spec.get("selector")


def _with_families(spec: Object, families: Sequence[str]) -> Object:
    if not needs_address(spec):
        return spec
    filled = {"ipFamilyPolicy": "RequireDualStack" if _is_open(spec) else "SingleStack", **spec}
    wanted = list(spec.get("ipFamilies") or ())
    addresses = [address for address in spec.get("clusterIPs") or () if address != "None"]
    # Without clusterIP the list will be refused, and nothing follows from it.
    addresses = addresses if spec.get("clusterIP") else []
    wanted += [_family(address) for address in addresses[len(wanted) :] if _family(address) in families]
    wanted = wanted or [families[0]]
    several = len(families) > 1 or _is_open(spec)
    if filled["ipFamilyPolicy"] != "SingleStack" and len(wanted) == 1 and several and wanted[0] in _OTHER:
        wanted.append(_OTHER[wanted[0]])
    return {**filled, "ipFamilies": wanted}


def _family(address: str) -> str:
    return "IPv6" if is_ipv6(address) else "IPv4"


def validate_families(service: Object, families: Sequence[str]) -> Iterator[Cause]:
    """Judge what a cluster with these families cannot give; comes before everything else is judged."""
    spec = service.get("spec") or {}
    wanted, policy = list(spec.get("ipFamilies") or ()), spec.get("ipFamilyPolicy")
    if not needs_address(spec):
        return
    if policy == "SingleStack":
        for name, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
            if len(spec.get(name) or ()) == 2:
                detail = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
                yield invalid("spec.ipFamilyPolicy", policy, detail, named_type=True)
                return
    if _is_open(spec):
        return
    if policy == "RequireDualStack" and len(families) < 2:
        detail = "this cluster is not configured for dual-stack services"
        yield invalid("spec.ipFamilyPolicy", policy, detail, named_type=True)
    for at, family in enumerate(wanted):
        if family not in families:
            yield invalid(f"spec.ipFamilies[{at}]", family, "not configured on this cluster", named_type=True)


def validate_node_ports(service: Object) -> Iterator[Cause]:
    """Judge the node ports that a Service asks for, which are of a fixed range."""
    spec = service.get("spec") or {}
    if spec.get("type") not in {"NodePort", "LoadBalancer"}:
        return
    for at, port in enumerate(spec.get("ports") or ()):
        number = port.get("nodePort", 0)
        if number and number not in _NODE_PORT_RANGE:
            ends = f"{_NODE_PORT_RANGE.start}-{_NODE_PORT_RANGE.stop - 1}"
            detail = f"provided port is not in the valid range. The range of valid ports is {ends}"
            yield invalid(f"spec.ports[{at}].nodePort", number, detail)


def updated(new: Object, old: Object, families: Sequence[str]) -> Object:
    """Keep what was given out unless the change says otherwise, and drop what the new type has no use for."""
    spec, before = dict(new.get("spec") or {}), old.get("spec") or {}
    _drop_unused(spec, before)
    _keep_addresses(spec, before)
    _keep_ports(spec, before)
    if "ipFamilyPolicy" not in spec and needs_address(spec) and "ipFamilyPolicy" in before:
        spec["ipFamilyPolicy"] = before["ipFamilyPolicy"]
    if spec.get("ipFamilyPolicy") == "SingleStack":
        for name in ("clusterIPs", "ipFamilies"):
            if spec.get(name) == before.get(name) and len(spec.get(name) or ()) > 1:
                spec[name] = spec[name][:1]
    return {**new, "spec": _with_families(spec, families)}


def _keep_addresses(spec: Object, before: Object) -> None:
    if not (needs_address(spec) and needs_address(before)):
        return
    if spec.get("clusterIP") and spec["clusterIP"] != before.get("clusterIP"):
        if spec.get("clusterIPs") in (None, [], before.get("clusterIPs")):
            spec["clusterIPs"] = [spec["clusterIP"]]
    elif not spec.get("clusterIP") and before.get("clusterIP"):
        spec["clusterIP"] = before["clusterIP"]
    if not spec.get("clusterIPs") and before.get("clusterIPs"):
        spec["clusterIPs"] = before["clusterIPs"]
    if not spec.get("ipFamilies") and before.get("ipFamilies"):
        spec["ipFamilies"] = before["ipFamilies"]


def _keep_ports(spec: Object, before: Object) -> None:
    if not {spec.get("type"), before.get("type")} <= {"NodePort", "LoadBalancer"}:
        return
    given = {port.get("name", ""): port.get("nodePort") for port in before.get("ports") or ()}
    taken = {port.get("nodePort") for port in spec.get("ports") or ()} & set(given.values())
    spec["ports"] = [
        {**port, "nodePort": given[port.get("name", "")]}
        if not port.get("nodePort") and given.get(port.get("name", "")) not in {None, *taken}
        else port
        for port in spec.get("ports") or ()
    ]
    if spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy") == "Local":
        spec.setdefault("healthCheckNodePort", before.get("healthCheckNodePort", 0))


def _drop_unused(spec: Object, before: Object) -> None:
    if needs_address(before) and not needs_address(spec):
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(name) == before.get(name):
                spec.pop(name, None)
    kinds = {"NodePort", "LoadBalancer"}
    now, then = ([port.get("nodePort") for port in each.get("ports") or ()] for each in (spec, before))
    if before.get("type") in kinds and spec.get("type") not in kinds and set(now) <= {*then, None}:
        spec["ports"] = [
            {name: entry for name, entry in port.items() if name != "nodePort"} for port in spec.get("ports") or ()
        ]
    if before.get("type") == "LoadBalancer" and spec.get("type") != "LoadBalancer":
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"):
            if spec.get(name) == before.get(name):
                spec.pop(name, None)
    outside = is_externally_accessible(before) and not is_externally_accessible(spec)
    if outside and spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy"):
        spec.pop("externalTrafficPolicy", None)
