"""Kubernetes objects as JSON carries them: of every kind only the fields that Podfence reads.

``msgspec`` decodes these straight from JSON text and skips everything else unseen, and converts plain values
that came out of YAML. Go prints empty lists, maps and pointers as ``null`` where it does not leave them out, so
every field may be ``None`` and so may the items of lists and maps. Policies are not here: they are read from
plain values, because a field that the API does not have matters there.
"""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, gc=False, rename="camel"):
    """What the wire structs share: names in camel case, and no work for the garbage collector."""


class OwnerReference(Wire):
    """Who made an object; at most one owner is its controller."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    controller: bool | None = None


class ObjectMeta(Wire):
    """The identity and the labels of an object."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str | None] | None = None
    owner_references: list[OwnerReference | None] | None = None
    deletion_timestamp: str | None = None


class Object(Wire):
    """What every object has: an identity."""

    metadata: ObjectMeta | None = None


class ContainerPort(Wire):
    """A port that a container declares."""

    name: str | None = None
    container_port: int | None = None
    protocol: str | None = None


class Container(Wire):
    """A container; an init container with ``restartPolicy: Always`` keeps running beside the others."""

    ports: list[ContainerPort | None] | None = None
    restart_policy: str | None = None


class PodSpec(Wire):
    """The part of a pod that tells its ports and its node."""

    containers: list[Container | None] | None = None
    init_containers: list[Container | None] | None = None
    node_name: str | None = None
    host_network: bool | None = None


class PodIP(Wire):
    """One address of a pod."""

    ip: str | None = None


class PodStatus(Wire):
    """Whether a pod lives, and its addresses."""

    phase: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[PodIP | None] | None = msgspec.field(default=None, name="podIPs")


class Pod(Object):
    """A pod."""

    spec: PodSpec | None = None
    status: PodStatus | None = None


class PodTemplate(Wire):
    """The pods that a workload makes."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None


class Expression(Wire):
    """One requirement of a label selector."""

    key: str | None = None
    operator: str | None = None
    values: list[str | None] | None = None


class LabelSelector(Wire):
    """A label selector."""

    match_labels: dict[str, str | None] | None = None
    match_expressions: list[Expression | None] | None = None


class JobSpec(Wire):
    """How many pods a job runs at once, and which."""

    parallelism: int | None = None
    completions: int | None = None
    template: PodTemplate | None = None


class JobTemplate(Wire):
    """The jobs that a CronJob makes."""

    spec: JobSpec | None = None


class DeploymentSpec(Wire):
    """How many pods a Deployment wants, which, and how it knows them."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplate | None = None


class ReplicatedSpec(Wire):
    """How many pods a workload wants, and which; a DaemonSet has no ``replicas``."""

    replicas: int | None = None
    template: PodTemplate | None = None


class CronJobSpec(Wire):
    """The jobs that a CronJob makes."""

    job_template: JobTemplate | None = None


class Deployment(Object):
    """A Deployment of any version."""

    spec: DeploymentSpec | None = None


class Replicated(Object):
    """A StatefulSet, DaemonSet, ReplicaSet or ReplicationController of any version."""

    spec: ReplicatedSpec | None = None


class Job(Object):
    """A Job of any version."""

    spec: JobSpec | None = None


class CronJob(Object):
    """A CronJob of any version."""

    spec: CronJobSpec | None = None


class NodeAddress(Wire):
    """One address or name of a node."""

    type: str | None = None
    address: str | None = None


class NodeSpec(Wire):
    """The blocks that a node's pods get their addresses from."""

    pod_cidr: str | None = msgspec.field(default=None, name="podCIDR")
    pod_cidrs: list[str | None] | None = msgspec.field(default=None, name="podCIDRs")


class NodeStatus(Wire):
    """The addresses of a node."""

    addresses: list[NodeAddress | None] | None = None


class Node(Object):
    """A node."""

    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class ServicePort(Wire):
    """One port of a Service; ``targetPort`` is a number or a container port's name."""

    name: str | None = None
    protocol: str | None = None
    port: int | None = None
    target_port: int | str | None = None


class ServiceSpec(Wire):
    """Where a Service listens and whom it stands for."""

    selector: dict[str, str | None] | None = None
    ports: list[ServicePort | None] | None = None
    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    cluster_ips: list[str | None] | None = msgspec.field(default=None, name="clusterIPs")
    external_ips: list[str | None] | None = msgspec.field(default=None, name="externalIPs")
    external_traffic_policy: str | None = None


class LoadBalancerIngress(Wire):
    """One address that a load balancer gave to a Service."""

    ip: str | None = None


class LoadBalancerStatus(Wire):
    """The addresses that a load balancer gave to a Service."""

    ingress: list[LoadBalancerIngress | None] | None = None


class ServiceStatus(Wire):
    """What the cluster says of a Service."""

    load_balancer: LoadBalancerStatus | None = None


class Service(Object):
    """A Service."""

    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class Endpoint(Wire):
    """Some addresses of an EndpointSlice."""

    addresses: list[str | None] | None = None


class EndpointPort(Wire):
    """One port of an EndpointSlice."""

    name: str | None = None
    protocol: str | None = None
    port: int | None = None


class EndpointSlice(Object):
    """An EndpointSlice of any version."""

    address_type: str | None = None
    endpoints: list[Endpoint | None] | None = None
    ports: list[EndpointPort | None] | None = None
