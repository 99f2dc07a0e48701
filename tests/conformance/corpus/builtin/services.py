"""Services, EndpointSlices, Endpoints, Ingresses and their classes, good and bad."""

# ruff: noqa: S104 (addresses in manifests; nothing here listens)

from __future__ import annotations

from tests.conformance.corpus.builtin.edits import GONE, Edit, each
from tests.conformance.corpus.builtin.pods import NAMES
from tests.conformance.corpus.text import Tree

SERVICE: Tree = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
SLICE: Tree = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "nodeName": "n"}],
    "ports": [{"name": "http", "port": 80}],
}
ENDPOINTS: Tree = {
    "apiVersion": "v1",
    "kind": "Endpoints",
    "metadata": {"name": "web"},
    "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}],
}
INGRESS: Tree = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "web"},
    "spec": {
        "ingressClassName": "c",
        "rules": [
            {
                "host": "a.example.com",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "web", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
        "tls": [{"hosts": ["a.example.com"], "secretName": "s"}],
    },
}
INGRESS_CLASS: Tree = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "c"},
    "spec": {"controller": "example.com/c"},
}
P = "spec.ports.0"


def service() -> list[Edit]:
    """List the changes of a Service."""
    return [
        *each("metadata.name", *NAMES, GONE, "9web"),
        {"metadata.name": GONE, "metadata.generateName": "web-"},
        *each("spec", GONE, {}),
        *each("spec.ports", GONE, [], [{}]),
        *each(f"{P}.port", 0, -1, 1, 65535, 65536, "80"),
        *each(f"{P}.targetPort", 0, 8080, "http", "Bad_", "a" * 16, 70000, "", "8080"),
        *each(f"{P}.protocol", "UDP", "SCTP", "tcp", ""),
        *each(f"{P}.name", "http", "Bad_", "a.b", "a" * 64),
        *each(f"{P}.appProtocol", "http", "kubernetes.io/h2c", "a b"),
        *each("spec.ports.1", {"port": 81}, {"port": 80}, {"name": "b", "port": 80}, {"name": "b", "port": 81}),
        {f"{P}.name": "a", "spec.ports.1": {"name": "b", "port": 81}},
        {f"{P}.name": "a", "spec.ports.1": {"name": "a", "port": 81}},
        {f"{P}.name": "a", "spec.ports.1": {"name": "b", "port": 80}},
        {f"{P}.name": "a", "spec.ports.1": {"name": "b", "port": 80, "protocol": "UDP"}},
        *each("spec.selector", GONE, {"a b": "c"}, {"a": "b c"}, {}),
        *each("spec.type", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "Other", ""),
        *each("spec.clusterIP", "None", "10.96.7.7", "10.96.007.7", "x", "192.0.2.1", ""),
        *each("spec.clusterIPs", ["None"], ["10.96.7.8"], ["10.96.7.8", "10.96.7.9"], ["x"], ["a", "b", "c"]),
        {"spec.clusterIP": "10.96.7.8", "spec.clusterIPs": ["10.96.7.9"]},
        {"spec.clusterIP": "None", "spec.type": "NodePort"},
        {"spec.clusterIP": "None", "spec.ports": []},
        {"spec.clusterIP": "None", "spec.selector": GONE},
        {"spec.clusterIP": "None", f"{P}.targetPort": 81},
        *each("spec.sessionAffinity", "None", "ClientIP", "Other"),
        *each("spec.sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 5}}),
        {"spec.sessionAffinity": "ClientIP", "spec.sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}},
        {"spec.sessionAffinity": "ClientIP", "spec.sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}},
        {"spec.sessionAffinity": "ClientIP", "spec.sessionAffinityConfig": {}},
        *each("spec.externalTrafficPolicy", "Local", "Cluster"),
        *({"spec.type": "NodePort", "spec.externalTrafficPolicy": value} for value in ("Local", "Cluster", "X", "")),
        {"spec.type": "LoadBalancer", "spec.externalTrafficPolicy": "Local"},
        *each("spec.internalTrafficPolicy", "Local", "Cluster", "X"),
        *each("spec.trafficDistribution", "PreferClose", "PreferSameNode", "X"),
        *each("spec.externalIPs", ["192.0.2.1"], ["x"], ["127.0.0.1"], ["0.0.0.0"], ["2001:db8::1"], ["192.0.02.1"]),
        *each("spec.loadBalancerIP", "192.0.2.1"),
        *each("spec.loadBalancerSourceRanges", ["10.0.0.0/8"], ["x"]),
        {"spec.type": "LoadBalancer", "spec.loadBalancerSourceRanges": ["10.0.0.0/8", " 192.0.2.0/24 "]},
        {"spec.type": "LoadBalancer", "spec.loadBalancerSourceRanges": ["x"]},
        {"spec.type": "LoadBalancer", "spec.loadBalancerClass": "example.com/lb"},
        *each("spec.loadBalancerClass", "example.com/lb"),
        {"spec.type": "LoadBalancer", "spec.loadBalancerIP": "192.0.2.1"},
        {"spec.type": "LoadBalancer", "spec.allocateLoadBalancerNodePorts": False},
        *each("spec.allocateLoadBalancerNodePorts", True),
        *each(f"{P}.nodePort", 30080),
        *({"spec.type": "NodePort", f"{P}.nodePort": value} for value in (30081, 80, 70000)),
        *each("spec.healthCheckNodePort", 30090),
        *each("spec.publishNotReadyAddresses", True),
        *(
            {"spec.type": "ExternalName", "spec.externalName": name}
            for name in ("a.example.com", "A_", "", "a.example.com.")
        ),
        {"spec.type": "ExternalName", "spec.externalName": "a", "spec.clusterIP": "None"},
        {"spec.type": "ExternalName", "spec.externalName": "a", "spec.ports": []},
        *each("spec.externalName", "a.example.com"),
        *each("spec.ipFamilies", ["IPv4"], ["IPv6"], ["X"], ["IPv4", "IPv4"], ["IPv4", "IPv6"]),
        *each("spec.ipFamilyPolicy", "SingleStack", "PreferDualStack", "RequireDualStack", "X"),
        *each("status", {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
        *each("spec.foo", 1),
    ]


def endpoint_slice() -> list[Edit]:
    """List the changes of an EndpointSlice."""
    return [
        *each("metadata.name", *NAMES[:4]),
        *each("addressType", GONE, "IPv6", "FQDN", "X", ""),
        *each("endpoints", [], GONE, [{}], [{"addresses": []}], [{"addresses": ["10.0.0.1", "10.0.0.2"]}]),
        *each(
            "endpoints.0.addresses.0",
            "x",
            "10.0.00.1",
            "127.0.0.1",
            "0.0.0.0",
            "169.254.1.1",
            "224.0.0.1",
            "2001:db8::1",
        ),
        *({"addressType": "FQDN", "endpoints.0.addresses.0": name} for name in ("a.example.com", "A_")),
        *(
            {"addressType": "IPv6", "endpoints.0.addresses.0": name}
            for name in ("2001:db8::1", "::1", "2001:DB8::1", "fe80::1")
        ),
        *each("endpoints.0.conditions", {}, GONE, {"ready": False, "serving": True, "terminating": False}),
        *each("endpoints.0.hostname", "Bad_", "ok"),
        *each("endpoints.0.nodeName", "Bad_"),
        *each("endpoints.0.zone", "z"),
        *each("endpoints.0.deprecatedTopology", {"a": "b"}),
        *each("endpoints.0.hints", {"forZones": [{"name": "z"}]}, {"forZones": [{"name": "z"}] * 2}),
        *each("endpoints.0.targetRef", {"kind": "Pod", "name": "p", "namespace": "default"}),
        *each("ports", GONE, [], [{}], [{"port": 80}, {"port": 81}], [{"name": "a", "port": 0}]),
        *each("ports.0", {"name": "Bad_", "port": 1}, {"name": "x", "protocol": "X"}, {"name": "x", "port": 70000}),
        *each("ports.0", {"name": "x", "port": 1, "appProtocol": "a b"}, {"name": "", "port": 1}),
    ]


def endpoints() -> list[Edit]:
    """List the changes of Endpoints."""
    return [
        *each("subsets", [], GONE, [{}], [{"ports": [{"port": 80}]}]),
        *each("subsets.0.addresses.0.ip", "x", "127.0.0.1", "10.0.00.1", "2001:db8::1", "224.0.0.1", "0.0.0.0", ""),
        *each("subsets.0.addresses.0.hostname", "Bad_"),
        *each("subsets.0.addresses.0.nodeName", "Bad_"),
        *each("subsets.0.notReadyAddresses", [{"ip": "10.0.0.2"}]),
        *each("subsets.0.ports", [{}], [{"port": 70000}], [{"port": 80, "name": "Bad_"}], [{"port": 1}, {"port": 2}]),
        *each("subsets.0.ports", [{"port": 80, "protocol": "X"}], []),
    ]


def ingress() -> list[Edit]:
    """List the changes of an Ingress."""
    path = "spec.rules.0.http.paths.0"
    return [
        *each("metadata.name", *NAMES[:4]),
        *each("spec", GONE, {}),
        *each("spec.rules", [], [{}], [{"host": "a"}], [{"http": {}}], [{"http": {"paths": []}}]),
        *each("spec.rules.0.host", "A_", "*.example.com", "192.0.2.1", "a.*.b", "*", "", "a.example.com:80"),
        *each(f"{path}.path", GONE, "", "rel", "/a//b", "/a/../b", "/%2f", "/a/./b"),
        *each(f"{path}.pathType", GONE, "Exact", "ImplementationSpecific", "X", ""),
        {f"{path}.pathType": "ImplementationSpecific", f"{path}.path": "rel"},
        *each(f"{path}.backend", {}, {"service": {}}, {"service": {"name": "Bad_", "port": {"number": 1}}}),
        *each(f"{path}.backend", {"service": {"name": "a", "port": {"number": 1, "name": "x"}}}),
        *each(
            f"{path}.backend",
            {"service": {"name": "a", "port": {"name": "Bad_"}}},
            {"service": {"name": "a", "port": {"number": 70000}}},
        ),
        *each(f"{path}.backend", {"resource": {"kind": "K", "name": "n", "apiGroup": "g.example"}}, {"resource": {}}),
        *each("spec.defaultBackend", {"service": {"name": "a", "port": {"number": 1}}}, {}),
        {"spec.defaultBackend": {"service": {"name": "a", "port": {"number": 1}}}, "spec.rules": []},
        *each("spec.tls", [{}], [{"hosts": ["A_"]}], [{"secretName": "Bad_"}], [{"hosts": ["*.a.b", "c"]}]),
        *each("spec.ingressClassName", "Bad_", GONE),
        *each("metadata|annotations", {"kubernetes.io/ingress.class": "x"}),
        {"metadata|annotations": {"kubernetes.io/ingress.class": "x"}, "spec.ingressClassName": GONE},
    ]


def ingress_class() -> list[Edit]:
    """List the changes of an IngressClass."""
    return [
        *each("spec", {}, GONE),
        *each("spec.controller", "bad", "a.b/c", "a" * 251, "", "a/b c"),
        *each("spec.parameters", {"kind": "K", "name": "n"}, {}, {"kind": "K", "name": "n", "scope": "Namespace"}),
        *each(
            "spec.parameters", {"kind": "K", "name": "n", "scope": "X"}, {"apiGroup": "G_", "kind": "K", "name": "n"}
        ),
        *each("spec.parameters", {"kind": "K", "name": "n", "scope": "Namespace", "namespace": "x"}),
        *each("spec.parameters", {"kind": "K", "name": "n", "namespace": "x"}),
    ]
