"""Ports: every row P of the checklist."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import pytest

from podfence.manifests.validation.names import port_name_complaints
from podfence.manifests.validation.ports import validate_port
from tests.unit.manifests.validation.answers import ask, ask_value, faults_of, network_policy, parse, spec_of

PORT = "spec.ingress[0].ports[0]"

CASES = [
    ("P01 TCP is valid", "{protocol: TCP, port: 80}", []),
    ("P01 UDP is valid", "{protocol: UDP, port: 80}", []),
    ("P01 SCTP is valid", "{protocol: SCTP, port: 80}", []),
    ("P02 lower case tcp is not supported", "{protocol: tcp}", ["NotSupported .protocol"]),
    ("P02 ICMP is not supported", "{protocol: ICMP}", ["NotSupported .protocol"]),
    ("P02 ANY is not supported", "{protocol: ANY}", ["NotSupported .protocol"]),
    ("P02 SCTPX is not supported", "{protocol: SCTPX}", ["NotSupported .protocol"]),
    ("P03 port 0 is invalid", "{port: 0}", ["Invalid .port"]),
    ("P03 port -1 is invalid", "{port: -1}", ["Invalid .port"]),
    ("P03 port 65536 is invalid", "{port: 65536}", ["Invalid .port"]),
    ("P04 port 1 is valid", "{port: 1}", []),
    ("P04 port 65535 is valid", "{port: 65535}", []),
    ("P05 port beyond int32 is a decoding error", "{port: 2147483648}", ["WrongType .port"]),
    ("P05 fractional port is a decoding error", "{port: 80.5}", ["WrongType .port"]),
    ("P06 port in quotes needs a letter", '{port: "80"}', ["Invalid .port"]),
    ("P07 empty port name is invalid twice", '{port: ""}', ["Invalid .port", "Invalid .port"]),
    ("P08 name of 15 is valid", "{port: abcdefghijklmno}", []),
    ("P08 name of 16 is invalid", "{port: abcdefghijklmnop}", ["Invalid .port"]),
    ("P09 upper case in a name is invalid", "{port: hTTP}", ["Invalid .port"]),
    ("P09 underscore in a name is invalid", "{port: a_b}", ["Invalid .port"]),
    ("P09 dot in a name is invalid", "{port: a.b}", ["Invalid .port"]),
    ("P10 double dash in a name is invalid", "{port: a--b}", ["Invalid .port"]),
    ("P10 leading dash in a name is invalid", "{port: -a}", ["Invalid .port"]),
    ("P10 trailing dash in a name is invalid", "{port: a-}", ["Invalid .port"]),
    ("P11 single letter is a valid name", "{port: a}", []),
    ("P11 digits and letters are a valid name", "{port: 8080tcp}", []),
    ("P12 several faults of a name are several causes", "{port: HTTP}", ["Invalid .port", "Invalid .port"]),
    ("P13 endPort without port is invalid", "{endPort: 80}", ["Invalid .endPort"]),
    ("P14 endPort with a named port is invalid", "{port: http, endPort: 80}", ["Invalid .endPort"]),
    ("P15 endPort below port is invalid", "{port: 80, endPort: 79}", ["Invalid .endPort"]),
    ("P16 endPort equal to port is valid", "{port: 80, endPort: 80}", []),
    ("P17 endPort 65536 is invalid", "{port: 80, endPort: 65536}", ["Invalid .endPort"]),
    ("P17 endPort 0 is invalid twice", "{port: 80, endPort: 0}", ["Invalid .endPort", "Invalid .endPort"]),
    ("P18 endPort without port is not range-checked", "{endPort: 70000}", ["Invalid .endPort"]),
    ("P19 bad port and bad endPort come together", "{port: 0, endPort: 70000}", ["Invalid .port", "Invalid .endPort"]),
    ("P20 endPort as text is a decoding error", '{port: 80, endPort: "90"}', ["WrongType .endPort"]),
]


@pytest.mark.parametrize(("port", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_port_is_judged_as_the_server_does(port: str, expected: list[str]) -> None:
    faults = faults_of(f"{{podSelector: {{}}, ingress: [{{ports: [{port}]}}]}}")
    assert faults == [fault.replace(" ", f" {PORT}") for fault in expected]


@pytest.mark.parametrize(
    ("port", "expected"), [case[1:] for case in CASES], ids=["P24 egress: " + case[0] for case in CASES]
)
def test_a_port_of_egress_is_judged_alike(port: str, expected: list[str]) -> None:
    faults = faults_of(f"{{podSelector: {{}}, egress: [{{ports: [{port}]}}]}}")
    assert faults == [fault.replace(" ", f" {PORT.replace('ingress', 'egress')}") for fault in expected]


def test_P05_port_80_point_0_is_80_in_yaml_and_refused_in_json() -> None:
    text = network_policy("{podSelector: {}, ingress: [{ports: [{port: 80.0}, {port: 8e1}]}]}")
    assert [port["port"] for port in ask(text).stored["spec"]["ingress"][0]["ports"]] == [80, 80]
    value = parse(text) | {"spec": {"ingress": [{"ports": [{"port": 80.0}]}]}}
    assert ask_value(value).messages == [
        "json: cannot unmarshal number 80.0 into Go struct field NetworkPolicyPort.spec.ingress.ports.port of type int32"
    ]


def test_P15_the_message_quotes_the_value_of_port() -> None:
    (message,) = ask(network_policy("{ingress: [{ports: [{port: 80, endPort: 79}]}]}")).messages
    assert message == "Invalid value: 80: must be greater than or equal to `port`"


def test_P14_end_port_comes_before_the_faults_of_the_name() -> None:
    assert [cause.field for cause in validate_port({"port": "A", "endPort": 5}, "p")] == [
        "p.endPort",
        "p.port",
        "p.port",
    ]


def test_P21_port_null_stands_for_every_port_of_the_protocol() -> None:
    assert spec_of("{ingress: [{ports: [{protocol: UDP, port: null}]}]}")["ingress"] == [
        {"ports": [{"protocol": "UDP"}]}
    ]


def test_P22_a_thousand_ports_are_accepted() -> None:
    ports = ", ".join(f"{{port: {number}}}" for number in range(1, 1001))
    assert len(spec_of(f"{{ingress: [{{ports: [{ports}]}}]}}")["ingress"][0]["ports"]) == 1000


def test_P23_the_same_port_twice_is_accepted() -> None:
    assert faults_of("{ingress: [{ports: [{port: 80}, {port: 80}]}]}") == []


def test_each_fault_of_a_port_name_has_its_own_words() -> None:
    assert port_name_complaints("-A--b_c-" + "x" * 9 + "-") == (
        "must be no more than 15 characters",
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        "must not contain consecutive hyphens",
        "must not begin or end with a hyphen",
    )
