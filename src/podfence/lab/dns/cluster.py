"""The zone of a cluster: Services, their endpoints and ports, pods, and the way back from addresses.

Source: the Kubernetes DNS specification 1.1.0, and CoreDNS' plugin ``kubernetes`` with ``pods insecure``, as kubeadm
sets it up.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from podfence.lab.dns.zone import Found, Record, Records, records
from podfence.lab.interface import Object

DOMAIN: Final = "cluster.local"
VERSION: Final = "1.1.0"
_SERVICE_LABEL: Final = "kubernetes.io/service-name"

Named = Iterator[tuple[str, Record]]


class ClusterZone(msgspec.Struct, frozen=True):
    """The cluster's zone: a table, and pods' names, which are computed."""

    domain: str
    table: Records
    namespaces: frozenset[str]

    def origin_of(self, name: str) -> str | None:
        """Give the cluster's domain; of reverse names only those that are known, the others are somebody else's."""
        if name.endswith((".in-addr.arpa", ".ip6.arpa")):
            return name if name in self.table.table else None
        return self.table.origin_of(name)

    def find(self, name: str) -> Found | None:
        """Give what there is under a name."""
        below, _, domain = name.partition(f".pod.{self.domain}")
        if domain or not name.endswith(f".pod.{self.domain}"):
            return self.table.find(name)
        written, _, namespace = below.rpartition(".")
        if namespace not in self.namespaces:
            return None
        return Found() if not written else _pod(written)


def cluster_zone(
    services: Iterable[Object],
    slices: Iterable[Object],
    namespaces: Iterable[str],
    dns_addresses: Sequence[str],
    domain: str = DOMAIN,
) -> ClusterZone:
    """Make the zone of what the cluster holds now; ``dns_addresses`` are those of the DNS Service itself."""
    behind: defaultdict[tuple[str, str], list[Object]] = defaultdict(list)
    for one in slices:
        if name := (one["metadata"].get("labels") or {}).get(_SERVICE_LABEL):
            behind[one["metadata"]["namespace"], name].append(one)
    named = list(_own_names(domain, dns_addresses))
    known = frozenset(namespaces)
    for service in services:
        metadata = service["metadata"]
        named += _service(service, behind[metadata["namespace"], metadata["name"]], domain)
    return ClusterZone(domain, records([domain], named, [f"svc.{domain}", f"pod.{domain}"]), known)


def _own_names(domain: str, addresses: Sequence[str]) -> Named:
    yield f"dns-version.{domain}", Record("TXT", f'"{VERSION}"')
    yield domain, Record("NS", f"ns.dns.{domain}.")
    yield from ((f"ns.dns.{domain}", _address(one)) for one in addresses)


def _service(service: Object, slices: Sequence[Object], domain: str) -> Named:
    spec, metadata = service["spec"], service["metadata"]
    name = f"{metadata['name']}.{metadata['namespace']}.svc.{domain}"
    if spec.get("type") == "ExternalName":
        yield name, Record("CNAME", f"{spec['externalName'].rstrip('.')}.")
        return
    if spec.get("clusterIP") in {None, "", "None"}:
        yield from _headless(name, slices)
        return
    for address in spec.get("clusterIPs") or [spec["clusterIP"]]:
        yield name, _address(address)
        yield _reverse(address), Record("PTR", f"{name}.")
    for port in spec.get("ports") or ():
        yield from _srv(name, port.get("name"), port.get("protocol"), port["port"], name)
    yield from (one for one in _endpoints(name, slices) if one[0] != name)


def _headless(name: str, slices: Sequence[Object]) -> Named:
    """Give the addresses of all endpoints under the Service's name, and each under a name of its own."""
    yield from _endpoints(name, slices)
    for one in slices:
        for host, _ in _hosts(one):
            for port in one.get("ports") or ():
                if port.get("port"):
                    yield from _srv(name, port.get("name"), port.get("protocol"), port["port"], f"{host}.{name}")


def _endpoints(name: str, slices: Sequence[Object]) -> Named:
    for one in slices:
        for host, address in _hosts(one):
            yield name, _address(address)
            yield f"{host}.{name}", _address(address)
            yield _reverse(address), Record("PTR", f"{host}.{name}.")


def _hosts(one: Object) -> Iterator[tuple[str, str]]:
    """Give host names and addresses of ready endpoints; who has no host name is called by the address."""
    if one["addressType"] not in {"IPv4", "IPv6"}:
        return
    for endpoint in one.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        for address in endpoint["addresses"]:
            yield endpoint.get("hostname") or address.replace(".", "-").replace(":", "-"), address


def _srv(name: str, port: str | None, protocol: str | None, number: int, target: str) -> Named:
    record = Record("SRV", f"0 100 {number} {target}.")
    yield name, record
    if port:
        yield f"_{port}._{(protocol or 'TCP').lower()}.{name}", record


def _pod(written: str) -> Found | None:
    """Read ``10-244-0-5`` or ``fd00--5``; whether there is such a pod is not asked, as in CoreDNS."""
    if "." in written or ":" in written:
        return None
    for sign in (".", ":"):
        try:
            return Found((_address(str(ipaddress.ip_address(written.replace("-", sign)))),))
        except ValueError:
            continue
    return None


def _address(text: str) -> Record:
    address = ipaddress.ip_address(text)
    return Record("A" if address.version == 4 else "AAAA", str(address))


def _reverse(text: str) -> str:
    return ipaddress.ip_address(text).reverse_pointer
