"""Short descriptions of kinds and fields, for ``kubectl explain``: ours, and only where they help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "core.v1.Pod": "A Pod is one or more containers that run together on one node and share its address.",
    "core.v1.Namespace": "A Namespace is a scope for names; policies select whole namespaces by their labels.",
    "core.v1.Service": "A Service is one address and name for a changing set of pods.",
    "core.v1.ConfigMap": "A ConfigMap holds settings as pairs of names and texts.",
    "core.v1.Secret": "A Secret holds small confidential values such as passwords and keys.",
    "core.v1.Node": "A Node is a machine that pods run on.",
    "core.v1.ServiceAccount": "A ServiceAccount is the identity of the programs in a pod.",
    "core.v1.Endpoints": "Endpoints list the addresses behind a Service; EndpointSlices have taken their place.",
    "core.v1.Event": "An Event tells what happened to an object.",
    "core.v1.PersistentVolume": "A PersistentVolume is a piece of storage that outlives pods.",
    "core.v1.PersistentVolumeClaim": "A PersistentVolumeClaim asks for storage of some size.",
    "core.v1.ReplicationController": "A ReplicationController keeps a number of equal pods; Deployments do it better.",
    "core.v1.LimitRange": "A LimitRange bounds what single pods and containers of a namespace may ask for.",
    "core.v1.ResourceQuota": "A ResourceQuota bounds what a namespace may use altogether.",
    "apps.v1.Deployment": "A Deployment keeps a number of equal pods and replaces them step by step when they change.",
    "apps.v1.ReplicaSet": "A ReplicaSet keeps a number of equal pods.",
    "apps.v1.StatefulSet": "A StatefulSet keeps pods that have lasting names and storage, in order.",
    "apps.v1.DaemonSet": "A DaemonSet keeps one pod on every node.",
    "batch.v1.Job": "A Job runs pods until enough of them have ended well.",
    "batch.v1.CronJob": "A CronJob makes Jobs at the times of a schedule.",
    "networking.v1.NetworkPolicy": (
        "A NetworkPolicy says which connections the pods that it selects may have. Pods that no policy selects may "
        "have all; what any policy allows is allowed."
    ),
    "networking.v1.Ingress": "An Ingress leads HTTP requests from outside to Services, by host and path.",
    "networking.v1.IngressClass": "An IngressClass names the controller that serves Ingresses.",
    "discovery.v1.EndpointSlice": "An EndpointSlice lists some of the addresses and ports behind a Service.",
    "coordination.v1.Lease": "A Lease is held by one of many programs for some time.",
    "policy.v1.PodDisruptionBudget": "A PodDisruptionBudget bounds how many pods may be evicted at once.",
    "rbac.v1.Role": "A Role is a list of permissions in one namespace.",
    "rbac.v1.ClusterRole": "A ClusterRole is a list of permissions in the whole cluster.",
    "rbac.v1.RoleBinding": "A RoleBinding gives permissions in one namespace to users and service accounts.",
    "rbac.v1.ClusterRoleBinding": "A ClusterRoleBinding gives permissions in the whole cluster.",
    "autoscaling.v1.Scale": "A Scale is the number of replicas of a workload, wanted and there.",
    "core.v1.PodSpec": "What a pod is to be: its containers, and where and how they run.",
    "core.v1.PodTemplateSpec": "What every pod of a workload is made from.",
    "core.v1.Container": "A program with its image, command, environment and ports.",
    "core.v1.ContainerPort": "A port that a container listens on. It is for information, and gives the port a name.",
    "core.v1.ServiceSpec": "Which pods a Service leads to, and on which ports.",
    "core.v1.ServicePort": "A port of a Service, and the port of the pods that it leads to.",
    "core.v1.Probe": "How the health of a container is found out.",
    "networking.v1.NetworkPolicySpec": "Which pods a policy selects, and what it allows them.",
    "networking.v1.NetworkPolicyIngressRule": "Allowed connections to the pods: from any peer, on any port.",
    "networking.v1.NetworkPolicyEgressRule": "Allowed connections of the pods: to any peer, on any port.",
    "networking.v1.NetworkPolicyPeer": "The other end of a connection: pods, namespaces, or a block of addresses.",
    "networking.v1.NetworkPolicyPort": "A port or a range of ports.",
    "networking.v1.IPBlock": "A block of addresses, and the blocks inside it that are not meant.",
}

FIELDS: Final[Mapping[tuple[str, str], str]] = {
    ("", "apiVersion"): "The group and version of the API that the object is written in.",
    ("", "kind"): "The kind of the object.",
    ("", "metadata"): "The object's name, namespace, labels and annotations.",
    ("", "spec"): "What is wanted.",
    ("", "status"): "What is there; the cluster writes it.",
    ("", "replicas"): "How many pods there are to be.",
    ("", "template"): "What every pod is made from.",
    ("core.v1.PodSpec", "containers"): "The programs of the pod; at least one.",
    (
        "core.v1.PodSpec",
        "initContainers",
    ): "Programs that must end well, one after the other, before the containers start.",
    ("core.v1.PodSpec", "nodeName"): "The node that the pod runs on.",
    ("core.v1.PodSpec", "hostNetwork"): "Use the node's own network; policies do not select such pods.",
    ("core.v1.PodSpec", "serviceAccountName"): "The identity of the pod's programs.",
    ("core.v1.Container", "image"): "The image to run.",
    ("core.v1.Container", "command"): "What to run instead of the image's own entry point.",
    ("core.v1.Container", "args"): "The arguments of the command.",
    ("core.v1.Container", "env"): "Variables of the program's environment.",
    ("core.v1.Container", "ports"): "The ports that the program listens on.",
    ("core.v1.ContainerPort", "name"): "A name by which Services and policies may call the port.",
    ("core.v1.ServiceSpec", "selector"): "Labels of the pods that the Service leads to.",
    ("core.v1.ServiceSpec", "ports"): "The ports of the Service.",
    ("core.v1.ServiceSpec", "type"): "How the Service is reached: ClusterIP, NodePort, LoadBalancer or ExternalName.",
    (
        "core.v1.ServiceSpec",
        "clusterIP",
    ): "The address of the Service; None for a name that leads to the pods themselves.",
    (
        "networking.v1.NetworkPolicySpec",
        "podSelector",
    ): "The pods of this namespace that the policy is about; {} means all.",
    ("networking.v1.NetworkPolicySpec", "ingress"): "What may connect to the pods. No rule means nothing.",
    ("networking.v1.NetworkPolicySpec", "egress"): "What the pods may connect to. No rule means nothing.",
    ("networking.v1.NetworkPolicySpec", "policyTypes"): (
        "The directions that the policy limits. Left out: Ingress, and Egress if there is an egress rule."
    ),
    ("networking.v1.NetworkPolicyIngressRule", "from"): "The peers; left out or empty means every peer.",
    ("networking.v1.NetworkPolicyIngressRule", "ports"): "The ports of the selected pods; left out means every port.",
    ("networking.v1.NetworkPolicyEgressRule", "to"): "The peers; left out or empty means every peer.",
    ("networking.v1.NetworkPolicyEgressRule", "ports"): "The ports of the peers; left out means every port.",
    (
        "networking.v1.NetworkPolicyPeer",
        "podSelector",
    ): "Pods by their labels, of this namespace or of the selected ones.",
    ("networking.v1.NetworkPolicyPeer", "namespaceSelector"): "Namespaces by their labels; {} means all.",
    ("networking.v1.NetworkPolicyPeer", "ipBlock"): "Addresses outside the cluster; with it nothing else may stand.",
    ("networking.v1.NetworkPolicyPort", "port"): "The number of the port, or the name that the pod gives it.",
    ("networking.v1.NetworkPolicyPort", "endPort"): "The last port of a range that begins with port.",
    ("networking.v1.NetworkPolicyPort", "protocol"): "TCP, UDP or SCTP; TCP when left out.",
    ("networking.v1.IPBlock", "cidr"): "The block, such as 10.0.0.0/8 or 2001:db8::/64.",
    ("networking.v1.IPBlock", "except"): "Blocks inside cidr that are not meant.",
}


def kind_words(name: str) -> str:
    """Describe a record, given by its OpenAPI name; empty where there is nothing to say."""
    return KINDS.get(name.removeprefix("io.k8s.api."), "")


def field_words(name: str, field: str) -> str:
    """Describe a field of a record; empty where there is nothing to say."""
    return FIELDS.get((name.removeprefix("io.k8s.api."), field)) or FIELDS.get(("", field), "")
