"""Which pods and addresses answer DNS in a cluster: found in the input, else told by the profile, else guessed.

A guess is good enough to write a rule that would help, never to say that something is wrong.
"""

from __future__ import annotations

import msgspec

from podfence.lint.profiles import DnsServers, Profile
from podfence.model.labels import NAMESPACE_NAME_LABEL, label_set
from podfence.model.net import NODE_LOCAL_DNS, Protocol
from podfence.model.objects import NamedPort, Namespace, Pod, Service
from podfence.model.snapshot import Snapshot

_SERVICES = (("kube-system", "kube-dns"), ("kube-system", "coredns"), ("openshift-dns", "dns-default"))
_NODE_LOCAL_APP = ("k8s-app", "node-local-dns")
_ASSUMED = "assumed-by-profile"
_DNS_PORT = 53


class KnownDns(msgspec.Struct, frozen=True):
    """Who answers DNS: ``certain`` unless it is guessed.

    ``pods`` answer on ``port`` (none where only ``resolvers`` are asked), ``service_addresses`` are the Service's,
    which no policy ever sees. ``servers`` says how to name the pods in a policy. ``assumed`` pods are not in the
    input.
    """

    servers: DnsServers
    pods: tuple[Pod, ...]
    port: int
    resolvers: tuple[int, ...] = ()
    service_addresses: tuple[int, ...] = ()
    certain: bool = False
    assumed: bool = False
    namespace: Namespace | None = None

    def completed(self, snapshot: Snapshot) -> Snapshot:
        """Add the assumed pods and their namespace to a snapshot."""
        if not self.assumed:
            return snapshot
        pods = sorted((*snapshot.pods, *self.pods), key=lambda pod: (pod.namespace, pod.name, pod.workload))
        spaces = {item.name: item for item in snapshot.namespaces}
        if self.namespace is not None:
            spaces.setdefault(self.namespace.name, self.namespace)
        namespaces = tuple(spaces[name] for name in sorted(spaces))
        return msgspec.structs.replace(snapshot, pods=tuple(pods), namespaces=namespaces)


def is_assumed(pod: Pod) -> bool:
    """Tell whether a pod stands for what the input lacks."""
    return pod.workload[0] == _ASSUMED


def known_dns(snapshot: Snapshot, profile: Profile | None) -> KnownDns:
    """Find who answers DNS."""
    resolvers = _resolvers(snapshot, profile)
    service = _service(snapshot)
    if service is not None and service.selector:
        wanted = set(service.selector)
        pods = tuple(pod for pod in snapshot.pods if pod.namespace == service.namespace and wanted.issubset(pod.labels))
        governed = tuple(pod for pod in pods if not pod.host_network)
        if governed:
            servers = DnsServers(service.namespace, dict(service.selector), _port(service, governed), service.name)
            return KnownDns(servers, governed, servers.port, resolvers, service.addresses, certain=True)
    servers = profile.dns if profile is not None else DnsServers()
    addresses = service.addresses if service is not None else ()
    in_input = tuple(
        pod
        for pod in snapshot.pods
        if pod.namespace == servers.namespace
        and set(servers.labels.items()).issubset(pod.labels)
        and not pod.host_network
    )
    if in_input:
        return KnownDns(servers, in_input, servers.port, resolvers, addresses, certain=True)
    if profile is not None and not profile.pods_answer:
        return KnownDns(servers, (), servers.port, resolvers, addresses, certain=True)
    pod = _assumed_pod(servers)
    space = Namespace(servers.namespace, label_set({NAMESPACE_NAME_LABEL: servers.namespace}))
    return KnownDns(
        servers, (pod,), servers.port, resolvers, addresses, certain=profile is not None, assumed=True, namespace=space
    )


def _service(snapshot: Snapshot) -> Service | None:
    found = {(service.namespace, service.name): service for service in snapshot.services}
    return next((found[key] for key in _SERVICES if key in found), None)


def _port(service: Service, pods: tuple[Pod, ...]) -> int:
    for port in service.ports:
        if port.port == _DNS_PORT and isinstance(port.target, int):
            return port.target
        if port.port == _DNS_PORT:
            for pod in pods:
                for named in pod.named_ports:
                    if named.name == port.target:
                        return named.number
    return _DNS_PORT


def _resolvers(snapshot: Snapshot, profile: Profile | None) -> tuple[int, ...]:
    if any(pod.host_network and _NODE_LOCAL_APP in pod.labels for pod in snapshot.pods):
        return (NODE_LOCAL_DNS,)
    return profile.resolver_addresses if profile is not None else ()


def _assumed_pod(servers: DnsServers) -> Pod:
    ports = (NamedPort("dns", Protocol.UDP, servers.port), NamedPort("dns-tcp", Protocol.TCP, servers.port))
    return Pod(
        namespace=servers.namespace,
        name=servers.service,
        labels=label_set(servers.labels),
        named_ports=ports,
        workload=(_ASSUMED, servers.service),
        from_template=True,
    )
