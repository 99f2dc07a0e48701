"""The files that each pod has of its own, and its host name, as a kubelet writes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from podfence.lab.interface import Object

_LONGEST_HOSTNAME = 63


class ClusterDns(msgspec.Struct, frozen=True):
    """Where cluster DNS answers, the cluster's domain, and the resolvers of nodes (those of the outside zone)."""

    servers: tuple[str, ...] = ("10.96.0.10",)
    domain: str = "cluster.local"
    node_servers: tuple[str, ...] = ()


def pod_hostname(pod: Object) -> str:
    """Give the host name of a pod: its own wish, or its name, no longer than the kernel of a pod allows."""
    name = pod.get("spec", {}).get("hostname") or pod["metadata"]["name"]
    return str(name)[:_LONGEST_HOSTNAME].rstrip("-.")


def pod_files(pod: Object, addresses: Sequence[str], dns: ClusterDns) -> dict[str, str]:
    """Write hosts, resolv.conf and hostname."""
    return {
        "hosts": _hosts(pod, addresses, dns),
        "resolv.conf": _resolv_conf(pod, dns),
        "hostname": pod_hostname(pod) + "\n",
    }


def _hosts(pod: Object, addresses: Sequence[str], dns: ClusterDns) -> str:
    hostname = pod_hostname(pod)
    subdomain = pod["spec"].get("subdomain")
    full = f"{hostname}.{subdomain}.{pod['metadata']['namespace']}.svc.{dns.domain}\t" if subdomain else ""
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
        *(f"{address}\t{full}{hostname}" for address in addresses),
    ]
    aliases = pod["spec"].get("hostAliases") or []
    if aliases:
        lines.append("\n# Entries added by HostAliases.")
        lines += ["\t".join([alias["ip"], *(alias.get("hostnames") or [])]) for alias in aliases]
    return "\n".join(lines) + "\n"


def _resolv_conf(pod: Object, dns: ClusterDns) -> str:
    """Follow ``dnsPolicy`` and ``dnsConfig``; a pod in the host's network is ``Default`` unless it says otherwise."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    if policy in {"ClusterFirst", "ClusterFirstWithHostNet"}:
        servers = list(dns.servers)
        zone = f"svc.{dns.domain}"
        searches = [f"{pod['metadata']['namespace']}.{zone}", zone, dns.domain]
        options = ["ndots:5"]
    elif policy == "Default":
        servers = list(dns.node_servers)
    config = spec.get("dnsConfig") or {}
    servers += [server for server in config.get("nameservers") or [] if server not in servers]
    searches += [search for search in config.get("searches") or [] if search not in searches]
    wanted = {option["name"]: option.get("value") for option in config.get("options") or []}
    options = [option for option in options if option.partition(":")[0] not in wanted]
    options += [name if value is None else f"{name}:{value}" for name, value in wanted.items()]
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(line + "\n" for line in lines)
