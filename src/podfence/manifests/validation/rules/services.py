"""Services: ports, addresses, traffic policies, and what may not change (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause, quoted
from podfence.manifests.validation.names import dns_label_complaints
from podfence.manifests.validation.rules.addresses import (
    endpoint_address,
    is_ipv6,
    legacy_address,
    legacy_block,
    warn_of_address,
    warn_of_block,
)
from podfence.manifests.validation.rules.causes import (
    PROTOCOLS,
    Object,
    dns_label,
    dns_subdomain,
    duplicate,
    forbidden,
    invalid,
    label_map,
    not_supported,
    one_of,
    one_of_if_given,
    port_number,
    port_number_or_name,
    qualified_name,
    required,
)
from podfence.manifests.validation.rules.interface import Rules

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES = ("ClientIP", "None")
_POLICIES = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_MOST_AFFINITY_SECONDS = 86400
_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"
_SET_ONCE = "may not change once set"


def validate_service(service: Object, old: Object | None = None) -> Iterator[Cause]:
    """Judge a Service; texts of addresses that ``old`` had already pass."""
    spec, before = service.get("spec") or {}, (old or {}).get("spec") or {}
    kind = spec.get("type", "")
    if not spec.get("ports") and not is_headless(spec) and kind != "ExternalName":
        yield required("spec.ports")
    if kind in {"LoadBalancer", "NodePort"} and is_headless(spec):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        yield from _external_name(spec)
    yield from _ports(spec)
    yield from label_map("spec.selector", spec.get("selector"))
    yield from _affinity(spec)
    yield from validate_cluster_addresses(service, old)
    yield from _external_addresses(spec, before)
    yield from one_of("spec.type", kind, _TYPES)
    yield from _port_clashes(spec)
    yield from _balancer(spec, before)
    yield from _traffic(spec)


def is_headless(spec: Object) -> bool:
    """Tell whether a Service has no address of its own, and wants none."""
    return list(spec.get("clusterIPs") or ()) == ["None"] or spec.get("clusterIP") == "None"


def _external_name(spec: Object) -> Iterator[Cause]:
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            yield forbidden(f"spec.{name}", "may not be set for ExternalName services")
    target = spec.get("externalName", "").removesuffix(".")
    if target:
        yield from dns_subdomain("spec.externalName", target)
    else:
        yield required("spec.externalName")


def _ports(spec: Object) -> Iterator[Cause]:
    ports = spec.get("ports") or ()
    names: set[str] = set()
    for at, port in enumerate(ports):
        path, name = f"spec.ports[{at}]", port.get("name", "")
        if name:
            yield from dns_label(f"{path}.name", name)
            if name in names:
                yield duplicate(f"{path}.name", name)
            names.add(name)
        elif len(ports) > 1:
            yield required(f"{path}.name")
        yield from port_number(f"{path}.port", port.get("port", 0))
        yield from one_of(f"{path}.protocol", port.get("protocol", ""), PROTOCOLS)
        yield from port_number_or_name(f"{path}.targetPort", port.get("targetPort", 0))
        if "appProtocol" in port:
            yield from qualified_name(f"{path}.appProtocol", port["appProtocol"])


def _port_clashes(spec: Object) -> Iterator[Cause]:
    ports = spec.get("ports") or ()
    if spec.get("type") == "ClusterIP":
        for at, port in enumerate(ports):
            if port.get("nodePort"):
                yield forbidden(f"spec.ports[{at}].nodePort", "may not be used when `type` is 'ClusterIP'")
    taken: set[tuple[str, str, int]] = set()
    for at, port in enumerate(ports):
        protocol = port.get("protocol", "")
        node = ("node", protocol, port.get("nodePort", 0))
        if node[2] and node in taken:
            yield duplicate(f"spec.ports[{at}].nodePort", node[2])
        own = ("own", protocol, port.get("port", 0))
        if own in taken:
            shown = {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": own[2]}
            yield duplicate(f"spec.ports[{at}]", {**shown, "TargetPort": 0, "NodePort": 0})
        taken |= {node, own}


def _affinity(spec: Object) -> Iterator[Cause]:
    yield from one_of("spec.sessionAffinity", spec.get("sessionAffinity", ""), _AFFINITIES)
    if spec.get("sessionAffinity") != "ClientIP":
        return
    seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds", 0)
    if not 0 < seconds <= _MOST_AFFINITY_SECONDS:
        detail = f"must be greater than 0 and less than {_MOST_AFFINITY_SECONDS}"
        yield invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, detail)


def validate_cluster_addresses(service: Object, old: Object | None = None) -> Iterator[Cause]:
    """Judge the addresses and families that a Service asks for."""
    spec, before = service.get("spec") or {}, (old or {}).get("spec") or {}
    if spec.get("type") == "ExternalName":
        return
    first, addresses = spec.get("clusterIP", ""), list(spec.get("clusterIPs") or ())
    if first and not addresses:
        yield required("spec.clusterIPs")
    elif first and addresses[0] != first:
        yield invalid("spec.clusterIPs", addresses, "first value must match `clusterIP`")
    elif addresses and not first:
        yield invalid("spec.clusterIPs", addresses, "must be empty when `clusterIP` is not specified")
    seen: set[str] = set()
    for at, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in _FAMILIES:
            yield not_supported(f"spec.ipFamilies[{at}]", family, _FAMILIES)
        if family in seen:
            yield duplicate(f"spec.ipFamilies[{at}]", family)
        seen.add(family)
    yield from one_of_if_given("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), _FAMILY_POLICIES)
    yield from _address_list(spec, addresses, before)


def _address_list(spec: Object, addresses: list[str], before: Object) -> Iterator[Cause]:
    wrong = False
    for at, address in enumerate(addresses):
        if at == 0 and address == "None":
            if len(addresses) > 1:
                wrong = True
                yield invalid("spec.clusterIPs", addresses, "'None' must be the first and only value")
            continue
        found = list(legacy_address(f"spec.clusterIPs[{at}]", address, before.get("clusterIPs") or ()))
        wrong = wrong or bool(found)
        yield from found
    if len(addresses) > 2:
        yield invalid("spec.clusterIPs", addresses, "may only hold up to 2 values")
    if wrong:
        return
    if len(addresses) > 1 and len({is_ipv6(address) for address in addresses}) != len(addresses):
        yield invalid("spec.clusterIPs", addresses, "may specify no more than one IP for each IP family")
    if is_headless(spec):
        return
    for at, (address, family) in enumerate(zip(addresses, spec.get("ipFamilies") or (), strict=False)):
        if family in _FAMILIES and is_ipv6(address) is not (family == "IPv6"):
            detail = f"expected an {family} value as indicated by `ipFamilies[{at}]`"
            yield invalid(f"spec.clusterIPs[{at}]", address, detail)


def _external_addresses(spec: Object, before: Object) -> Iterator[Cause]:
    for at, address in enumerate(spec.get("externalIPs") or ()):
        path = f"spec.externalIPs[{at}]"
        found = list(legacy_address(path, address, before.get("externalIPs") or ()))
        yield from found or endpoint_address(path, address)


def _balancer(spec: Object, before: Object) -> Iterator[Cause]:
    is_balancer = spec.get("type") == "LoadBalancer"
    # The server spells this field with a capital letter.
    field = "spec.LoadBalancerSourceRanges"
    ranges = spec.get("loadBalancerSourceRanges") or ()
    if ranges and not is_balancer:
        yield forbidden(field, _BALANCER_ONLY)
    stored = [text.strip() for text in before.get("loadBalancerSourceRanges") or ()]
    for at, text in enumerate(ranges):
        yield from legacy_block(f"{field}[{at}]", text.strip(), stored)
    if "allocateLoadBalancerNodePorts" in spec and not is_balancer:
        yield forbidden("spec.allocateLoadBalancerNodePorts", _BALANCER_ONLY)
    if "loadBalancerClass" in spec:
        if is_balancer:
            yield from qualified_name("spec.loadBalancerClass", spec["loadBalancerClass"])
        else:
            yield forbidden("spec.loadBalancerClass", _BALANCER_ONLY)


def _traffic(spec: Object) -> Iterator[Cause]:
    kind, policy = spec.get("type"), spec.get("externalTrafficPolicy", "")
    if is_externally_accessible(spec):
        yield from one_of("spec.externalTrafficPolicy", policy, _POLICIES)
    elif policy:
        detail = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", policy, detail, named_type=True)
    check = spec.get("healthCheckNodePort", 0)
    if not (kind == "LoadBalancer" and policy == "Local"):
        if check:
            detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield invalid("spec.healthCheckNodePort", check, detail)
    elif check:
        yield from port_number("spec.healthCheckNodePort", check)
    yield from one_of_if_given("spec.internalTrafficPolicy", spec.get("internalTrafficPolicy"), _POLICIES)
    yield from one_of_if_given("spec.trafficDistribution", spec.get("trafficDistribution"), _DISTRIBUTIONS)


def is_externally_accessible(spec: Object) -> bool:
    """Tell whether a Service is reached from outside the cluster."""
    kind = spec.get("type")
    return kind in {"LoadBalancer", "NodePort"} or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def validate_service_update(new: Object, old: Object) -> Iterator[Cause]:
    """Judge a changed Service: its first address and family stay for life."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if "ExternalName" not in {spec.get("type"), before.get("type")}:
        yield from _addresses_change(spec, before)
        yield from _families_change(spec, before)
    same_type = spec.get("type") == before.get("type") == "LoadBalancer"
    if same_type and spec.get("loadBalancerClass") != before.get("loadBalancerClass"):
        yield invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), _SET_ONCE)
    needs_check = same_type and spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy") == "Local"
    if needs_check and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        yield forbidden("spec.healthCheckNodePort", "field is immutable")
    yield from validate_service(new, old)


def _addresses_change(spec: Object, before: Object) -> Iterator[Cause]:
    now, then = list(spec.get("clusterIPs") or ()), list(before.get("clusterIPs") or ())
    if now == then == ["None"] or not then:
        return
    if len(then) == len(now):
        for at, (new, old) in enumerate(zip(now, then, strict=True)):
            if new != old:
                yield invalid(f"spec.clusterIPs[{at}]", now, _SET_ONCE)
    elif not now:
        yield invalid("spec.clusterIPs[0]", spec.get("clusterIPs"), "primary clusterIP can not be unset")
    else:
        if now[0] != then[0]:
            yield invalid("spec.clusterIPs[0]", now, _SET_ONCE)
        if len(now) < len(then) and spec.get("ipFamilyPolicy") != "SingleStack":
            detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
            yield invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail)


def validate_status(service: Object) -> Iterator[Cause]:
    """Judge the status of a Service: only a load balancer has addresses outside."""
    given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if given and (service.get("spec") or {}).get("type") != "LoadBalancer":
        detail = "may only be used when `spec.type` is 'LoadBalancer'"
        yield forbidden("status.loadBalancer.ingress", detail)


def _families_change(spec: Object, before: Object) -> Iterator[Cause]:
    if is_headless(spec) or is_headless(before):
        return
    now, then = list(spec.get("ipFamilies") or ()), list(before.get("ipFamilies") or ())
    if now and then and now[0] != then[0]:
        shown = now if len(now) == len(then) else list(spec.get("clusterIPs") or ())
        yield invalid("spec.ipFamilies[0]", shown, _SET_ONCE)


def warn_of_service(service: Object) -> Iterator[str]:
    """Give the warnings about a Service (pkg/api/service/warnings.go)."""
    spec = service.get("spec") or {}
    yield from _warn_of_addresses(spec)
    if spec.get("type") != "ExternalName" and spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield f'spec.trafficDistribution: {quoted("PreferClose")} is deprecated; use "PreferSameZone"'


def _warn_of_addresses(spec: Object) -> Iterator[str]:
    kind = spec.get("type")
    external, headless = spec.get("externalIPs") or (), is_headless(spec)
    for at, address in enumerate(() if headless else spec.get("clusterIPs") or ()):
        yield from warn_of_address(f"spec.clusterIPs[{at}]", address)
    if headless:
        yield from _warn_of_headless(spec)
    for at, address in enumerate(external):
        yield from warn_of_address(f"spec.externalIPs[{at}]", address)
    if external and not headless and kind != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.get("loadBalancerIP"):
        yield from warn_of_address("spec.loadBalancerIP", spec["loadBalancerIP"])
    for at, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        yield from warn_of_block(f"spec.loadBalancerSourceRanges[{at}]", block)
    if kind == "ExternalName" and external:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'


def _warn_of_headless(spec: Object) -> Iterator[str]:
    if spec.get("loadBalancerIP"):
        yield "spec.loadBalancerIP is ignored for headless services"
    if spec.get("externalIPs"):
        yield "spec.externalIPs is ignored for headless services"
    if spec.get("sessionAffinity") != "None":
        yield "spec.SessionAffinity is ignored for headless services"


RULES = {
    "v1/Service": Rules(
        validate_service,
        validate_service_update,
        warn_of_service,
        # Since 1.36 the name may start with a digit.
        dns_label_complaints,
    )
}
