"""Cluster profiles: what a kind of cluster is known to have, so that one chart can be checked against all of them.

A profile fills in what manifests do not say: where DNS answers, on which port the API server listens, which plugin
enforces, whether there is a mesh. What stands in the input wins over it. The facts are the projects' own defaults,
named beside each profile.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import yaml

from podfence.model.error import PodfenceError
from podfence.model.net import MAX_PORT, MIN_PORT, AddressRange, parse_address, parse_cidr

_Port = Annotated[int, msgspec.Meta(ge=MIN_PORT, le=MAX_PORT)]


class DnsServers(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The pods that answer DNS: their namespace, labels, the port that they listen on, and their Service."""

    namespace: str = "kube-system"
    labels: dict[str, str] = msgspec.field(default_factory=lambda: {"k8s-app": "kube-dns"})
    port: _Port = 53
    service: str = "kube-dns"


class Profile(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What a kind of cluster has.

    ``api_ports`` are the ports on which the API server's own addresses listen, behind port 443 of its Service;
    ``api_cidrs`` where these addresses are, empty when every cluster has others. ``resolvers`` are addresses that
    pods ask instead of the DNS pods: node-local caches and resolvers of the cloud. ``pods_answer`` tells whether
    DNS pods are asked at all. ``pod_cidr`` is empty where every cluster has another.
    ``cloud`` tells whether 169.254.169.254 gives out credentials, ``probes_from`` the address that probes come
    from where that is not the node's, and ``konnectivity`` whether the API server calls through agents that are pods.
    """

    name: str
    api_ports: tuple[_Port, ...] = (6443,)
    api_cidrs: tuple[str, ...] = ()
    dns: DnsServers = DnsServers()
    pods_answer: bool = True
    resolvers: tuple[str, ...] = ()
    pod_cidr: str = ""
    plugin: str = ""
    cloud: bool = False
    ambient: bool = False
    probes_from: str = ""
    konnectivity: bool = False

    @property
    def resolver_addresses(self) -> tuple[int, ...]:
        """Give the resolvers on the address line."""
        return tuple(parse_address(text) for text in self.resolvers)

    @property
    def api_ranges(self) -> tuple[AddressRange, ...]:
        """Give where the API server's addresses are."""
        return tuple(parse_cidr(text) for text in self.api_cidrs)

    @property
    def pod_ranges(self) -> tuple[AddressRange, ...]:
        """Give where pods are, nothing where that is not known."""
        return (parse_cidr(self.pod_cidr),) if self.pod_cidr else ()


_OPENSHIFT_DNS = DnsServers(
    namespace="openshift-dns",
    labels={"dns.operator.openshift.io/daemonset-dns": "default"},
    port=5353,
    service="dns-default",
)

PROFILES = {
    profile.name: profile
    for profile in (
        # kind: kindnet, kubeadm inside; podSubnet 10.244.0.0/16 (kind's configuration API).
        Profile("kind", pod_cidr="10.244.0.0/16", plugin="kindnet"),
        # minikube: --apiserver-port defaults to 8443; its bridge CNI has 10.244.0.0/16.
        Profile("minikube", api_ports=(8443,), pod_cidr="10.244.0.0/16"),
        # kubeadm: bindPort 6443 (kubeadm's InitConfiguration); no plugin and no pod range of its own.
        Profile("kubeadm"),
        # k3s: the supervisor passes 6443 on to 6444 on each server; --cluster-cidr 10.42.0.0/16, kube-router inside.
        Profile("k3s", api_ports=(6443, 6444), pod_cidr="10.42.0.0/16", plugin="kube-router"),
        # EKS: endpoints are network interfaces that listen on 443; pods have addresses of the VPC.
        Profile("eks", api_ports=(443,), plugin="VPC CNI", cloud=True),
        # GKE: the control plane listens on 443; node-local DNS is on by default from 1.34.1-gke.3720000.
        # It calls through konnectivity-agent pods in kube-system.
        Profile("gke", api_ports=(443,), plugin="Dataplane V2", cloud=True, konnectivity=True),
        Profile(
            "gke-nodelocal",
            api_ports=(443,),
            resolvers=("169.254.20.10",),
            plugin="Dataplane V2",
            cloud=True,
            konnectivity=True,
        ),
        # Cloud DNS for GKE: pods ask the metadata server's resolver, there are no DNS pods to name.
        Profile(
            "gke-clouddns",
            api_ports=(443,),
            resolvers=("169.254.169.254",),
            pods_answer=False,
            plugin="Dataplane V2",
            cloud=True,
            konnectivity=True,
        ),
        # AKS: the API server listens on 443 and calls through konnectivity-agent pods in kube-system; CoreDNS keeps
        # the label k8s-app: kube-dns.
        Profile("aks", api_ports=(443,), cloud=True, konnectivity=True),
        # OpenShift: DNS pods listen on 5353 (cluster-dns-operator), OVN-Kubernetes, clusterNetwork 10.128.0.0/14.
        Profile("openshift", dns=_OPENSHIFT_DNS, pod_cidr="10.128.0.0/14", plugin="OVN-Kubernetes"),
        # Istio ambient: ztunnel takes traffic on 15008 (HBONE) and makes probes come from 169.254.7.127.
        Profile("ambient", api_ports=(), ambient=True, probes_from="169.254.7.127"),
    )
}
"""The profiles that Podfence brings, by name."""


def find_profile(word: str, text: str | None = None) -> Profile:
    """Find a profile by its name, or read one from the ``text`` of a YAML file called ``word``.

    A file may say ``extends: NAME`` and then only what differs. Raises ``PodfenceError``.
    """
    if text is None:
        found = PROFILES.get(word)
        if found is None:
            raise PodfenceError(f"--profile {word}: no such profile; there are {', '.join(PROFILES)}, or give a file")
        return found
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PodfenceError(f"--profile {word}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise PodfenceError(f"--profile {word}: a profile is a mapping with a name")
    return _read(word, value)


def _read(word: str, value: dict[str, object]) -> Profile:
    parent = value.pop("extends", None)
    known = msgspec.to_builtins(find_profile(str(parent))) if parent is not None else {}
    try:
        profile = msgspec.convert({**known, "name": word, **value}, Profile)
        _ = (profile.resolver_addresses, profile.api_ranges, profile.pod_ranges)
        _ = profile.probes_from and parse_address(profile.probes_from)
    except (msgspec.ValidationError, ValueError) as error:
        raise PodfenceError(f"--profile {word}: {error}") from error
    return profile
