"""Services and EndpointSlices."""

from __future__ import annotations

from podfence.model.net import Protocol, format_address
from podfence.model.objects import EndpointSlice, Service, ServicePort
from tests.unit.manifests.texts import loaded

SERVICE = """
    apiVersion: v1
    kind: Service
    metadata: {name: cart, namespace: shop}
    spec:
      type: LoadBalancer
      externalTrafficPolicy: Local
      clusterIP: 10.96.0.1
      clusterIPs: [10.96.0.1, "fd00::1"]
      externalIPs: [192.0.2.1]
      selector: {app: cart}
      ports:
        - {port: 80, targetPort: http, name: web}
        - {port: 53, protocol: UDP}
        - {port: 443, targetPort: 8443}
    status:
      loadBalancer: {ingress: [{ip: 198.51.100.7}, {hostname: x.example.com}]}
"""


def service(text: str) -> Service:
    (only,) = loaded(text).snapshot.services
    return only


def test_a_service_with_everything() -> None:
    converted = service(SERVICE)
    assert converted.selector == (("app", "cart"),)
    assert converted.ports == (
        ServicePort("web", Protocol.TCP, 80, "http"),
        ServicePort("", Protocol.UDP, 53, 53),
        ServicePort("", Protocol.TCP, 443, 8443),
    )
    addresses = [format_address(address) for address in converted.addresses]
    assert addresses == ["10.96.0.1", "fd00::1", "192.0.2.1", "198.51.100.7"]
    assert (converted.type, converted.external_traffic_policy) == ("LoadBalancer", "Local")


def test_a_bare_service_has_the_servers_defaults() -> None:
    converted = service("{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: None, selector: {}}}")
    assert converted == Service(namespace="default", name="s", selector=None, headless=True)


def test_service_ports_that_make_no_sense_are_left_out_and_named() -> None:
    result = loaded(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: s}
        spec: {ports: [{port: 0}, {port: 80, protocol: tcp}, {port: 80, targetPort: 70000}, {}, null, {port: 81}]}
        """
    )
    assert [port.port for port in result.snapshot.services[0].ports] == [81]
    assert [problem.path for problem in result.problems] == [
        "spec.ports[0].port",
        "spec.ports[1].protocol",
        "spec.ports[2].targetPort",
        "spec.ports[3].port",
    ]


def test_an_endpoint_slice_belongs_to_the_service_that_its_label_names() -> None:
    result = loaded(
        """
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: cart-1, namespace: shop, labels: {kubernetes.io/service-name: cart}}
        addressType: IPv4
        endpoints: [{addresses: [10.0.0.1, 10.0.0.2]}, null, {addresses: null}]
        ports: [{name: web, port: 8080, protocol: TCP}, {port: null}]
        """
    )
    port = ServicePort("web", Protocol.TCP, 8080, 8080)
    start = 10 << 24
    assert result.snapshot.endpoint_slices == (EndpointSlice("shop", "cart", (start + 1, start + 2), (port,)),)
    assert result.problems == ()


def test_an_endpoint_slice_of_nobody_or_of_names_is_not_used() -> None:
    result = loaded(
        """
        ---
        {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: b, labels: {kubernetes.io/service-name: s}}
        addressType: FQDN
        endpoints: [{addresses: [x.example.com]}]
        """
    )
    assert (result.snapshot.endpoint_slices, result.problems) == ((), ())


def test_a_port_that_is_missing_or_no_number_is_said_once() -> None:
    read = loaded(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: cart}
        spec: {ports: [{name: a}, {port: [80]}, {port: 0}]}
        """
    )
    assert [(problem.path, problem.message) for problem in read.problems] == [
        ("spec.ports[1].port", "expected a whole number, found a list"),
        ("spec.ports[0].port", "a port number is required"),
        ("spec.ports[2].port", "0 is not a port: 1 to 65535"),
    ]
