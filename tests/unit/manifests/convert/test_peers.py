"""Peers and subjects of every API."""

from __future__ import annotations

import pytest

from podfence.manifests.convert.cluster_policies import ADMIN, BASELINE_ADMIN, CLUSTER
from podfence.manifests.convert.fields import UnreadableField
from podfence.manifests.convert.peers import PeerKinds, cluster_peer, cluster_subject, network_policy_peer
from podfence.model.labels import EVERYTHING, selector
from podfence.model.policy import AddressPeer, Direction, DomainPeer, NodePeer, PodPeer

APP = {"matchLabels": {"app": "web"}}
WEB = selector({"app": "web"})
IN, OUT = Direction.INGRESS, Direction.EGRESS


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param({"podSelector": APP}, PodPeer("shop", None, WEB), id="own namespace"),
        pytest.param({"podSelector": {}}, PodPeer("shop", None, EVERYTHING), id="E03 every pod of the namespace"),
        pytest.param({"namespaceSelector": {}}, PodPeer(None, EVERYTHING, EVERYTHING), id="E04 every pod"),
        pytest.param(
            {"namespaceSelector": {}, "podSelector": APP}, PodPeer(None, EVERYTHING, WEB), id="E05 both selectors"
        ),
        pytest.param(
            {"namespaceSelector": APP, "podSelector": None, "ipBlock": None},
            PodPeer(None, WEB, EVERYTHING),
            id="null selector counts as absent",
        ),
    ],
)
def test_network_policy_peers(peer: object, expected: PodPeer) -> None:
    assert network_policy_peer(peer, "p", "shop") == expected


def test_an_ip_block_is_an_address_peer() -> None:
    peer = network_policy_peer({"ipBlock": {"cidr": "10.0.0.0/8"}}, "p", "shop")
    assert isinstance(peer, AddressPeer)
    assert peer.text == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("peer", "path"),
    [
        pytest.param({}, "p", id="E01 empty"),
        pytest.param({"podSelector": None}, "p", id="E02 null selector"),
        pytest.param(None, "p", id="E13 null"),
        pytest.param({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}, "p", id="E06 block and pods"),
        pytest.param({"ipBlock": {"cidr": "10.0.0.0/8"}, "namespaceSelector": {}}, "p", id="E07 block and namespaces"),
        pytest.param({"podselector": {}}, "p.podselector", id="E19 case"),
        pytest.param({"podSelector": {}, "ports": []}, "p.ports", id="unknown field"),
        pytest.param({"podSelector": {"matchLables": {}}}, "p.podSelector.matchLables", id="misspelt in the selector"),
        pytest.param({"namespaceSelector": "shop"}, "p.namespaceSelector", id="selector is text"),
        pytest.param({"ipBlock": {"cidr": "x"}}, "p.ipBlock.cidr", id="bad block"),
        pytest.param({"ipBlock": {}}, "p.ipBlock.cidr", id="empty block"),
        pytest.param("10.0.0.0/8", "p", id="text"),
    ],
)
def test_network_policy_peers_that_the_server_refuses(peer: object, path: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        network_policy_peer(peer, "p", "shop")
    assert caught.value.path == path


def test_C06_pods_without_namespace_selector_are_of_every_namespace() -> None:
    assert cluster_subject({"pods": {"podSelector": APP}}, "s", CLUSTER.peers) == PodPeer(None, EVERYTHING, WEB)


@pytest.mark.parametrize("kinds", [ADMIN.peers, BASELINE_ADMIN.peers])
@pytest.mark.parametrize("missing", ["podSelector", "namespaceSelector"])
def test_C07_the_older_api_needs_both_selectors(kinds: PeerKinds, missing: str) -> None:
    pods = {"podSelector": APP, "namespaceSelector": {}}
    assert cluster_subject({"pods": pods}, "s", kinds) == PodPeer(None, EVERYTHING, WEB)
    with pytest.raises(UnreadableField):
        cluster_subject({"pods": {**pods, missing: None}}, "s", kinds)


def test_C04_the_subject_of_all_namespaces_is_every_pod() -> None:
    assert cluster_subject({"namespaces": {}}, "s", CLUSTER.peers) == PodPeer(None, EVERYTHING, EVERYTHING)


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(None, id="missing"),
        pytest.param({}, id="C03 empty"),
        pytest.param({"namespaces": {}, "pods": {"podSelector": {}}}, id="C03 both"),
        pytest.param({"pods": {}}, id="C05 no podSelector"),
        pytest.param({"namespaces": None}, id="C16 null counts as absent"),
        pytest.param({"nodes": {}}, id="nodes are no subject"),
        pytest.param({"namespaces": {"matchLabels": {"a": 1}}}, id="number as label"),
        pytest.param([], id="list"),
    ],
)
def test_subjects_that_the_server_refuses(subject: object) -> None:
    with pytest.raises(UnreadableField):
        cluster_subject(subject, "s", CLUSTER.peers)


@pytest.mark.parametrize("kinds", [CLUSTER.peers, ADMIN.peers])
def test_egress_peers_may_be_nodes_networks_and_names(kinds: PeerKinds) -> None:
    assert cluster_peer({"nodes": APP}, "p", kinds, OUT) == NodePeer(WEB)
    assert isinstance(cluster_peer({"networks": ["10.0.0.0/8"]}, "p", kinds, OUT), AddressPeer)
    names = cluster_peer({"domainNames": ["Example.COM.", "*.api.example.org"]}, "p", kinds, OUT)
    assert names == DomainPeer(("example.com", "*.api.example.org"))


@pytest.mark.parametrize("field", ["nodes", "networks", "domainNames", "Pods", "ipBlock"])
def test_C18_ingress_peers_are_namespaces_or_pods(field: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        cluster_peer({field: {}}, "p", CLUSTER.peers, IN)
    assert caught.value.path == f"p.{field}"


def test_the_baseline_of_the_older_api_has_no_names() -> None:
    with pytest.raises(UnreadableField):
        cluster_peer({"domainNames": ["example.com"]}, "p", BASELINE_ADMIN.peers, OUT)


@pytest.mark.parametrize(
    "name", ["com", "localhost", "*", "*.com", "**.x.com", "a.*.com", "", "x..com", "-a.com", "a.com..", None, 7]
)
def test_names_that_the_pattern_refuses(name: object) -> None:
    with pytest.raises(UnreadableField):
        cluster_peer({"domainNames": [name]}, "p", CLUSTER.peers, OUT)


@pytest.mark.parametrize("name", ["x.com", "*.x.com", "_dmarc.x.com", "a_b.x.com", "1.2.3.4", "X.com."])
def test_names_that_the_pattern_admits(name: str) -> None:
    peer = cluster_peer({"domainNames": [name]}, "p", CLUSTER.peers, OUT)
    assert peer == DomainPeer((name.lower().rstrip("."),))


@pytest.mark.parametrize("peer", [{}, None, [], {"namespaces": {}, "pods": {"podSelector": {}}}, {"domainNames": []}])
def test_C15_peers_that_are_none_or_several_are_refused(peer: object) -> None:
    with pytest.raises(UnreadableField):
        cluster_peer(peer, "p", CLUSTER.peers, OUT)
