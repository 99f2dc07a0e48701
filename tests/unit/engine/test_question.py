"""Ports and pairs: what PORT means at each end, which pods stand for which, and who talks to itself."""

from __future__ import annotations

import pytest

from podfence.engine.question import Asked, parse_port
from podfence.model.error import PodfenceError
from podfence.model.net import Protocol
from podfence.model.verdict import DecidedIn
from tests.unit.asking import asked, cluster_policy, network_policy, pod

WEB = pod("a/web", app="web", ports="http:8080 admin:9090", address="10.0.0.1")
CLIENT = pod("a/client", app="client", address="10.0.0.2")
DENY_ALL = network_policy("a/deny", "  podSelector: {}\n  policyTypes: [Ingress, Egress]")


def service(name: str, spec: str) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: a}}\nspec: {{{spec}}}\n---\n"


def deployment(name: str, replicas: int) -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: a}}\nspec:\n"
        f"  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n"
        f"  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}\n---\n"
    )


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("80", Asked(Protocol.TCP, 80)),
        ("53/UDP", Asked(Protocol.UDP, 53)),
        ("80/tcp", Asked(Protocol.TCP, 80)),
        ("9/sctp", Asked(Protocol.SCTP, 9)),
        ("65535", Asked(Protocol.TCP, 65535)),
        ("icmp", Asked(Protocol.OTHER)),
        ("ICMP", Asked(Protocol.OTHER)),
        ("other", Asked(Protocol.OTHER)),
        ("http", Asked(None, name="http")),
        ("dns/udp", Asked(Protocol.UDP, name="dns")),
    ],
)
def test_a_port_is_a_number_a_name_or_no_port_at_all(text: str, port: Asked) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "80/", "80/icmp", "-1", "80-90", "Http", "a_b", "80/tcp/udp", "9" * 5000]
)
def test_anything_else_is_no_port_and_said_in_one_line(text: str) -> None:
    with pytest.raises(PodfenceError) as error:
        parse_port(text)
    assert "is no port" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "port", "number"),
    [
        ("selector: {app: web}, ports: [{name: main, port: 80, targetPort: http}]", "80", 8080),
        ("selector: {app: web}, ports: [{name: main, port: 80, targetPort: http}]", "main", 8080),
        ("selector: {app: web}, ports: [{port: 80, targetPort: 9090}]", "80", 9090),
        ("selector: {app: web}, ports: [{port: 9090}]", "9090", 9090),
        ("clusterIP: None, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]", "80", 80),
        ("clusterIP: None, selector: {app: web}, ports: [{name: main, port: 80, targetPort: 8080}]", "main", 8080),
        ("clusterIP: None, selector: {app: web}", "77", 77),
    ],
)
def test_the_port_of_a_service_is_that_of_its_pods_unless_it_is_headless(spec: str, port: str, number: int) -> None:
    found = asked(WEB + CLIENT + service("web", spec), "a/client", "a/service/web", port)
    assert found.answer.pair.port == number


@pytest.mark.parametrize(
    ("destination", "port", "said"),
    [
        ("a/service/web", "81", "a/service/web has no port TCP 81; it has TCP 80 (main)"),
        ("a/service/web", "80/UDP", "has no port UDP 80"),
        ("a/service/web", "icmp", "forwards its ports and nothing else"),
        ("a/service/lost", "80", "is declared by no container of any pod of it"),
        ("a/web", "grpc", "declares a port named grpc; declared: http (TCP 8080), admin (TCP 9090)"),
        ("a/web", "http/UDP", "declares a port named UDP http"),
        ("a/client", "http", "none is declared; give the number"),
        ("8.8.8.8", "http", "8.8.8.8 declares no ports by name"),
    ],
)
def test_a_port_that_is_not_there_is_said_with_those_that_are(destination: str, port: str, said: str) -> None:
    services = service("web", "selector: {app: web}, ports: [{name: main, port: 80, targetPort: http}]") + service(
        "lost", "selector: {app: web}, ports: [{port: 80, targetPort: gone}]"
    )
    with pytest.raises(PodfenceError) as error:
        asked(WEB + CLIENT + services, "a/client", destination, port)
    assert said in str(error.value)


NAMED = service("all", "selector: {tier: front}, ports: [{port: 80, targetPort: http}]")
SERVED = pod("a/one", tier="front", ports="http:8080") + pod("a/two", tier="front", ports="http:9090")
UNSERVED = "".join(pod(f"a/un{number}", tier="front", app=f"un{number}") for number in range(5))


def test_pods_that_do_not_declare_the_port_of_a_service_are_left_out_and_said() -> None:
    deny = network_policy("a/deny", "  podSelector: {matchLabels: {app: un0}}")
    found = asked(CLIENT + NAMED + SERVED + UNSERVED + deny, "a/client", "a/service/all", "80")
    assert found.verdict.allowed
    assert [pair.port for pair in found.answer.pairs] == [8080, 9090]
    assert found.notes[0] == (
        'left out: a/un0, a/un1, a/un2, a/un3 and 1 more, which declare no port "http" (TCP): '
        "Service a/all sends nothing there"
    )
    assert not asked(CLIENT + NAMED + SERVED, "a/client", "a/service/all", "80").notes


def test_a_port_of_a_service_that_no_pod_declares_has_no_answer() -> None:
    with pytest.raises(PodfenceError, match="declared by no container of any pod of it: nothing answers there"):
        asked(CLIENT + NAMED + UNSERVED, "a/client", "a/service/all", "80")


def test_a_service_without_selector_uses_the_ports_of_its_slices() -> None:
    slices = (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        "metadata: {name: s, namespace: a, labels: {kubernetes.io/service-name: far}}\n"
        "endpoints: [{addresses: [203.0.113.7]}]\nports: [{name: main, port: 5432}]\n---\n"
    )
    text = CLIENT + slices + service("far", "ports: [{name: main, port: 80}]")
    assert asked(text, "a/client", "a/service/far", "80").answer.pair.port == 5432


def test_every_number_under_a_name_must_be_allowed() -> None:
    web = pod("a/web", app="web", ports="http:8080 http:8081/UDP")
    policy = network_policy("a/p", "  podSelector: {matchLabels: {app: web}}\n  ingress: [{ports: [{port: 8080}]}]")
    found = asked(web + CLIENT + policy, "a/client", "a/web", "http")
    assert not found.verdict.allowed
    assert (found.answer.pair.protocol, found.answer.pair.port) == (Protocol.UDP, 8081)
    assert asked(web + CLIENT + policy, "a/client", "a/web", "http/TCP").verdict.allowed


def test_one_pod_reaches_itself_and_two_of_one_workload_must_be_allowed() -> None:
    assert asked(WEB + DENY_ALL, "a/web", "a/web", "80").verdict.allowed
    assert asked(deployment("one", 1) + DENY_ALL, "a/one", "a/one", "80").verdict.allowed
    assert not asked(deployment("two", 2) + DENY_ALL, "a/two", "a/two", "80").verdict.allowed
    assert asked(deployment("two", 2) + DENY_ALL, "a/two-0", "a/two-0", "80").verdict.allowed
    assert not asked(deployment("two", 2) + DENY_ALL, "a/two-0", "a/two-1", "80").verdict.allowed


@pytest.mark.parametrize(("tier", "allowed"), [("Admin", False), ("Baseline", True)])
def test_through_its_own_service_a_pod_meets_cluster_scoped_policies_only(tier: str, *, allowed: bool) -> None:
    web = service("web", "selector: {app: web}, ports: [{port: 8080}]")
    deny = cluster_policy("deny", tier, 1, "  ingress: [{action: Deny, from: [{namespaces: {}}]}]")
    assert asked(WEB + web + DENY_ALL, "a/web", "a/service/web", "8080").verdict.allowed
    found = asked(WEB + web + DENY_ALL + deny, "a/web", "a/service/web", "8080")
    assert found.verdict.allowed == allowed
    assert [policy.ref.name for policy in found.verdict.ingress.isolated_by] == ["deny"]


def test_a_node_must_be_allowed_to_reach_the_pods_of_other_nodes_too() -> None:
    pods = "".join(pod(f"a/web-{n}", app="web", node=f"n{n}") for n in (1, 2, 3))
    text = DENY_ALL + pods + "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n---\n"
    assert asked(text, "node/n1", "a/web-1", "80").verdict.allowed
    assert not asked(text, "node/n1", "namespace/a", "80").verdict.allowed
    assert not asked(text + pod("b/agent", host=True, node="n1"), "b/agent", "namespace/a", "80").verdict.allowed


def test_many_replicas_are_one_pair() -> None:
    pods = "".join(pod(f"a/web-{n}", app="web", address=f"10.0.1.{n}") for n in range(60))
    found = asked(pods + DENY_ALL, "namespace/a", "namespace/a", "80")
    assert len(found.answer.pairs) == 1


def test_a_block_tells_replicas_apart_and_the_denied_one_is_shown() -> None:
    pods = "".join(pod(f"a/web-{n}", app="web", address=f"10.0.1.{n}") for n in range(10))
    policy = network_policy("b/p", "  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: 10.0.1.0/29}}]}]")
    found = asked(pods + pod("b/db") + policy, "namespace/a", "b/db", "80")
    assert len(found.answer.pairs) == 2
    shown = found.answer.pair.source
    assert getattr(shown, "name", "") == "web-8"


def test_a_side_is_denied_when_it_is_for_any_address_of_the_other_end() -> None:
    policy = network_policy(
        "a/p", "  podSelector: {}\n  policyTypes: [Egress]\n  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/9}}]}]"
    )
    inside = network_policy("b/p", "  podSelector: {}")
    found = asked(CLIENT + pod("b/db") + policy + inside, "a/client", "b/db", "80")
    assert (found.verdict.egress.allowed, found.verdict.ingress.allowed) == (False, False)
    assert "depends on the address of db" in found.verdict.depends


def test_neither_end_a_pod_is_nobodys_business() -> None:
    found = asked(WEB, "internet", "1.1.1.1", "80")
    assert (found.verdict.allowed, found.verdict.egress.tier) == (True, DecidedIn.NOT_APPLICABLE)


DUAL = pod("a/web", app="web", address="10.0.0.1").replace(
    "podIP:", "podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], podIP:"
) + pod("a/client", app="client", address="10.0.0.2").replace(
    "podIP:", "podIPs: [{ip: 10.0.0.2}, {ip: 'fd00::2'}], podIP:"
)
IPV4_ONLY = network_policy(
    "a/out", "  podSelector: {}\n  policyTypes: [Egress]\n  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"
)


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        ("clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1]", True),
        ("clusterIP: 'fd00:96::1', clusterIPs: ['fd00:96::1']", False),
        ("clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd00:96::1']", False),
        ("type: ClusterIP", False),
    ],
)
def test_a_service_leads_to_addresses_of_its_own_families_alone(addresses: str, *, allowed: bool) -> None:
    text = DUAL + IPV4_ONLY + service("web", f"selector: {{app: web}}, ports: [{{port: 80}}], {addresses}")
    assert asked(text, "a/client", "a/service/web", "80").verdict.allowed is allowed
    assert not asked(text, "a/client", "a/web", "80").verdict.allowed
