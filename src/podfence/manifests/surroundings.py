"""Gather what stands around the policies: monitors, webhooks, routes, bindings, and the details of pods.

Works beside ``gather`` on the same items. What cannot be read is left out here and named as a problem, except for
fields of pods and workloads, which ``gather`` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from podfence.manifests import wire
from podfence.manifests import wire_surroundings as read
from podfence.manifests.convert.fields import FieldProblem, FieldProblems, UnreadableField
from podfence.manifests.convert.selectors import read_selector
from podfence.manifests.documents import Item
from podfence.manifests.loaded import Problem
from podfence.manifests.salvage import salvage
from podfence.model.labels import Selector, label_set
from podfence.model.net import Protocol
from podfence.model.objects import ObjectRef
from podfence.model.surroundings import (
    Backend,
    Binding,
    Called,
    Monitor,
    PodDetails,
    ServiceLabels,
    Surroundings,
    WorkloadKey,
)

Wanted = TypeVar("Wanted", bound=wire.Wire)

_HTTPS = 443
_SCRAPE = "prometheus.io/"
_PROTOCOLS = {None: Protocol.TCP, "TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}


class SurroundingsGathering:
    """Takes items one by one, whatever they are, and makes the surroundings in the end."""

    def __init__(self, namespace: str = "default") -> None:
        self._namespace = namespace
        self.problems: list[Problem] = []
        self._details: dict[WorkloadKey, PodDetails] = {}
        self._services: dict[tuple[str, str], ServiceLabels] = {}
        self._backends: list[Backend] = []
        self._monitors: list[Monitor] = []
        self._called: list[Called] = []
        self._bindings: list[Binding] = []
        self._declared: set[str] = set()
        self._made_elsewhere: set[str] = set()

    def add(self, item: Item) -> None:
        """Take one item in; kinds that tell nothing pass by."""
        take = _KINDS.get((item.api_version.rpartition("/")[0], item.kind))
        if take is not None:
            take(self, item)
        elif "." in item.api_version and not item.api_version.partition("/")[0].endswith("k8s.io"):
            self._made_elsewhere.add(self._ref(item, _meta(item)).namespace or self._namespace)

    def surroundings(self) -> Surroundings:
        """Give everything that was gathered, in the order of the input."""
        return Surroundings(
            details=self._details,
            services=self._services,
            backends=tuple(self._backends),
            monitors=tuple(self._monitors),
            called=tuple(self._called),
            bindings=tuple(self._bindings),
            declared=frozenset(self._declared),
            made_elsewhere=frozenset(self._made_elsewhere),
        )

    def add_namespace(self, item: Item) -> None:
        """Note that a namespace stands in the input, so that its labels are known."""
        self._declared.add(self._ref(item, _meta(item)).name)

    def add_service(self, item: Item) -> None:
        """Note the labels of a Service."""
        meta = _meta(item)
        ref = self._ref(item, meta)
        labels = {key: value or "" for key, value in (meta.labels or {}).items()}
        self._services[ref.namespace or "", ref.name] = ServiceLabels(ref, label_set(labels))

    def add_pod(self, item: Item) -> None:
        """Note the details of a Pod object, under its own name."""
        pod = _decode(item, read.PodDetails)
        self._add_details(item, "", pod.metadata, pod.spec)

    def add_workload(self, item: Item) -> None:
        """Note the details of the pods of a workload."""
        spec = _decode(item, read.Workload).spec or read.WorkloadSpec()
        template, path = spec.template, "spec.template"
        if spec.job_template is not None and spec.job_template.spec is not None:
            template, path = spec.job_template.spec.template, "spec.jobTemplate.spec.template"
        if template is not None:
            self._add_details(item, path, template.metadata, template.spec)

    def _add_details(self, item: Item, path: str, meta: read.Meta | None, spec: read.PodSpec | None) -> None:
        ref = self._ref(item, _meta(item))
        spec = spec or read.PodSpec()
        annotations = ((meta.annotations if meta is not None else None) or {}).items()
        containers = list(_running(spec))
        without_token = spec.automount_service_account_token is False
        config = spec.dns_config or read.DnsConfig()
        self._details[ref.namespace or "", ref.kind, ref.name] = PodDetails(
            ref=ref,
            path=path,
            ports=tuple(_ports(containers)),
            probes=tuple(_probes(containers)),
            service_account="" if without_token else spec.service_account_name or "default",
            annotations=label_set({key: value or "" for key, value in annotations if key.startswith(_SCRAPE)}),
            dns_policy=spec.dns_policy or "ClusterFirst",
            nameservers=tuple(text for text in config.nameservers or () if text),
            images=tuple(container.image for container in containers if container.image),
        )

    def add_ingress(self, item: Item) -> None:
        """Note where an Ingress sends requests."""
        ingress = self._decode(item, read.Ingress)
        ref = self._ref(item, ingress.metadata)
        spec = ingress.spec or read.IngressSpec()
        for path, backend in _ingress_backends(spec):
            service = backend.service if backend is not None else None
            if service is not None and service.name:
                port = service.port or read.BackendPort()
                wanted = port.name or port.number
                self._backends.append(Backend(ref, path, ref.namespace or "", service.name, wanted))

    def add_route(self, item: Item) -> None:
        """Note where a route of the Gateway API sends requests."""
        route = self._decode(item, read.Route)
        ref = self._ref(item, route.metadata)
        for number, rule in enumerate((route.spec or read.RouteSpec()).rules or ()):
            for index, backend in enumerate((rule and rule.backend_refs) or ()):
                if backend is not None and backend.name and backend.kind in (None, "Service"):
                    path = f"spec.rules[{number}].backendRefs[{index}]"
                    namespace = backend.namespace or ref.namespace or ""
                    self._backends.append(Backend(ref, path, namespace, backend.name, backend.port))

    def add_monitor(self, item: Item) -> None:
        """Note what a ServiceMonitor or PodMonitor scrapes."""
        monitor = self._decode(item, read.Monitor)
        ref = self._ref(item, monitor.metadata)
        spec = monitor.spec or read.MonitorSpec()
        field = "endpoints" if item.kind == "ServiceMonitor" else "podMetricsEndpoints"
        listed = spec.endpoints if item.kind == "ServiceMonitor" else spec.pod_metrics_endpoints
        ports = [
            wanted
            for endpoint in listed or ()
            if endpoint is not None
            for wanted in (endpoint.port or endpoint.target_port or endpoint.port_number,)
            if wanted
        ]
        selector = self._selector(spec.selector, ref)
        if selector is not None:
            namespaces = _looked_into(spec.namespace_selector, ref.namespace or "")
            of_services = item.kind == "ServiceMonitor"
            self._monitors.append(Monitor(ref, f"spec.{field}", namespaces, selector, tuple(ports), of_services))

    def add_webhooks(self, item: Item) -> None:
        """Note which Services are webhooks."""
        configuration = self._decode(item, read.WebhookConfiguration)
        ref = self._ref(item, configuration.metadata, namespaced=False)
        for index, webhook in enumerate(configuration.webhooks or ()):
            if webhook is not None:
                self._call(ref, f"webhooks[{index}].clientConfig.service", webhook, webhook.name or ref.name)

    def add_definition(self, item: Item) -> None:
        """Note the webhook that converts a custom kind."""
        definition = self._decode(item, read.Definition)
        ref = self._ref(item, definition.metadata, namespaced=False)
        conversion = definition.spec.conversion if definition.spec is not None else None
        if conversion is not None and conversion.webhook is not None:
            self._call(ref, "spec.conversion.webhook.clientConfig.service", conversion.webhook, ref.name)

    def _call(self, ref: ObjectRef, path: str, webhook: read.Webhook, name: str) -> None:
        service = webhook.client_config.service if webhook.client_config is not None else None
        if service is not None and service.name and service.namespace:
            blocks = webhook.failure_policy != "Ignore"
            port = service.port or _HTTPS
            self._called.append(Called(ref, path, name, service.namespace, service.name, port, blocks))

    def add_api_service(self, item: Item) -> None:
        """Note the Service of an aggregated API."""
        api = self._decode(item, read.ApiService)
        ref = self._ref(item, api.metadata, namespaced=False)
        service = api.spec.service if api.spec is not None else None
        if service is not None and service.name and service.namespace:
            port = service.port or _HTTPS
            self._called.append(Called(ref, "spec.service", ref.name, service.namespace, service.name, port))

    def add_binding(self, item: Item) -> None:
        """Note which service accounts have a role."""
        binding = self._decode(item, read.Binding)
        namespaced = item.kind == "RoleBinding"
        ref = self._ref(item, binding.metadata, namespaced=namespaced)
        accounts = tuple(
            (subject.namespace or ref.namespace or self._namespace, subject.name)
            for subject in binding.subjects or ()
            if subject is not None and subject.kind == "ServiceAccount" and subject.name
        )
        role = binding.role_ref or read.RoleRef()
        self._bindings.append(Binding(ref, f"{role.kind or 'Role'} {role.name or ''}".strip(), accounts))

    def _ref(self, item: Item, meta: wire.ObjectMeta | None, *, namespaced: bool = True) -> ObjectRef:
        meta = meta or wire.ObjectMeta()
        namespace = (meta.namespace or self._namespace) if namespaced and item.kind != "Namespace" else None
        return ObjectRef(item.kind, namespace, meta.name or "", item.source)

    def _decode(self, item: Item, wanted: type[Wanted]) -> Wanted:
        found: FieldProblems = []
        value = _decode(item, wanted, found)
        if found:
            ref = self._ref(item, _meta(item))
            self.problems += [_problem(ref, problem) for problem in found]
        return value

    def _selector(self, written: wire.LabelSelector | None, ref: ObjectRef) -> Selector | None:
        plain = {} if written is None else msgspec.to_builtins(written)
        try:
            return read_selector({key: value for key, value in plain.items() if value}, "spec.selector", checked=False)
        except UnreadableField as fault:
            self.problems.append(_problem(ref, fault.problem))
            return None


def _problem(ref: ObjectRef, problem: FieldProblem) -> Problem:
    position = ref.source.position(problem.path) if ref.source is not None else None
    return Problem(position, problem.message, ref, problem.path)


def _meta(item: Item) -> wire.ObjectMeta:
    return _decode(item, wire.Object).metadata or wire.ObjectMeta()


def _decode(item: Item, wanted: type[Wanted], problems: FieldProblems | None = None) -> Wanted:
    try:
        return item.decode(wanted)
    except msgspec.MsgspecError:
        pass
    try:
        return salvage(item.plain(), wanted, [] if problems is None else problems)
    except RecursionError:
        return wanted()


def _running(spec: read.PodSpec) -> Iterator[read.Container]:
    """List the containers that run as long as the pod does."""
    yield from (container for container in spec.containers or () if container is not None)
    for container in spec.init_containers or ():
        if container is not None and container.restart_policy == "Always":
            yield container


def _ports(containers: Iterable[read.Container]) -> Iterator[tuple[Protocol, int]]:
    for container in containers:
        for port in container.ports or ():
            protocol = _PROTOCOLS.get(port.protocol) if port is not None else None
            if port is not None and protocol is not None and port.container_port:
                yield protocol, port.container_port


def _probes(containers: Iterable[read.Container]) -> Iterator[int | str]:
    found: dict[int | str, None] = {}
    for container in containers:
        for probe in (container.liveness_probe, container.readiness_probe, container.startup_probe):
            for target in (probe.http_get, probe.tcp_socket, probe.grpc) if probe is not None else ():
                if target is not None and target.port:
                    found[target.port] = None
    yield from found


def _ingress_backends(spec: read.IngressSpec) -> Iterator[tuple[str, read.IngressBackend | None]]:
    yield "spec.defaultBackend.service", spec.default_backend
    for number, rule in enumerate(spec.rules or ()):
        paths = rule.http.paths if rule is not None and rule.http is not None else None
        for index, path in enumerate(paths or ()):
            place = f"spec.rules[{number}].http.paths[{index}].backend.service"
            yield place, path.backend if path is not None else None


def _looked_into(selector: read.NamespaceSelector | None, own: str) -> tuple[str, ...] | None:
    if selector is not None and selector.any:
        return None
    names = tuple(name for name in (selector.match_names if selector is not None else None) or () if name)
    return names or (own,)


_GATEWAY = "gateway.networking.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"

_KINDS: dict[tuple[str, str], Callable[[SurroundingsGathering, Item], None]] = {
    ("", "Namespace"): SurroundingsGathering.add_namespace,
    ("", "Pod"): SurroundingsGathering.add_pod,
    ("", "Service"): SurroundingsGathering.add_service,
    ("", "ReplicationController"): SurroundingsGathering.add_workload,
    **{
        (group, kind): SurroundingsGathering.add_workload
        for group in ("apps", "extensions")
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
    },
    ("batch", "Job"): SurroundingsGathering.add_workload,
    ("batch", "CronJob"): SurroundingsGathering.add_workload,
    ("networking.k8s.io", "Ingress"): SurroundingsGathering.add_ingress,
    ("extensions", "Ingress"): SurroundingsGathering.add_ingress,
    **{
        (_GATEWAY, kind): SurroundingsGathering.add_route
        for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
    },
    ("monitoring.coreos.com", "ServiceMonitor"): SurroundingsGathering.add_monitor,
    ("monitoring.coreos.com", "PodMonitor"): SurroundingsGathering.add_monitor,
    (_ADMISSION, "ValidatingWebhookConfiguration"): SurroundingsGathering.add_webhooks,
    (_ADMISSION, "MutatingWebhookConfiguration"): SurroundingsGathering.add_webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): SurroundingsGathering.add_definition,
    ("apiregistration.k8s.io", "APIService"): SurroundingsGathering.add_api_service,
    (_RBAC, "RoleBinding"): SurroundingsGathering.add_binding,
    (_RBAC, "ClusterRoleBinding"): SurroundingsGathering.add_binding,
}
"""By API group and kind: the versions of these kinds differ in nothing that is read."""
