"""NetworkPolicy as a whole: rows D01 to D20 and E01 to E26 of the checklist."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import pytest

from podfence.manifests.kinds import Unserved, api_of
from podfence.manifests.validation.admission import Api, decode, default
from tests.unit.manifests.validation.answers import ask, ask_value, faults_of, network_policy, parse, spec_of

FROM = "spec.ingress[0].from[0]"
BLOCK = "ipBlock: {cidr: 10.0.0.0/8}"

TYPES = [
    ("D01 no policyTypes, no egress", "{podSelector: {}}", ["Ingress"]),
    ("D02 no policyTypes, an egress rule", "{egress: [{ports: [{port: 53}]}]}", ["Ingress", "Egress"]),
    ("D03 empty policyTypes are missing ones", "{policyTypes: [], egress: [{}]}", ["Ingress", "Egress"]),
    ("D04 empty egress adds nothing", "{egress: []}", ["Ingress"]),
    ("D05 one empty egress rule adds Egress", "{egress: [{}]}", ["Ingress", "Egress"]),
    ("D06 only egress rules imply Ingress, too", "{egress: [{to: [{podSelector: {}}]}]}", ["Ingress", "Egress"]),
    ("D07 explicit Egress is not extended", "{policyTypes: [Egress], ingress: [{}]}", ["Egress"]),
    ("D08 explicit Ingress is not extended", "{policyTypes: [Ingress], egress: [{}]}", ["Ingress"]),
    ("D09 order is kept", "{policyTypes: [Egress, Ingress]}", ["Egress", "Ingress"]),
]


@pytest.mark.parametrize(("spec", "expected"), [case[1:] for case in TYPES], ids=[case[0] for case in TYPES])
def test_policy_types_are_filled_in(spec: str, expected: list[str]) -> None:
    assert spec_of(spec)["policyTypes"] == expected


PORTS = [
    ("D10 no protocol is TCP", "{port: 80}", {"protocol": "TCP", "port": 80}),
    ("D11 empty port item is all of TCP", "{}", {"protocol": "TCP"}),
    ("D11 null port item is all of TCP", "null", {"protocol": "TCP"}),
    ("D13 null protocol is TCP", "{protocol: null, port: 80}", {"protocol": "TCP", "port": 80}),
    ("D19 endPort is left alone", "{port: 80, endPort: 90}", {"protocol": "TCP", "port": 80, "endPort": 90}),
]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize(("port", "expected"), [case[1:] for case in PORTS], ids=[case[0] for case in PORTS])
def test_ports_are_filled_in(port: str, expected: dict[str, object], direction: str) -> None:
    assert spec_of(f"{{{direction}: [{{ports: [{port}]}}]}}")[direction] == [{"ports": [expected]}]


def test_D12_an_empty_protocol_is_not_filled_in() -> None:
    assert faults_of('{ingress: [{ports: [{protocol: ""}]}]}') == ["NotSupported spec.ingress[0].ports[0].protocol"]


@pytest.mark.parametrize("text", ["", "spec:\n", "spec: {}\n"], ids=["D14 absent", "D14 null", "D14 empty"])
def test_a_policy_without_a_spec_isolates_every_pod_for_ingress(text: str) -> None:
    answer = ask("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n" + text)
    assert answer.stored["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


@pytest.mark.parametrize(
    "spec", ["{}", "{podSelector: null}", "{podSelector: {}}"], ids=["D15 absent", "D15 null", "D15 empty"]
)
def test_no_pod_selector_is_the_empty_one(spec: str) -> None:
    assert spec_of(spec)["podSelector"] == {}


def test_D18_defaults_are_filled_in_wherever_an_object_is_decoded_and_only_once() -> None:
    value = decode(Api.NETWORK_POLICY, parse(network_policy("{egress: [{ports: [{}]}]}"))).value
    once = default(Api.NETWORK_POLICY, value)
    assert default(Api.NETWORK_POLICY, once) == once
    assert value["spec"] == {"egress": [{"ports": [{}]}]}


def test_D19_peers_and_blocks_get_no_defaults() -> None:
    spec = spec_of(f"{{ingress: [{{from: [{{podSelector: {{}}}}, {{{BLOCK}}}]}}]}}")
    assert spec["ingress"] == [{"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]}]


def test_D20_what_is_stored_is_complete_and_without_empty_lists() -> None:
    spec = "{ingress: [{from: [], ports: []}, {}], egress: [], podSelector: {matchLabels: {}, matchExpressions: []}}"
    assert spec_of(spec) == {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}, {}]}


PEERS = [
    ("E01 empty peer", "{}", [f"Required {FROM}"]),
    ("E02 podSelector null", "{podSelector: null}", [f"Required {FROM}"]),
    ("E03 empty podSelector", "{podSelector: {}}", []),
    ("E04 empty namespaceSelector", "{namespaceSelector: {}}", []),
    ("E05 both selectors", "{podSelector: {}, namespaceSelector: {}}", []),
    ("E06 block and podSelector", f"{{{BLOCK}, podSelector: {{}}}}", [f"Forbidden {FROM}"]),
    ("E07 block and namespaceSelector, faults inside", "{ipBlock: {cidr: x}, namespaceSelector: {matchLabels: {a: -b}}}",
     [f"Invalid {FROM}.namespaceSelector.matchLabels", f"Invalid {FROM}.ipBlock.cidr", f"Forbidden {FROM}"]),
    ("E08 block and both", f"{{{BLOCK}, podSelector: {{}}, namespaceSelector: {{}}}}", [f"Forbidden {FROM}"]),
    ("E13 peer null", "null", [f"Required {FROM}"]),
]  # fmt: skip


@pytest.mark.parametrize(("peer", "expected"), [case[1:] for case in PEERS], ids=[case[0] for case in PEERS])
def test_a_peer_is_judged_as_the_server_does(peer: str, expected: list[str]) -> None:
    assert faults_of(f"{{ingress: [{{from: [{peer}]}}]}}") == expected


SPECS = [
    ("E09 three policyTypes are one fault", "{policyTypes: [a, b, c]}", ["Invalid spec.policyTypes"]),
    ("E10 the same type twice", "{policyTypes: [Ingress, Ingress]}", []),
    ("E11 unknown type", "{policyTypes: [Ingress, Both]}", ["NotSupported spec.policyTypes[1]"]),
    ("E11 lower case type", "{policyTypes: [ingress]}", ["NotSupported spec.policyTypes[0]"]),
    ("E12 empty lists", "{ingress: [], egress: [], policyTypes: []}", []),
    ("E12 empty lists in rules", "{ingress: [{from: [], ports: []}], egress: [{to: [], ports: []}]}", []),
    ("E14 bare dash is a rule that allows everything", "{ingress: [null]}", []),
    ("E19 names are case-sensitive", "{podselector: {}}", ["UnknownField spec.podselector"]),
    ("E26 nothing named must exist",
     "{podSelector: {matchLabels: {no: such}}, ingress: [{ports: [{port: no-such}], from: [{namespaceSelector: {matchLabels: {a: b}}}]}]}", []),
    ("E16 unknown field is refused", "{ingress: [{from: [{podSelectors: {}}]}]}", [f"UnknownField {FROM}.podSelectors"]),
    ("E16 every unknown field is told", "{b: 1, a: {c: 1}}", ["UnknownField spec.a", "UnknownField spec.b"]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), [case[1:] for case in SPECS], ids=[case[0] for case in SPECS])
def test_a_spec_is_judged_as_the_server_does(spec: str, expected: list[str]) -> None:
    assert faults_of(spec) == expected


def test_E15_faults_accumulate_in_the_servers_order() -> None:
    spec = (
        "{policyTypes: [x], egress: [{to: [{}], ports: [{port: 0}]}], ingress: [{from: [{}], ports: [{port: 0}]}],"
        " podSelector: {matchLabels: {a: -b}}}"
    )
    assert [cause.field for cause in ask(network_policy(spec, "{name: A}")).causes] == [
        "metadata.name",
        "spec.podSelector.matchLabels",
        "spec.ingress[0].ports[0].port",
        "spec.ingress[0].from[0]",
        "spec.egress[0].ports[0].port",
        "spec.egress[0].to[0]",
        "spec.policyTypes[0]",
    ]


def test_E14_a_bare_dash_is_stored_as_an_empty_rule() -> None:
    assert spec_of("{ingress: [null]}")["ingress"] == [{}]


def test_E16_without_strict_decoding_unknown_fields_are_dropped() -> None:
    answer = ask(network_policy("{podSelector: {}, extra: 1}"), strict=False)
    assert answer.stored["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_E20_status_is_an_unknown_field() -> None:
    assert ask(network_policy("{}") + "status: {}\n").faults == ["UnknownField status"]


def test_E21_a_misspelt_selector_key_selects_everything_when_it_is_dropped() -> None:
    answer = ask(network_policy("{podSelector: {matchLabel: {app: web}}}"), strict=False)
    assert answer.stored["spec"]["podSelector"] == {}


def test_E22_a_misspelt_from_lets_everybody_in_when_it_is_dropped() -> None:
    answer = ask(network_policy("{ingress: [{form: [{podSelector: {}}]}]}"), strict=False)
    assert answer.stored["spec"]["ingress"] == [{}]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("extensions/v1beta1", "NetworkPolicy"), ("networking.k8s.io/v1", "NetworkPolicy")],
    ids=["E25 gone version is known for what it means", "E24 current version"],
)
def test_the_api_of_a_network_policy(api_version: str, kind: str) -> None:
    assert api_of(api_version, kind) is Api.NETWORK_POLICY


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("networking.k8s.io/v1beta1", "NetworkPolicy"),
        ("v1", "NetworkPolicy"),
        ("networking.k8s.io/v1", "networkpolicy"),
    ],
    ids=["E24 version that never was", "E24 core group", "E24 kind in lower case"],
)
def test_a_version_or_kind_that_no_server_has(api_version: str, kind: str) -> None:
    assert api_of(api_version, kind) == Unserved(Api.NETWORK_POLICY)


@pytest.mark.parametrize("group", ["crd.projectcalico.org/v1", "projectcalico.org/v3", "cilium.io/v2"])
def test_policies_of_other_projects_are_none_of_ours(group: str) -> None:
    assert api_of(group, "NetworkPolicy") is None


WRONG = [
    ("E16 object for a list", "{ingress: {}}", "json: cannot unmarshal object into Go struct field NetworkPolicySpec.spec.ingress of type []v1.NetworkPolicyIngressRule"),
    ("E16 list for an object", "{podSelector: []}", "json: cannot unmarshal array into Go struct field NetworkPolicySpec.spec.podSelector of type v1.LabelSelector"),
    ("E16 number in a list of rules", "{ingress: [5]}", "json: cannot unmarshal number into Go struct field NetworkPolicySpec.spec.ingress of type v1.NetworkPolicyIngressRule"),
    ("P05 number out of int32", "{ingress: [{ports: [{port: 80, endPort: 5000000000}]}]}", "json: cannot unmarshal number 5000000000 into Go struct field NetworkPolicyPort.spec.ingress.ports.endPort of type int32"),
    ("L25 boolean label", "{podSelector: {matchLabels: {a: yes}}}", "json: cannot unmarshal bool into Go struct field LabelSelector.spec.podSelector.matchLabels of type string"),
    ("E11 number for a type", "{policyTypes: [1]}", "json: cannot unmarshal number into Go struct field NetworkPolicySpec.spec.policyTypes of type v1.PolicyType"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_type_is_told_in_gos_words(spec: str, message: str) -> None:
    answer = ask(network_policy(spec))
    assert (answer.code, answer.messages) == (400, [message])


def test_E17_strictness_is_for_the_caller_to_choose() -> None:
    value = parse(network_policy("{extra: 1}"))
    assert (ask_value(value).code, ask_value(value, strict=False).code) == (400, 201)


def test_a_fault_of_a_decoder_of_its_own_outranks_earlier_ones() -> None:
    answer = ask(network_policy("{egress: {}, ingress: [{ports: [{port: 1.5}]}]}"))
    assert [cause.field for cause in answer.causes] == ["spec.ingress[0].ports[0].port", "spec.egress"]
