"""The kinds of objects that are read from a cluster, and where its API has them.

``WATCHED`` is what the agent's ClusterRole must grant ``list`` and ``watch`` on, ``LISTED`` what a person needs
``list`` on for ``check``, ``map`` and ``why``. ``SURROUNDINGS`` is what else ``check`` relates policies to, as far as
it is there and may be listed.
"""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind: ``versions`` are those that Podfence reads, the best first.

    ``custom`` kinds exist only where their CRD was installed.
    """

    group: str
    versions: tuple[str, ...]
    plural: str
    name: str
    custom: bool = False

    def path(self, version: str) -> str:
        """Give the path of all objects of the kind, in every namespace."""
        return f"{group_path(self.group)}/{version}/{self.plural}"

    def api_version(self, version: str) -> str:
        """Give what ``apiVersion`` says in the objects of a version."""
        return f"{self.group}/{version}" if self.group else version

    @property
    def resource(self) -> str:
        """The kind as RBAC and kubectl name it: ``networkpolicies.networking.k8s.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def group_path(group: str) -> str:
    """Give the path below which a group has its versions."""
    return f"/apis/{group}" if group else "/api"


_POLICY = "policy.networking.k8s.io"

NAMESPACES = Kind("", ("v1",), "namespaces", "Namespace")
PODS = Kind("", ("v1",), "pods", "Pod")
NODES = Kind("", ("v1",), "nodes", "Node")
SERVICES = Kind("", ("v1",), "services", "Service")
ENDPOINT_SLICES = Kind("discovery.k8s.io", ("v1",), "endpointslices", "EndpointSlice")
NETWORK_POLICIES = Kind("networking.k8s.io", ("v1",), "networkpolicies", "NetworkPolicy")
CLUSTER_NETWORK_POLICIES = Kind(_POLICY, ("v1alpha2",), "clusternetworkpolicies", "ClusterNetworkPolicy", custom=True)
ADMIN_NETWORK_POLICIES = Kind(_POLICY, ("v1alpha1",), "adminnetworkpolicies", "AdminNetworkPolicy", custom=True)
BASELINE_ADMIN_NETWORK_POLICIES = Kind(
    _POLICY, ("v1alpha1",), "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", custom=True
)

POLICIES = (
    NETWORK_POLICIES,
    CLUSTER_NETWORK_POLICIES,
    ADMIN_NETWORK_POLICIES,
    BASELINE_ADMIN_NETWORK_POLICIES,
)

WATCHED = (NAMESPACES, NODES, SERVICES, ENDPOINT_SLICES, *POLICIES, PODS)

WORKLOADS = (
    Kind("apps", ("v1",), "deployments", "Deployment"),
    Kind("apps", ("v1",), "replicasets", "ReplicaSet"),
    Kind("apps", ("v1",), "statefulsets", "StatefulSet"),
    Kind("apps", ("v1",), "daemonsets", "DaemonSet"),
    Kind("", ("v1",), "replicationcontrollers", "ReplicationController"),
    Kind("batch", ("v1",), "jobs", "Job"),
    Kind("batch", ("v1", "v1beta1"), "cronjobs", "CronJob"),
)

LISTED = (*WATCHED, *WORKLOADS)

_GATEWAY = "gateway.networking.k8s.io"

SURROUNDINGS = (
    Kind("networking.k8s.io", ("v1",), "ingresses", "Ingress"),
    Kind("admissionregistration.k8s.io", ("v1",), "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
    Kind("admissionregistration.k8s.io", ("v1",), "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
    Kind("apiregistration.k8s.io", ("v1",), "apiservices", "APIService"),
    Kind("apiextensions.k8s.io", ("v1",), "customresourcedefinitions", "CustomResourceDefinition"),
    Kind("rbac.authorization.k8s.io", ("v1",), "rolebindings", "RoleBinding"),
    Kind("rbac.authorization.k8s.io", ("v1",), "clusterrolebindings", "ClusterRoleBinding"),
    Kind(_GATEWAY, ("v1", "v1beta1"), "httproutes", "HTTPRoute", custom=True),
    Kind(_GATEWAY, ("v1", "v1alpha2"), "grpcroutes", "GRPCRoute", custom=True),
    Kind(_GATEWAY, ("v1", "v1alpha3", "v1alpha2"), "tlsroutes", "TLSRoute", custom=True),
    Kind(_GATEWAY, ("v1", "v1alpha2"), "tcproutes", "TCPRoute", custom=True),
    Kind(_GATEWAY, ("v1", "v1alpha2"), "udproutes", "UDPRoute", custom=True),
    Kind("monitoring.coreos.com", ("v1",), "servicemonitors", "ServiceMonitor", custom=True),
    Kind("monitoring.coreos.com", ("v1",), "podmonitors", "PodMonitor", custom=True),
)
