"""Services, their endpoints, ingresses and policies in tables."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.tables.table import Column, TableColumns
from podfence.lab.apiserver.tables.words import NONE, age_of, at, joined, label_text, name_of, selector_text

Object = dict[str, Any]

_NAME = Column("Name", format="name")
_AGE = Column("Age")


def _service(value: Object, now: float) -> list[Any]:
    spec = value.get("spec") or {}
    cluster_ip = (spec.get("clusterIPs") or [spec.get("clusterIP")])[0] or NONE
    kind = spec.get("type", "ClusterIP")
    cells = [name_of(value), kind, cluster_ip, _external(value, spec, kind), _ports(spec), age_of(value, now)]
    return [*cells, label_text(spec.get("selector"))]


def _external(value: Object, spec: Object, kind: str) -> str:
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    external = list(spec.get("externalIPs") or ())
    if kind != "LoadBalancer":
        return joined(external)
    given = at(value, "status", "loadBalancer", "ingress") or ()
    balanced = ",".join(sorted({each.get("ip") or each.get("hostname") or "" for each in given}))
    if external:
        return ",".join([*([balanced] if balanced else []), *external])
    return balanced or "<pending>"


def _ports(spec: Object) -> str:
    def text(port: Object) -> str:
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}"

    return joined([text(port) for port in spec.get("ports") or ()])


SERVICES = TableColumns(
    (
        _NAME,
        Column("Type"),
        Column("Cluster-IP"),
        Column("External-IP"),
        Column("Port(s)"),
        _AGE,
        Column("Selector", priority=1),
    ),
    _service,
)


def _endpoints(value: Object, now: float) -> list[Any]:
    texts: list[str] = []
    for subset in value.get("subsets") or ():
        addresses = [each.get("ip", "") for each in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        texts += addresses if not ports else [_socket(ip, port.get("port")) for port in ports for ip in addresses]
    return [name_of(value), joined(texts, 3), age_of(value, now)]


def _socket(ip: str, port: object) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


ENDPOINTS = TableColumns((_NAME, Column("Endpoints"), _AGE), _endpoints)


def _slice(value: Object, now: float) -> list[Any]:
    ports = [str(port["port"]) if port.get("port") else "*" for port in value.get("ports") or ()]
    addresses = [address for each in value.get("endpoints") or () for address in each.get("addresses") or ()]
    unset = "<unset>"
    shown = [joined(ports, 3) if ports else unset, joined(addresses, 3) if addresses else unset]
    return [name_of(value), value.get("addressType", ""), *shown, age_of(value, now)]


SLICES = TableColumns((_NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), _AGE), _slice)


def _ingress(value: Object, now: float) -> list[Any]:
    spec = value.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    given = at(value, "status", "loadBalancer", "ingress") or ()
    addresses = ",".join(each.get("ip") or each.get("hostname") or "" for each in given)
    ports = "80, 443" if spec.get("tls") else "80"
    shown = [spec.get("ingressClassName") or NONE, joined(hosts, 3) if hosts else "*", addresses, ports]
    return [name_of(value), *shown, age_of(value, now)]


INGRESSES = TableColumns((_NAME, Column("Class"), Column("Hosts"), Column("Address"), Column("Ports"), _AGE), _ingress)


def _ingress_class(value: Object, now: float) -> list[Any]:
    spec = value.get("spec") or {}
    given = spec.get("parameters")
    parameters = NONE
    if given:
        group = f".{given['apiGroup']}" if given.get("apiGroup") else ""
        parameters = f"{given.get('kind', '')}{group}/{given.get('name', '')}"
    return [name_of(value), spec.get("controller", ""), parameters, age_of(value, now)]


INGRESS_CLASSES = TableColumns((_NAME, Column("Controller"), Column("Parameters"), _AGE), _ingress_class)


def _network_policy(value: Object, now: float) -> list[Any]:
    return [name_of(value), selector_text(at(value, "spec", "podSelector")), age_of(value, now)]


NETWORK_POLICIES = TableColumns((_NAME, Column("Pod-Selector"), _AGE), _network_policy)
