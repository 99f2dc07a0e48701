"""The kinds around policies as JSON carries them: of each only the fields that lint reads.

The same conventions as in ``wire``: every field may be ``None``, and so may the items of lists and maps.
"""

from __future__ import annotations

from podfence.manifests.wire import ContainerPort, LabelSelector, Object, Wire


class Meta(Wire):
    """The annotations of a pod template."""

    annotations: dict[str, str | None] | None = None


class ProbeTarget(Wire):
    """Where a probe connects to, by number or by the container's name for the port."""

    port: int | str | None = None


class Probe(Wire):
    """A probe that the kubelet makes over the network, if it is one."""

    http_get: ProbeTarget | None = None
    tcp_socket: ProbeTarget | None = None
    grpc: ProbeTarget | None = None


class Container(Wire):
    """A container with its ports and probes."""

    image: str | None = None
    ports: list[ContainerPort | None] | None = None
    restart_policy: str | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None


class DnsConfig(Wire):
    """Resolvers that a pod asks instead of the cluster's, or besides."""

    nameservers: list[str | None] | None = None


class PodSpec(Wire):
    """The part of a pod that tells who will connect to it and to whom it will."""

    containers: list[Container | None] | None = None
    init_containers: list[Container | None] | None = None
    service_account_name: str | None = None
    automount_service_account_token: bool | None = None
    dns_policy: str | None = None
    dns_config: DnsConfig | None = None


class Template(Wire):
    """The pods of a workload."""

    metadata: Meta | None = None
    spec: PodSpec | None = None


class JobSpec(Wire):
    """The pods of a Job."""

    template: Template | None = None


class JobTemplate(Wire):
    """The Jobs of a CronJob."""

    spec: JobSpec | None = None


class WorkloadSpec(Wire):
    """The pods of any workload: a template, or that of a CronJob's Jobs."""

    template: Template | None = None
    job_template: JobTemplate | None = None


class Workload(Object):
    """A workload of any kind."""

    spec: WorkloadSpec | None = None


class PodDetails(Wire):
    """A Pod object; its metadata is read twice, here for the annotations."""

    metadata: Meta | None = None
    spec: PodSpec | None = None


class BackendPort(Wire):
    """The port of a Service, by number or name."""

    number: int | None = None
    name: str | None = None


class BackendService(Wire):
    """The Service behind an Ingress path."""

    name: str | None = None
    port: BackendPort | None = None


class IngressBackend(Wire):
    """What an Ingress sends requests to."""

    service: BackendService | None = None


class IngressPath(Wire):
    """One path of an Ingress."""

    backend: IngressBackend | None = None


class IngressHttp(Wire):
    """The paths of a host."""

    paths: list[IngressPath | None] | None = None


class IngressRule(Wire):
    """One host of an Ingress."""

    http: IngressHttp | None = None


class IngressSpec(Wire):
    """Hosts, paths and their backends."""

    default_backend: IngressBackend | None = None
    rules: list[IngressRule | None] | None = None


class Ingress(Object):
    """An Ingress."""

    spec: IngressSpec | None = None


class RouteBackend(Wire):
    """What a route of the Gateway API sends requests to; a Service where no kind is named."""

    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    port: int | None = None


class RouteRule(Wire):
    """One rule of a route."""

    backend_refs: list[RouteBackend | None] | None = None


class RouteSpec(Wire):
    """The rules of a route."""

    rules: list[RouteRule | None] | None = None


class Route(Object):
    """An HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or UDPRoute."""

    spec: RouteSpec | None = None


class MonitorEndpoint(Wire):
    """One port that is scraped."""

    port: str | None = None
    target_port: int | str | None = None
    port_number: int | None = None


class NamespaceSelector(Wire):
    """Which namespaces a monitor looks into; its own where nothing is said."""

    any: bool | None = None
    match_names: list[str | None] | None = None


class MonitorSpec(Wire):
    """What a monitor selects and scrapes."""

    selector: LabelSelector | None = None
    namespace_selector: NamespaceSelector | None = None
    endpoints: list[MonitorEndpoint | None] | None = None
    pod_metrics_endpoints: list[MonitorEndpoint | None] | None = None


class Monitor(Object):
    """A ServiceMonitor or PodMonitor of the Prometheus operator."""

    spec: MonitorSpec | None = None


class CalledService(Wire):
    """The Service that the API server calls."""

    namespace: str | None = None
    name: str | None = None
    port: int | None = None


class ClientConfig(Wire):
    """How the API server reaches a webhook."""

    service: CalledService | None = None


class Webhook(Wire):
    """One webhook of a configuration."""

    name: str | None = None
    failure_policy: str | None = None
    client_config: ClientConfig | None = None


class WebhookConfiguration(Object):
    """A Validating- or MutatingWebhookConfiguration."""

    webhooks: list[Webhook | None] | None = None


class Conversion(Wire):
    """How objects of a custom kind are converted between versions."""

    webhook: Webhook | None = None


class DefinitionSpec(Wire):
    """The conversion of a custom kind."""

    conversion: Conversion | None = None


class Definition(Object):
    """A CustomResourceDefinition."""

    spec: DefinitionSpec | None = None


class ApiServiceSpec(Wire):
    """The Service of an aggregated API; none for those that the API server has itself."""

    service: CalledService | None = None


class ApiService(Object):
    """An APIService."""

    spec: ApiServiceSpec | None = None


class RoleRef(Wire):
    """The role that a binding gives."""

    kind: str | None = None
    name: str | None = None


class BindingSubject(Wire):
    """Who gets the role."""

    kind: str | None = None
    name: str | None = None
    namespace: str | None = None


class Binding(Object):
    """A RoleBinding or ClusterRoleBinding."""

    role_ref: RoleRef | None = None
    subjects: list[BindingSubject | None] | None = None
