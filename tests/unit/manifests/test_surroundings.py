"""What stands around policies is read as the objects say it, and what cannot be read is named."""

from __future__ import annotations

from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.surroundings import SurroundingsGathering
from podfence.model.labels import Operator, Requirement, Selector
from podfence.model.net import Protocol
from podfence.model.surroundings import Surroundings


def gathered(text: str) -> SurroundingsGathering:
    gathering = SurroundingsGathering("default")
    for reading in read_data(text.encode(), "input.yaml"):
        assert isinstance(reading, Item)
        gathering.add(reading)
    return gathering


def around(text: str) -> Surroundings:
    gathering = gathered(text)
    assert gathering.problems == []
    return gathering.surroundings()


WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  template:
    metadata: {annotations: {prometheus.io/scrape: "true", other: x}}
    spec:
      serviceAccountName: api
      dnsPolicy: None
      dnsConfig: {nameservers: [10.0.0.1]}
      initContainers:
      - {name: once, ports: [{containerPort: 1}]}
      - {name: beside, restartPolicy: Always, ports: [{containerPort: 9100}]}
      containers:
      - name: api
        image: registry.example/api:1
        ports: [{containerPort: 8080}, {containerPort: 53, protocol: UDP}]
        livenessProbe: {httpGet: {port: 8080}}
        readinessProbe: {grpc: {port: 9000}}
        startupProbe: {exec: {command: ["true"]}}
"""


def test_details_of_pods_are_those_of_containers_that_keep_running() -> None:
    details = around(WORKLOAD).details["shop", "Deployment", "api"]
    assert details.ports == ((Protocol.TCP, 8080), (Protocol.UDP, 53), (Protocol.TCP, 9100))
    assert details.probes == (8080, 9000)
    assert (details.service_account, details.dns_policy, details.nameservers) == ("api", "None", ("10.0.0.1",))
    assert details.annotations == (("prometheus.io/scrape", "true"),)
    assert details.images == ("registry.example/api:1",)
    assert (details.path, str(details.ref)) == ("spec.template", "shop/api")


def test_the_pods_of_a_cron_job_are_found_below_its_job_template() -> None:
    text = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, ports: [{containerPort: 80}]}]}}}}}
"""
    details = around(text).details["default", "CronJob", "nightly"]
    assert (details.path, details.ports) == ("spec.jobTemplate.spec.template", ((Protocol.TCP, 80),))


def test_backends_of_ingresses_and_routes_are_services_with_a_port_by_number_or_name() -> None:
    text = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: site, namespace: shop}
spec:
  defaultBackend: {service: {name: fallback, port: {number: 80}}}
  rules:
  - http:
      paths: [{backend: {service: {name: web, port: {name: http}}}}, {backend: {resource: {kind: Bucket}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: site, namespace: shop}
spec:
  rules:
  - backendRefs: [{name: api, port: 8080}, {kind: Bucket, name: b}, {name: far, namespace: store, port: 1}]
"""
    backends = around(text).backends
    assert [(item.ref.kind, item.namespace, item.service, item.port) for item in backends] == [
        ("Ingress", "shop", "fallback", 80),
        ("Ingress", "shop", "web", "http"),
        ("HTTPRoute", "shop", "api", 8080),
        ("HTTPRoute", "store", "far", 1),
    ]
    assert backends[1].path == "spec.rules[0].http.paths[0].backend.service"


def test_monitors_look_into_their_own_namespace_unless_they_say_otherwise() -> None:
    text = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: own, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, endpoints: [{port: metrics}, {targetPort: 9000}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: all, namespace: shop}
spec: {namespaceSelector: {any: true}, selector: {}, podMetricsEndpoints: [{port: http}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: some, namespace: shop}
spec: {namespaceSelector: {matchNames: [a, b]}, podMetricsEndpoints: [{portNumber: 9090}]}
"""
    own, everywhere, some = around(text).monitors
    assert (own.namespaces, own.ports, own.of_services) == (("shop",), ("metrics", 9000), True)
    assert own.selector == Selector((Requirement("app", Operator.IN, ("api",)),))
    assert (everywhere.namespaces, everywhere.ports, everywhere.of_services) == (None, ("http",), False)
    assert (some.namespaces, some.ports) == (("a", "b"), (9090,))


def test_services_that_the_api_server_calls_are_webhooks_conversions_and_aggregated_apis() -> None:
    text = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: v}
webhooks:
- {name: v.example, failurePolicy: Ignore, clientConfig: {service: {namespace: a, name: s, port: 8443}}}
- {name: u.example, clientConfig: {url: "https://example.com"}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec: {conversion: {strategy: Webhook, webhook: {clientConfig: {service: {namespace: a, name: c}}}}}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {service: {namespace: kube-system, name: metrics-server}}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.apps}
spec: {}
"""
    assert [(item.name, item.namespace, item.service, item.port, item.blocks) for item in around(text).called] == [
        ("v.example", "a", "s", 8443, False),
        ("things.example.com", "a", "c", 443, True),
        ("v1beta1.metrics.k8s.io", "kube-system", "metrics-server", 443, True),
    ]


def test_bindings_list_service_accounts_and_nobody_else() -> None:
    text = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: shop}
roleRef: {kind: Role, name: r}
subjects: [{kind: ServiceAccount, name: own}, {kind: ServiceAccount, name: far, namespace: x}, {kind: User, name: u}]
"""
    (binding,) = around(text).bindings
    assert (binding.role, binding.accounts) == ("Role r", (("shop", "own"), ("x", "far")))


def test_custom_resources_make_their_namespace_incomplete_and_kinds_of_kubernetes_do_not() -> None:
    text = """\
apiVersion: example.com/v1
kind: Database
metadata: {name: d, namespace: shop}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: p, namespace: store}
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: v, namespace: vault}
"""
    assert around(text).made_elsewhere == {"shop"}


def test_a_field_of_the_wrong_type_is_named_and_the_rest_is_read() -> None:
    text = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  endpoints: [{port: 9090}, {port: metrics}]
"""
    gathering = gathered(text)
    (problem,) = gathering.problems
    assert problem.position is not None
    assert (problem.path, problem.position.line) == ("spec.endpoints[0].port", 6)
    assert gathering.surroundings().monitors[0].ports == ("metrics",)
