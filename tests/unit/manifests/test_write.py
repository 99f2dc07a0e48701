"""Policies to YAML: what is written is read back as the same policy."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data
from podfence.manifests.write import cidrs, policy_object, write_yaml
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector, selector
from podfence.model.net import AddressRange, Protocol, parse_cidr, subtract, union
from podfence.model.objects import ObjectRef
from podfence.model.policy import (
    Action,
    AddressPeer,
    DomainPeer,
    NodePeer,
    PodPeer,
    Policy,
    PortName,
    PortRange,
    Rule,
    Tier,
    Unreadable,
)
from tests.unit.manifests.texts import loaded, policy

keys = st.sampled_from(["app", "tier", "example.com/Zone", "y", "1"])
values = st.sampled_from(["", "web", "y", "no", "1", "1e3", "0x10", "true", "null", "1_0", "2024-01-01", "a.b"])
requirements = st.one_of(
    st.builds(lambda key, value: Requirement(key, Operator.IN, (value,)), keys, values),
    st.builds(
        lambda key, operator, listed: Requirement(key, operator, tuple(sorted(set(listed)))),
        keys,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(values, min_size=1, max_size=3),
    ),
    st.builds(Requirement, keys, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])),
)
selectors = st.lists(requirements, max_size=3).map(lambda found: selector({}, *found))
networks = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "::/0", "fd00::/8", "fd00::1/128"])
protocols = st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.SCTP])
ranges = st.tuples(protocols, st.integers(1, 65535), st.integers(1, 65535)).map(
    lambda drawn: PortRange(drawn[0], min(drawn[1:]), max(drawn[1:]))
)


@st.composite
def ip_blocks(draw: st.DrawFn) -> AddressPeer:
    cidr = ipaddress.ip_network(draw(networks))
    below = [text for text in ("10.1.0.0/16", "10.1.2.0/24", "fd00::1/128") if _inside(text, str(cidr))]
    holes = draw(st.lists(st.sampled_from(below), max_size=2)) if below else []
    text = f"{cidr} except {', '.join(holes)}" if holes else str(cidr)
    return AddressPeer(subtract((parse_cidr(str(cidr)),), map(parse_cidr, holes)), text)


def _inside(text: str, cidr: str) -> bool:
    hole, block = parse_cidr(text), parse_cidr(cidr)
    return block.first <= hole.first and hole.last <= block.last and hole != block


own_peers = selectors.map(lambda found: PodPeer("shop", None, found))
other_peers = st.builds(lambda spaces, found: PodPeer(None, spaces, found), selectors, selectors)
named = st.builds(PortName, st.sampled_from(["http", "8080tcp"]), protocols)
accept_ports = st.none() | st.lists(ranges | named, min_size=1, max_size=3).map(tuple)
accept_peers = st.none() | st.lists(own_peers | other_peers | ip_blocks(), min_size=1, max_size=3).map(tuple)


def accepts(name: str, peers_field: str) -> st.SearchStrategy[tuple[Rule, ...]]:
    drawn = st.lists(st.tuples(accept_peers, accept_ports), max_size=2)
    return drawn.map(
        lambda found: tuple(
            Rule(Action.ACCEPT, peers, ports, f"spec.{name}[{index}]", peers_field, "ports")
            for index, (peers, ports) in enumerate(found)
        )
    )


def network_policy(
    subject: PodPeer, directions: tuple[bool, bool], ingress: tuple[Rule, ...], egress: tuple[Rule, ...]
) -> Policy:
    return Policy(
        ref=ObjectRef("NetworkPolicy", "shop", "cart"),
        tier=Tier.NETWORK_POLICY,
        priority=0,
        subject=subject,
        ingress=ingress if directions[0] else None,
        egress=egress if directions[1] else None,
    )


network_policies = st.builds(
    network_policy,
    own_peers,
    st.sampled_from([(True, False), (False, True), (True, True)]),
    accepts("ingress", "from"),
    accepts("egress", "to"),
)


@given(network_policies)
def test_a_network_policy_that_is_written_is_read_back_the_same(written: Policy) -> None:
    text = write_yaml([policy_object(written)])
    result = loaded(text)
    assert result.problems == ()
    assert result.snapshot.policies == (written,)


cluster_ports = ranges | st.builds(PortName, st.sampled_from(["http", "Any Name"]), st.none())
cluster_addresses = st.lists(networks, min_size=1, max_size=3).map(lambda found: union(map(parse_cidr, found)))


@st.composite
def cluster_policies(draw: st.DrawFn) -> Policy:
    network = cluster_addresses.map(lambda found: AddressPeer(found, ", ".join(cidrs(found))))
    near = {"ingress": other_peers, "egress": other_peers | network | selectors.map(NodePeer)}

    def direction(name: str, peers_field: str) -> tuple[Rule, ...] | None:
        peers = st.lists(near[name], min_size=1, max_size=2).map(tuple)
        ports = st.none() | st.lists(ranges, min_size=1, max_size=2).map(tuple)
        drawn = draw(st.lists(st.tuples(st.sampled_from(Action), peers, ports), max_size=2))
        return (
            tuple(
                Rule(action, found, listed, f"spec.{name}[{index}]", peers_field, "protocols", f"rule {index}")
                for index, (action, found, listed) in enumerate(drawn)
            )
            or None
        )

    return Policy(
        ref=ObjectRef("ClusterNetworkPolicy", None, "guard"),
        tier=draw(st.sampled_from([Tier.ADMIN, Tier.BASELINE])),
        priority=draw(st.integers(0, 1000)),
        subject=draw(other_peers),
        ingress=direction("ingress", "from"),
        egress=direction("egress", "to"),
    )


@given(cluster_policies())
def test_a_cluster_policy_that_is_written_is_read_back_the_same(written: Policy) -> None:
    result = loaded(write_yaml([policy_object(written)]))
    assert result.problems == ()
    assert result.snapshot.policies == (written,)


def test_names_and_named_ports_of_a_cluster_policy_are_written() -> None:
    rule = Rule(
        Action.ACCEPT, (DomainPeer(("*.example.com",)),), (PortName("y", None),), "spec.egress[0]", "to", "protocols"
    )
    subject = PodPeer(None, EVERYTHING, EVERYTHING)
    written = Policy(ObjectRef("ClusterNetworkPolicy", None, "g"), Tier.ADMIN, 1, subject, None, (rule,))
    (found,) = loaded(write_yaml([policy_object(written)])).snapshot.policies
    assert found == written


def test_a_tidy_network_policy() -> None:
    text = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: cart
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: cart
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: web
          version: "1"
    - ipBlock:
        cidr: 10.0.0.0/8
        except:
        - 10.1.0.0/16
    ports:
    - protocol: TCP
      port: 7070
"""
    assert write_yaml([policy_object(policy(text))]) == text


def test_documents_are_parted() -> None:
    assert write_yaml([{"a": 1}, {"b": "x"}]) == "a: 1\n---\nb: x\n"


@given(st.lists(st.text(), max_size=3), st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
def test_every_text_is_read_back_as_that_text(texts: list[str], key: str) -> None:
    value = {"apiVersion": "v1", "kind": "X", "texts": [text.replace("\0", "") for text in texts], key: "v"}
    (item,) = read_data(write_yaml([value]).encode("utf-8", "replace"), "x.yaml")
    assert isinstance(item, Item)
    expected = msgspec.convert(value, dict)
    assert item.plain() == expected


@pytest.mark.parametrize(
    "text", ["y", "N", "yes", "Off", "0x1F", "1e3", "0o17", "017", "1_000", ".inf", "5e12345", "=", "~", ""]
)
def test_a_text_that_kubectl_would_take_for_something_else_is_quoted(text: str) -> None:
    assert write_yaml([{"a": text}]) == f'a: "{text}"\n'


@pytest.mark.parametrize("text", ["web", "10.0.0.0/8", "10.0.0.1", "app.kubernetes.io/name", "v1", "a-1"])
def test_a_plain_text_stays_plain(text: str) -> None:
    assert write_yaml([{"a": text}]) == f"a: {text}\n"


def test_blocks_whose_text_is_lost_are_written_as_ranges() -> None:
    block = AddressPeer((AddressRange(10 << 24, (10 << 24) + 2),), "")
    rule = Rule(Action.ACCEPT, (block,), None, "spec.ingress[0]", "from", "ports")
    subject = PodPeer("shop", None, EVERYTHING)
    written = Policy(ObjectRef("NetworkPolicy", "shop", "a"), Tier.NETWORK_POLICY, 0, subject, (rule,), None)
    listed = policy_object(written)["spec"]["ingress"][0]["from"]
    assert listed == [{"ipBlock": {"cidr": "10.0.0.0/31"}}, {"ipBlock": {"cidr": "10.0.0.2/32"}}]


@given(cluster_addresses)
def test_cidrs_cover_exactly_the_ranges(found: tuple[AddressRange, ...]) -> None:
    assert union(map(parse_cidr, cidrs(found))) == found


def test_a_peer_in_a_named_namespace_is_written_by_its_label() -> None:
    peer = PodPeer("other", None, selector({"app": "web"}))
    rule = Rule(Action.ACCEPT, (peer,), None, "spec.ingress[0]", "from", "ports")
    subject = PodPeer("shop", None, EVERYTHING)
    written = Policy(ObjectRef("NetworkPolicy", "shop", "a"), Tier.NETWORK_POLICY, 0, subject, (rule,), None)
    assert policy_object(written)["spec"]["ingress"][0]["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}},
            "podSelector": {"matchLabels": {"app": "web"}},
        }
    ]


SUBJECT = PodPeer("shop", None, EVERYTHING)
ANY = Rule(Action.ACCEPT, None, None, "spec.ingress[0]", "from", "ports")


@pytest.mark.parametrize(
    "change",
    [
        {"peers": (Unreadable("x"),)},
        {"ports": (Unreadable("x"),)},
        {"peers": ()},
        {"ports": ()},
        {"action": Action.DENY},
        {"peers": (NodePeer(Selector()),)},
        {"ports": (PortName("http", None),)},
        {"ports": (PortRange(Protocol.OTHER, 1, 2),)},
    ],
)
def test_what_a_network_policy_cannot_say_is_refused(change: dict[str, object]) -> None:
    rule = msgspec.structs.replace(ANY, **change)
    written = Policy(ObjectRef("NetworkPolicy", "shop", "a"), Tier.NETWORK_POLICY, 0, SUBJECT, (rule,), None)
    with pytest.raises(ValueError, match=r"."):
        policy_object(written)


@pytest.mark.parametrize("change", [{"peers": None}, {"ports": (PortName("http", Protocol.TCP),)}, {"ports": ()}])
def test_what_a_cluster_policy_cannot_say_is_refused(change: dict[str, object]) -> None:
    everybody = PodPeer(None, EVERYTHING, EVERYTHING)
    rule = msgspec.structs.replace(ANY, **{"peers": (everybody,), **change})
    written = Policy(ObjectRef("ClusterNetworkPolicy", None, "a"), Tier.ADMIN, 0, everybody, (rule,), None)
    with pytest.raises(ValueError, match=r"."):
        policy_object(written)


def test_an_unreadable_subject_cannot_be_written() -> None:
    written = Policy(ObjectRef("NetworkPolicy", "s", "a"), Tier.NETWORK_POLICY, 0, Unreadable("x"), (), None)
    with pytest.raises(ValueError, match="x"):
        policy_object(written)


def test_what_is_written_is_yaml_to_everybody() -> None:
    value = {"a": ["x", {"b": "y"}], "c": {}}
    assert yaml.safe_load(write_yaml([value])) == value
