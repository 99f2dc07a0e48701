"""Ports, ranges and named ports: rows S39 to S45 and N01 to N20 of the checklist."""

from __future__ import annotations

from podfence.engine.directory import Directory
from podfence.engine.question import ask, parse_port
from podfence.engine.resolve import resolve
from podfence.model.labels import label_set
from podfence.model.net import Protocol
from podfence.model.objects import NamedPort, Pod, Service, ServicePort
from podfence.model.verdict import Flow
from tests.unit.engine.builders import PODS, Cluster, cnp, namespace, np, pod

TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP
PORTS = ("80", "81", "8080", "80/UDP", "8080/UDP", "80/SCTP", "icmp")


def named(*declared: tuple[str, Protocol, int]) -> tuple[NamedPort, ...]:
    return tuple(NamedPort(*one) for one in declared)


def ingress(*ports: str) -> str:
    return f"{{podSelector: {{}}, ingress: [{{ports: [{', '.join(ports)}]}}]}}"


def egress(*ports: str, to: str = "") -> str:
    peers = f"to: [{to}], " if to else ""
    return f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{{{peers}ports: [{', '.join(ports)}]}}]}}"


def servers(*pods: Pod) -> tuple[Pod, ...]:
    return (*PODS, *pods)


def test_S39_an_item_with_a_protocol_alone_is_all_of_its_ports() -> None:
    cluster = Cluster(np("x", ingress("{protocol: UDP}")))
    assert cluster.ports_open("y/a", "x/a", "1/UDP", "65535/UDP", "1", "icmp") == ["1/UDP", "65535/UDP"]


def test_S40_both_ends_of_a_range_belong_to_it() -> None:
    cluster = Cluster(np("x", ingress("{port: 80, endPort: 90}")))
    assert cluster.ports_open("y/a", "x/a", "79", "80", "81", "89", "90", "91", "85/UDP") == ["80", "81", "89", "90"]
    whole = Cluster(np("x", ingress("{port: 1, endPort: 65535}")))
    assert whole.ports_open("y/a", "x/a", "1", "65535", "1/UDP") == ["1", "65535"]


def test_S42_a_number_matches_though_no_container_declares_it() -> None:
    cluster = Cluster(np("x", ingress("{port: 9999}")), pods=servers(pod("x/bare", ports=())))
    assert cluster.allows("y/a", "x/bare", "9999")


def test_S43_a_connection_has_no_source_port() -> None:
    assert set(Flow.__struct_fields__) == {"source", "destination", "protocol", "port", "to_itself"}


def test_S44_the_port_of_an_ingress_rule_is_the_selected_pods() -> None:
    web = pod("x/web", ports=named(("http", TCP, 8080)))
    cluster = Cluster(np("x", ingress("{port: http}")), pods=servers(web))
    assert cluster.ports_open("y/a", "x/web", *PORTS) == ["8080"]


def test_S45_the_port_of_an_egress_rule_is_the_pods_behind_the_service() -> None:
    # The Service is reached at 80 and translates to 8080: a rule for 8080 lets through, one for 80 does not.
    service = Service("y", "web", label_set({"pod": "a"}), (ServicePort("", TCP, 80, 8080),))
    for number, allowed in ((8080, True), (80, False)):
        snapshot = Cluster(np("x", egress(f"{{port: {number}}}"))).snapshot
        directory = Directory(type(snapshot)(snapshot.namespaces, snapshot.pods, (), (service,), (), snapshot.policies))
        source, destination = resolve(directory, "x/a"), resolve(directory, "y/service/web")
        assert ask(directory, source, destination, parse_port("80")).verdict.allowed is allowed


def test_N01_an_ingress_name_is_looked_up_on_each_selected_pod() -> None:
    pods = servers(pod("x/old", ports=named(("http", TCP, 80))), pod("x/new", ports=named(("http", TCP, 8080))))
    cluster = Cluster(np("x", ingress("{port: http}")), pods=pods)
    assert cluster.ports_open("y/a", "x/old", *PORTS) == ["80"]
    assert cluster.ports_open("y/a", "x/new", *PORTS) == ["8080"]


def test_N02_no_pod_opens_the_number_that_another_declares() -> None:
    pods = servers(pod("x/old", ports=named(("http", TCP, 80))), pod("x/new", ports=named(("http", TCP, 8080))))
    cluster = Cluster(np("x", ingress("{port: http}")), pods=pods)
    assert not cluster.allows("y/a", "x/old", "8080")
    assert not cluster.allows("y/a", "x/new", "80")


def test_N03_an_egress_name_is_looked_up_on_each_destination() -> None:
    pods = servers(pod("y/old", ports=named(("http", TCP, 80))), pod("y/new", ports=named(("http", TCP, 8080))))
    cluster = Cluster(np("x", egress("{port: http}", to="{namespaceSelector: {}}")), pods=pods)
    assert cluster.ports_open("x/a", "y/old", *PORTS) == ["80"]
    assert cluster.ports_open("x/a", "y/new", *PORTS) == ["8080"]


def test_N04_a_name_is_never_looked_up_on_the_source() -> None:
    client = pod("x/client", ports=named(("http", TCP, 8080)))
    server = pod("y/server", ports=named(("http", TCP, 80)))
    cluster = Cluster(np("x", egress("{port: http}")), np("y", ingress("{port: http}")), pods=servers(client, server))
    assert cluster.ports_open("x/client", "y/server", *PORTS) == ["80"]
    # y/a declares no such name: only the source does, and that does not count.
    assert cluster.ports_open("x/client", "y/a", *PORTS) == []


def test_N05_a_name_with_another_protocol_does_not_match() -> None:
    dns = pod("x/dns", ports=named(("dns", UDP, 80)))
    cluster = Cluster(np("x", ingress("{protocol: TCP, port: dns}")), pods=servers(dns))
    assert cluster.ports_open("y/a", "x/dns", *PORTS) == []


def test_N06_a_name_that_nobody_declares_matches_nothing() -> None:
    cluster = Cluster(np("x", ingress("{port: nothing}")))
    assert cluster.ports_open("y/a", "x/a", *PORTS) == []


def test_N07_a_name_without_protocol_is_tcp_alone() -> None:
    dns = pod("x/dns", ports=named(("dns", UDP, 80)))
    both = pod("x/both", ports=named(("dns", TCP, 80), ("dns", UDP, 80)))
    cluster = Cluster(np("x", ingress("{port: dns}")), pods=servers(dns, both))
    assert cluster.ports_open("y/a", "x/dns", *PORTS) == []
    assert cluster.ports_open("y/a", "x/both", *PORTS) == ["80"]


def test_N08_the_ports_of_every_container_count() -> None:
    # A pod's named ports are those of all of its containers, in one row.
    two = pod("x/two", ports=named(("http", TCP, 80), ("metrics", TCP, 8080)))
    cluster = Cluster(np("x", ingress("{port: metrics}")), pods=servers(two))
    assert cluster.ports_open("y/a", "x/two", *PORTS) == ["8080"]


def test_N09_of_two_ports_with_one_name_the_protocol_chooses() -> None:
    two = pod("x/two", ports=named(("web", TCP, 80), ("web", UDP, 8080)))
    for protocol, number in (("TCP", "80"), ("UDP", "8080/UDP")):
        cluster = Cluster(np("x", ingress(f"{{protocol: {protocol}, port: web}}")), pods=servers(two))
        assert cluster.ports_open("y/a", "x/two", *PORTS) == [number]


def test_N10_several_numbers_under_one_name_all_match() -> None:
    two = pod("x/two", ports=named(("web", TCP, 80), ("web", TCP, 8080)))
    cluster = Cluster(np("x", ingress("{port: web}")), pods=servers(two))
    assert cluster.ports_open("y/a", "x/two", *PORTS) == ["80", "8080"]


def test_N13_a_name_never_opens_an_address_outside() -> None:
    cluster = Cluster(np("x", egress("{port: serve-80-tcp}", to="{ipBlock: {cidr: 0.0.0.0/0}}")))
    assert cluster.ports_open("x/a", "8.8.8.8", *PORTS) == []


def test_N14_a_name_opens_the_pods_whose_addresses_a_block_covers() -> None:
    cluster = Cluster(np("x", egress("{port: serve-80-tcp}", to="{ipBlock: {cidr: 10.0.2.0/24}}")))
    assert cluster.reached_from("x/a") == {"y/a", "y/b", "y/c"}
    assert cluster.reached_from("x/a", "81") == set()


def test_N15_a_name_works_for_clients_outside() -> None:
    spec = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 8.0.0.0/8}}], ports: [{port: serve-80-tcp}]}]}"
    cluster = Cluster(np("x", spec))
    assert cluster.ports_open("8.8.8.8", "x/a", *PORTS) == ["80"]
    assert cluster.ports_open("9.9.9.9", "x/a", *PORTS) == []


def test_N16_a_name_without_peers_is_that_port_of_whatever_pod() -> None:
    cluster = Cluster(np("x", egress("{port: serve-80-tcp}")))
    assert cluster.ports_open("x/a", "y/a", *PORTS) == ["80"]
    assert cluster.ports_open("x/a", "x/b", *PORTS) == ["80"]
    assert cluster.ports_open("x/a", "8.8.8.8", *PORTS) == []


def test_N17_the_name_of_a_services_port_means_nothing() -> None:
    service = Service("y", "web", label_set({"pod": "a"}), (ServicePort("public", TCP, 80, 80),))
    snapshot = Cluster(np("x", egress("{port: public}"))).snapshot
    directory = Directory(type(snapshot)(snapshot.namespaces, snapshot.pods, (), (service,), (), snapshot.policies))
    question = resolve(directory, "x/a"), resolve(directory, "y/service/web"), parse_port("public")
    assert not ask(directory, *question).verdict.allowed


def test_N19_a_rollout_that_moves_the_port_needs_no_new_policy() -> None:
    policy = np("x", ingress("{port: http}"))
    before = Cluster(policy, pods=servers(pod("x/web", ports=named(("http", TCP, 80)))))
    after = Cluster(policy, pods=servers(pod("x/web", ports=named(("http", TCP, 8080)))))
    assert before.ports_open("y/a", "x/web", *PORTS) == ["80"]
    assert after.ports_open("y/a", "x/web", *PORTS) == ["8080"]


def test_N20_names_and_numbers_in_one_list_are_alternatives() -> None:
    cluster = Cluster(np("x", ingress("{port: serve-80-tcp}", "{port: 8080}")))
    assert cluster.ports_open("y/a", "x/a", *PORTS) == ["80", "8080"]


def test_C65_a_cluster_policys_name_matches_every_protocol_that_declares_it() -> None:
    pods = (pod("x/a"), pod("z/two", ports=named(("web", TCP, 80), ("web", UDP, 8080))), pod("z/one", ports=()))
    policy = cnp(
        "{egress: [{action: Accept, to: [{namespaces: {}}], protocols: [{destinationNamedPort: web}]},"
        " {action: Deny, to: [{namespaces: {}}]}]}"
    )
    cluster = Cluster(policy, pods=pods, namespaces=(namespace("x"), namespace("z")))
    assert cluster.ports_open("x/a", "z/two", *PORTS) == ["80", "8080/UDP"]
    assert cluster.ports_open("x/a", "z/one", *PORTS) == []
