"""EndpointSlices and the Endpoints that they replace (pkg/apis/discovery, pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.rules.addresses import (
    canonical_address,
    endpoint_address,
    is_ipv6,
    legacy_address,
    parse_address,
)
from podfence.manifests.validation.rules.causes import (
    PROTOCOLS,
    Object,
    dns_label,
    dns_subdomain,
    duplicate,
    invalid,
    one_of,
    port_number,
    qualified_name,
    required,
)
from podfence.manifests.validation.rules.interface import Rules

_TYPES = ("FQDN", "IPv4", "IPv6")
_MOST_ADDRESSES, _MOST_ZONES = 100, 8


def validate_slice(piece: Object, old: Object | None = None) -> Iterator[Cause]:
    """Judge an EndpointSlice; its kind of address never changes."""
    kind = piece.get("addressType", "")
    if old is not None and kind != old.get("addressType"):
        yield invalid("addressType", kind, "field is immutable", named_type=True)
    yield from one_of("addressType", kind, _TYPES)
    stored = (old or {}).get("endpoints") or ()
    for at, endpoint in enumerate(piece.get("endpoints") or ()):
        if endpoint in stored:
            continue
        yield from _endpoint(endpoint, f"endpoints[{at}]", kind)
    names: set[str] = set()
    for at, port in enumerate(piece.get("ports") or ()):
        yield from _port(port, f"ports[{at}]", names)


def _endpoint(endpoint: Object, field: str, kind: str) -> Iterator[Cause]:
    addresses = endpoint.get("addresses") or ()
    if not addresses:
        yield required(f"{field}.addresses", "must contain at least 1 address")
    elif len(addresses) > _MOST_ADDRESSES:
        yield invalid(f"{field}.addresses", list(addresses), f"must have at most {_MOST_ADDRESSES} items")
    for at, address in enumerate(addresses):
        yield from _address(f"{field}.addresses", at, address, kind)
    if "nodeName" in endpoint:
        yield from dns_subdomain(f"{field}.nodeName", endpoint["nodeName"])
    if "hostname" in endpoint:
        yield from dns_label(f"{field}.hostname", endpoint["hostname"])
    zones: set[str] = set()
    for at, hint in enumerate((endpoint.get("hints") or {}).get("forZones") or ()):
        if hint.get("name", "") in zones:
            yield duplicate(f"{field}.hints.forZones[{at}].name", hint.get("name", ""))
        zones.add(hint.get("name", ""))


def _address(field: str, at: int, address: str, kind: str) -> Iterator[Cause]:
    path = f"{field}[{at}]"
    if kind == "FQDN":
        yield from dns_subdomain(path, address)
    elif kind in {"IPv4", "IPv6"}:
        judge = canonical_address if kind == "IPv6" else legacy_address
        found = list(judge(path, address))
        yield from found
        if parse_address(address) is not None:
            if is_ipv6(address) is not (kind == "IPv6"):
                yield invalid(field, address, f"must be an {kind} address")
            elif not found:
                yield from endpoint_address(path, address)


def _port(port: Object, field: str, names: set[str]) -> Iterator[Cause]:
    name = port.get("name") or ""
    if name:
        yield from dns_label(f"{field}.name", name)
    if name in names:
        yield duplicate(f"{field}.name", name)
    names.add(name)
    yield from one_of(f"{field}.protocol", port.get("protocol", ""), PROTOCOLS)
    if "appProtocol" in port:
        yield from qualified_name(f"{field}.appProtocol", port["appProtocol"])


def warn_of_slice(piece: Object) -> Iterator[str]:
    """Warn of names instead of addresses."""
    if piece.get("addressType") == "FQDN":
        yield "spec.addressType: FQDN endpoints are deprecated"


def validate_endpoints(endpoints: Object) -> Iterator[Cause]:
    """Judge Endpoints."""
    for at, subset in enumerate(endpoints.get("subsets") or ()):
        yield from _subset(subset, f"subsets[{at}]")


def _subset(subset: Object, field: str) -> Iterator[Cause]:
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        yield required(field, "must specify `addresses` or `notReadyAddresses`")
    for kind in ("addresses", "notReadyAddresses"):
        for at, address in enumerate(subset.get(kind) or ()):
            path = f"{field}.{kind}[{at}]"
            yield from legacy_address(f"{path}.ip", address.get("ip", ""))
            if address.get("hostname"):
                yield from dns_label(f"{path}.hostname", address["hostname"])
            if "nodeName" in address:
                yield from dns_subdomain(f"{path}.nodeName", address["nodeName"])
            yield from endpoint_address(f"{path}.ip", address.get("ip", ""))
    ports = subset.get("ports") or ()
    for at, port in enumerate(ports):
        path = f"{field}.ports[{at}]"
        if port.get("name"):
            yield from dns_label(f"{path}.name", port["name"])
        elif len(ports) > 1:
            yield required(f"{path}.name")
        yield from port_number(f"{path}.port", port.get("port", 0))
        yield from one_of(f"{path}.protocol", port.get("protocol", ""), PROTOCOLS)


def warn_of_endpoints(endpoints: Object) -> Iterator[str]:
    """Warn of the kind as a whole."""
    del endpoints
    yield "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"


RULES = {
    "discovery.k8s.io/v1/EndpointSlice": Rules(
        validate_slice, validate_slice, warn_of_slice, metadata_again=False, metadata_as_new=True
    ),
    "v1/Endpoints": Rules(validate_endpoints, warnings=warn_of_endpoints),
}
