"""Which table a resource is shown in."""

from __future__ import annotations

from typing import Final

from podfence.lab.apiserver.tables import cluster, pods, services, storage, workloads
from podfence.lab.apiserver.tables.table import TableColumns
from podfence.lab.interface import Resource

_RBAC: Final = "rbac.authorization.k8s.io"
_WEBHOOKS: Final = "admissionregistration.k8s.io"

_COLUMNS: Final = {
    Resource("", "pods"): pods.PODS,
    Resource("", "services"): services.SERVICES,
    Resource("", "endpoints"): services.ENDPOINTS,
    Resource("", "namespaces"): cluster.NAMESPACES,
    Resource("", "nodes"): cluster.NODES,
    Resource("", "events"): cluster.EVENTS,
    Resource("", "configmaps"): cluster.CONFIG_MAPS,
    Resource("", "secrets"): cluster.SECRETS,
    Resource("", "persistentvolumeclaims"): storage.CLAIMS,
    Resource("", "resourcequotas"): cluster.QUOTAS,
    Resource("", "serviceaccounts"): cluster.SERVICE_ACCOUNTS,
    Resource("", "replicationcontrollers"): workloads.REPLICAS,
    Resource("apps", "deployments"): workloads.DEPLOYMENTS,
    Resource("apps", "replicasets"): workloads.REPLICAS,
    Resource("apps", "statefulsets"): workloads.STATEFUL_SETS,
    Resource("apps", "daemonsets"): workloads.DAEMON_SETS,
    Resource("batch", "jobs"): workloads.JOBS,
    Resource("batch", "cronjobs"): workloads.CRON_JOBS,
    Resource("autoscaling", "horizontalpodautoscalers"): workloads.AUTOSCALERS,
    Resource("policy", "poddisruptionbudgets"): workloads.BUDGETS,
    Resource("discovery.k8s.io", "endpointslices"): services.SLICES,
    Resource("networking.k8s.io", "ingresses"): services.INGRESSES,
    Resource("networking.k8s.io", "ingressclasses"): services.INGRESS_CLASSES,
    Resource("networking.k8s.io", "networkpolicies"): services.NETWORK_POLICIES,
    Resource("coordination.k8s.io", "leases"): cluster.LEASES,
    Resource("scheduling.k8s.io", "priorityclasses"): cluster.PRIORITY_CLASSES,
    Resource(_RBAC, "rolebindings"): cluster.BINDINGS,
    Resource(_RBAC, "clusterrolebindings"): cluster.BINDINGS,
    Resource(_WEBHOOKS, "validatingwebhookconfigurations"): cluster.WEBHOOKS,
    Resource(_WEBHOOKS, "mutatingwebhookconfigurations"): cluster.WEBHOOKS,
}


def builtin_columns(resource: Resource) -> TableColumns:
    """Give the columns of a built-in resource; those without any of their own show when they were created."""
    return _COLUMNS.get(resource, cluster.CREATED_AT)
