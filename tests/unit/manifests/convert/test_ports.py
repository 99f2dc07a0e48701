"""Port items of every API."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.manifests.convert.fields import UnreadableField
from podfence.manifests.convert.ports import admin_policy_port, cluster_policy_protocol, network_policy_port
from podfence.model.net import Protocol
from podfence.model.policy import PortName, PortRange

TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, PortRange(TCP, 1, 65535), id="D11 empty item"),
        pytest.param(None, PortRange(TCP, 1, 65535), id="D11 null item"),
        pytest.param({"protocol": None, "port": 80}, PortRange(TCP, 80, 80), id="D13 null protocol"),
        pytest.param({"port": 80}, PortRange(TCP, 80, 80), id="D10 no protocol"),
        pytest.param({"protocol": "UDP"}, PortRange(UDP, 1, 65535), id="all UDP ports"),
        pytest.param({"protocol": "SCTP", "port": None}, PortRange(SCTP, 1, 65535), id="P21 null port"),
        pytest.param({"port": 80, "endPort": 80}, PortRange(TCP, 80, 80), id="P16 range of one"),
        pytest.param({"port": 1, "endPort": 65535}, PortRange(TCP, 1, 65535), id="P04 bounds"),
        pytest.param({"port": "http"}, PortName("http", TCP), id="name"),
        pytest.param({"port": "8080tcp", "protocol": "UDP"}, PortName("8080tcp", UDP), id="P11 name with digits"),
    ],
)
def test_network_policy_ports(item: object, expected: object) -> None:
    assert network_policy_port(item, "p") == expected


@pytest.mark.parametrize(
    ("item", "path"),
    [
        pytest.param({"protocol": ""}, "p.protocol", id="D12 empty protocol"),
        pytest.param({"protocol": "tcp"}, "p.protocol", id="P02 lower case"),
        pytest.param({"protocol": "ICMP", "port": 80}, "p.protocol", id="P02 no such protocol"),
        pytest.param({"protocol": ["TCP"]}, "p.protocol", id="protocol list"),
        pytest.param({"port": 0}, "p.port", id="P03 zero"),
        pytest.param({"port": -1}, "p.port", id="P03 negative"),
        pytest.param({"port": 65536}, "p.port", id="P03 too large"),
        pytest.param({"port": 80.5}, "p.port", id="P05 fraction"),
        pytest.param({"port": 80.0}, "p.port", id="P05 float"),
        pytest.param({"port": 1 << 40}, "p.port", id="P05 above int32"),
        pytest.param({"port": True}, "p.port", id="boolean"),
        pytest.param({"port": "80"}, "p.port", id="P06 digits as text"),
        pytest.param({"port": ""}, "p.port", id="P07 empty name"),
        pytest.param({"port": "a" * 16}, "p.port", id="P08 long name"),
        pytest.param({"endPort": 90}, "p.endPort", id="P13 end without start"),
        pytest.param({"port": "http", "endPort": 90}, "p.endPort", id="P14 end of a name"),
        pytest.param({"port": 80, "endPort": 79}, "p.endPort", id="P15 end before start"),
        pytest.param({"port": 80, "endPort": 65536}, "p.endPort", id="P17 end too large"),
        pytest.param({"port": 80, "endPort": "90"}, "p.endPort", id="P20 end as text"),
        pytest.param({"Port": 80}, "p.Port", id="unknown field"),
        pytest.param(80, "p", id="bare number"),
    ],
)
def test_network_policy_ports_that_the_server_refuses(item: object, path: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        network_policy_port(item, "p")
    assert caught.value.path == path


@given(st.text("abz09-A_", max_size=17))
def test_port_names_follow_each_of_the_servers_rules(name: str) -> None:
    valid = (
        re.fullmatch("[a-z0-9-]+", name) is not None
        and len(name) <= 15
        and any("a" <= sign <= "z" for sign in name)
        and "--" not in name
        and not name.startswith("-")
        and not name.endswith("-")
    )
    try:
        assert network_policy_port({"port": name}, "p") == PortName(name, TCP)
        assert valid
    except UnreadableField:
        assert not valid


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"portNumber": {"port": 80}}, PortRange(TCP, 80, 80)),
        ({"portNumber": {"port": 53, "protocol": "UDP"}, "namedPort": None}, PortRange(UDP, 53, 53)),
        ({"portRange": {"start": 1, "end": 9, "protocol": "SCTP"}}, PortRange(SCTP, 1, 9)),
        pytest.param({"portRange": {"start": 9, "end": 1}}, PortRange(TCP, 9, 1), id="C28 legal and empty"),
        ({"namedPort": "http"}, PortName("http", None)),
    ],
)
def test_admin_policy_ports(item: object, expected: object) -> None:
    assert admin_policy_port(item, "p") == expected


@pytest.mark.parametrize(
    ("item", "path"),
    [
        pytest.param({}, "p", id="C30 none"),
        pytest.param({"portNumber": {"port": 80}, "namedPort": "x"}, "p", id="C30 two"),
        (None, "p"),
        ({"portNumber": {}}, "p.portNumber.port"),
        ({"portNumber": {"port": 80, "end": 90}}, "p.portNumber.end"),
        ({"portRange": {"start": 80}}, "p.portRange.end"),
        ({"portRange": {"port": 80}}, "p.portRange.port"),
        ({"portNumber": {"port": 80, "protocol": "icmp"}}, "p.portNumber.protocol"),
        ({"port": 80}, "p.port"),
        ({"namedPort": 80}, "p.namedPort"),
    ],
)
def test_admin_policy_ports_that_cannot_be_read(item: object, path: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        admin_policy_port(item, "p")
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"tcp": {"destinationPort": {"number": 80}}}, PortRange(TCP, 80, 80)),
        ({"udp": {"destinationPort": {"range": {"start": 1, "end": 65535}}}}, PortRange(UDP, 1, 65535)),
        ({"sctp": {"destinationPort": {"number": 9}}, "tcp": None}, PortRange(SCTP, 9, 9)),
        ({"destinationNamedPort": "Any Text"}, PortName("Any Text", None)),
        ({"destinationNamedPort": ""}, PortName("", None)),
    ],
)
def test_cluster_policy_protocols(item: object, expected: object) -> None:
    assert cluster_policy_protocol(item, "p") == expected


@pytest.mark.parametrize(
    ("item", "path"),
    [
        pytest.param({}, "p", id="C23 none"),
        pytest.param({"tcp": {}, "udp": {}}, "p", id="C23 two"),
        pytest.param({"tcp": {}}, "p.tcp.destinationPort", id="C24 no port"),
        pytest.param({"tcp": {"destinationPort": {}}}, "p.tcp.destinationPort", id="C25 empty"),
        pytest.param(
            {"tcp": {"destinationPort": {"number": 1, "range": {"start": 1, "end": 2}}}},
            "p.tcp.destinationPort",
            id="C25 both",
        ),
        pytest.param({"tcp": {"destinationPort": {"number": 0}}}, "p.tcp.destinationPort.number", id="C26 zero"),
        pytest.param({"tcp": {"destinationPort": {"number": 65536}}}, "p.tcp.destinationPort.number", id="C26 large"),
        pytest.param(
            {"tcp": {"destinationPort": {"range": {"start": 5, "end": 5}}}},
            "p.tcp.destinationPort.range",
            id="C27 equal",
        ),
        pytest.param(
            {"tcp": {"destinationPort": {"range": {"start": 5}}}}, "p.tcp.destinationPort.range.end", id="C27 no end"
        ),
        ({"TCP": {"destinationPort": {"number": 80}}}, "p.TCP"),
        ({"tcp": {"port": 80}}, "p.tcp.port"),
        ({"tcp": 80}, "p.tcp"),
        (None, "p"),
        ("tcp", "p"),
    ],
)
def test_cluster_policy_protocols_that_the_server_refuses(item: object, path: str) -> None:
    with pytest.raises(UnreadableField) as caught:
        cluster_policy_protocol(item, "p")
    assert caught.value.path == path
