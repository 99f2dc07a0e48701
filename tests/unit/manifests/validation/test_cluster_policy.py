"""The cluster-scoped policies: rows C01 to C38 and F04 to F13 of the checklist."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import pytest

from podfence.manifests.validation.admission import Api, Server, validate_update
from podfence.manifests.validation.cause import NO_FIELD
from tests.unit.manifests.validation.answers import (
    STANDARD_CHANNEL,
    admin_network_policy,
    ask,
    ask_value,
    baseline_policy,
    cluster_network_policy,
    parse,
)

CNP = Api.CLUSTER_NETWORK_POLICY
ANP = Api.ADMIN_NETWORK_POLICY
BANP = Api.BASELINE_ADMIN_NETWORK_POLICY

TO = "spec.egress[0].to[0]"
PROTOCOL = "spec.egress[0].protocols[0]"


def egress(peers: str = "{namespaces: {}}", protocols: str = "", action: str = "Accept") -> str:
    ports = f", protocols: [{protocols}]" if protocols else ""
    return f"egress: [{{action: {action}, to: [{peers}]{ports}}}]"


def ingress(peers: str = "[{namespaces: {}}]", rest: str = "") -> str:
    return f"ingress: [{{action: Accept, from: {peers}{rest}}}]"


def faults(text: str, api: Api = CNP, server: Server = Server()) -> list[str]:  # noqa: B008 (frozen)
    """Faults without the note that further rules were not checked."""
    return [fault for fault in ask(text, api, server).faults if not fault.endswith(NO_FIELD)]


def many(item: str, count: int) -> str:
    return ", ".join([item] * count)


def networks(count: int) -> str:
    return ", ".join(f"10.{number}.0.0/16" for number in range(count))


RULE = "{action: Deny, from: [{namespaces: {}}]}"
NAMED = RULE.replace("{action", "{name: a, action")

SPECS = [
    ("C01 tier missing", cluster_network_policy(tier=""), ["Required spec.tier"]),
    ("C01 tier in lower case", cluster_network_policy(tier="admin"), ["NotSupported spec.tier"]),
    ("C01 Baseline", cluster_network_policy(tier="Baseline"), []),
    ("C02 priority missing", cluster_network_policy(priority=""), ["Required spec.priority"]),
    ("C02 priority 0", cluster_network_policy(priority="0"), []),
    ("C02 priority 1000", cluster_network_policy(priority="1000"), []),
    ("C02 priority -1", cluster_network_policy(priority="-1"), ["Invalid spec.priority"]),
    ("C02 priority 1001", cluster_network_policy(priority="1001"), ["Invalid spec.priority"]),
    ("C02 priority as text", cluster_network_policy(priority='"5"'), ["TypeInvalid spec.priority"]),
    ("C03 empty subject", cluster_network_policy(subject="{}"), ["Invalid spec.subject"]),
    ("C03 both in the subject", cluster_network_policy(subject="{namespaces: {}, pods: {podSelector: {}}}"), ["TooMany spec.subject"]),
    ("C04 every namespace", cluster_network_policy(subject="{namespaces: {}}"), []),
    ("C05 pods without podSelector", cluster_network_policy(subject="{pods: {namespaceSelector: {}}}"), ["Required spec.subject.pods.podSelector"]),
    ("C06 pods without namespaceSelector", cluster_network_policy(subject="{pods: {podSelector: {}}}"), []),
    ("C08 25 rules", cluster_network_policy(f"ingress: [{many(RULE, 25)}]"), []),
    ("C08 26 rules", cluster_network_policy(f"ingress: [{many(RULE, 26)}]"), ["TooMany spec.ingress"]),
    ("C09 26 peers", cluster_network_policy(ingress(f"[{many('{namespaces: {}}', 26)}]")), ["TooMany spec.ingress[0].from"]),
    ("C09 no peers", cluster_network_policy(ingress("[]")), ["Invalid spec.ingress[0].from"]),
    ("C09 from missing", cluster_network_policy("ingress: [{action: Deny}]"), ["Required spec.ingress[0].from"]),
    ("C10 empty protocols", cluster_network_policy(ingress(rest=", protocols: []")), ["Invalid spec.ingress[0].protocols"]),
    ("C10 no protocols", cluster_network_policy(ingress()), []),
    ("C11 name of 100 characters", cluster_network_policy(ingress(rest=f", name: {'é' * 100}")), []),
    ("C11 name of 101", cluster_network_policy(ingress(rest=f", name: {'a' * 101}")), ["TooLong spec.ingress[0].name"]),
    ("C11 the same name twice", cluster_network_policy(f"ingress: [{many(NAMED, 2)}]"), []),
    ("C12 Allow", cluster_network_policy(egress(action="Allow")), ["NotSupported spec.egress[0].action"]),
    ("C14 Pass in Baseline", cluster_network_policy(egress(action="Pass"), tier="Baseline"), []),
    ("C15 empty peer", cluster_network_policy(egress("{}")), [f"Invalid {TO}"]),
    ("C15 two fields in a peer", cluster_network_policy(egress("{namespaces: {}, nodes: {}}")), [f"TooMany {TO}"]),
    ("C16 null does not count", cluster_network_policy(egress("{namespaces: null}")), [f"Invalid {TO}"]),
    ("C18 networks in ingress", cluster_network_policy(ingress("[{networks: [10.0.0.0/8]}]")), ["UnknownField spec.ingress[0].from[0].networks"]),
    ("C18 nodes in ingress", cluster_network_policy(ingress("[{nodes: {}}]")), ["UnknownField spec.ingress[0].from[0].nodes"]),
    ("C18 domainNames in ingress", cluster_network_policy(ingress("[{domainNames: [a.b]}]")), ["UnknownField spec.ingress[0].from[0].domainNames"]),
    ("C19 no networks", cluster_network_policy(egress("{networks: []}")), [f"Invalid {TO}.networks"]),
    ("C19 25 networks", cluster_network_policy(egress(f"{{networks: [{networks(25)}]}}")), []),
    ("C19 26 networks", cluster_network_policy(egress(f"{{networks: [{networks(26)}]}}")), [f"TooMany {TO}.networks"]),
    ("C19 repeated networks", cluster_network_policy(egress("{networks: [10.0.0.0/8, 10.0.0.0/8, 10.0.0.0/8]}")), [f"Duplicate {TO}.networks[1]"]),
    ("C20 host bits", cluster_network_policy(egress("{networks: [10.0.0.5/8]}")), []),
    ("C21 leading zero", cluster_network_policy(egress("{networks: [010.0.0.0/8]}")), [f"Invalid {TO}.networks[0]"]),
    ("C21 mapped", cluster_network_policy(egress('{networks: ["::ffff:10.0.0.0/104"]}')), [f"Invalid {TO}.networks[0]"]),
    ("C21 no prefix", cluster_network_policy(egress("{networks: [10.0.0.1]}")), [f"Invalid {TO}.networks[0]"]),
    ("C21 more than 43 characters", cluster_network_policy(egress(f'{{networks: ["{"0" * 44}"]}}')), [f"TooLong {TO}.networks[0]"]),
    ("C22 one network spelt twice", cluster_network_policy(egress('{networks: ["2001:db8::/32", "2001:DB8::/32"]}')), []),
    ("C23 empty protocol item", cluster_network_policy(egress(protocols="{}")), [f"Invalid {PROTOCOL}"]),
    ("C23 tcp and udp in one item", cluster_network_policy(egress(protocols="{tcp: {destinationPort: {number: 1}}, udp: {destinationPort: {number: 1}}}")), [f"TooMany {PROTOCOL}"]),
    ("C24 empty tcp", cluster_network_policy(egress(protocols="{tcp: {}}")), [f"Invalid {PROTOCOL}.tcp"]),
    ("C25 empty destinationPort", cluster_network_policy(egress(protocols="{tcp: {destinationPort: {}}}")), [f"Invalid {PROTOCOL}.tcp.destinationPort"]),
    ("C25 number and range", cluster_network_policy(egress(protocols="{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}")), [f"TooMany {PROTOCOL}.tcp.destinationPort"]),
    ("C26 number 0", cluster_network_policy(egress(protocols="{tcp: {destinationPort: {number: 0}}}")), [f"Invalid {PROTOCOL}.tcp.destinationPort.number"]),
    ("C26 number 65536", cluster_network_policy(egress(protocols="{udp: {destinationPort: {number: 65536}}}")), [f"Invalid {PROTOCOL}.udp.destinationPort.number"]),
    ("C27 start equal to end", cluster_network_policy(egress(protocols="{sctp: {destinationPort: {range: {start: 5, end: 5}}}}")), [f"Invalid {PROTOCOL}.sctp.destinationPort.range"]),
    ("C27 start above end", cluster_network_policy(egress(protocols="{tcp: {destinationPort: {range: {start: 6, end: 5}}}}")), [f"Invalid {PROTOCOL}.tcp.destinationPort.range"]),
    ("C27 end missing", cluster_network_policy(egress(protocols="{tcp: {destinationPort: {range: {start: 6}}}}")), [f"Required {PROTOCOL}.tcp.destinationPort.range.end"]),
    ("C31 named port beside nodes", cluster_network_policy(egress("{nodes: {}}", "{destinationNamedPort: a}")), ["Invalid spec.egress[0]"]),
    ("C31 named port beside domainNames", cluster_network_policy(egress("{domainNames: [a.b]}", "{destinationNamedPort: a}")), ["Invalid spec.egress[0]"]),
    ("C32 one network among pods", cluster_network_policy(egress("{namespaces: {}}, {networks: [10.0.0.0/8]}", "{tcp: {destinationPort: {number: 1}}}, {destinationNamedPort: a}")), ["Invalid spec.egress[0]"]),
    ("C33 syntax of a named port", cluster_network_policy(egress(protocols='{destinationNamedPort: "No Name!"}')), []),
    ("C33 empty named port", cluster_network_policy(egress(protocols='{destinationNamedPort: ""}')), []),
    ("C34 selectors are not judged", cluster_network_policy(subject="{namespaces: {matchLabels: {a: -b}, matchExpressions: [{key: -, operator: in}]}}"), []),
    ("C34 but need key and operator", cluster_network_policy(subject="{namespaces: {matchExpressions: [{}]}}"),
     [f"Required spec.subject.namespaces.matchExpressions[0].{field}" for field in ("key", "operator")]),
    ("C36 no rules", cluster_network_policy(), []),
    ("F04 star inside a label", cluster_network_policy(egress('{domainNames: ["a*.x.y"]}')), [f"Invalid {TO}.domainNames[0]"]),
    ("F05 two stars", cluster_network_policy(egress('{domainNames: ["**.x.y"]}')), [f"Invalid {TO}.domainNames[0]"]),
    ("F06 single label", cluster_network_policy(egress("{domainNames: [localhost]}")), [f"Invalid {TO}.domainNames[0]"]),
    ("F06 bare star", cluster_network_policy(egress('{domainNames: ["*"]}')), [f"Invalid {TO}.domainNames[0]"]),
    ("F06 star and one label", cluster_network_policy(egress('{domainNames: ["*.com"]}')), [f"Invalid {TO}.domainNames[0]"]),
    ("F07 final dot", cluster_network_policy(egress("{domainNames: [x.y.]}")), []),
    ("F08 upper case", cluster_network_policy(egress("{domainNames: [WWW.Example.COM]}")), []),
    ("F09 IPv4 text", cluster_network_policy(egress("{domainNames: [10.0.0.1]}")), []),
    ("F10 25 names", cluster_network_policy(egress(f"{{domainNames: [{', '.join(f'a{n}.b' for n in range(25))}]}}")), []),
    ("F10 26 names", cluster_network_policy(egress(f"{{domainNames: [{', '.join(f'a{n}.b' for n in range(26))}]}}")), [f"TooMany {TO}.domainNames"]),
    ("F10 a name twice", cluster_network_policy(egress("{domainNames: [a.b, a.b]}")), [f"Duplicate {TO}.domainNames[1]"]),
    ("F10 no names", cluster_network_policy(egress("{domainNames: []}")), [f"Invalid {TO}.domainNames"]),
    ("F11 Deny", cluster_network_policy(egress("{domainNames: [a.b]}", action="Deny")), []),
    ("F11 Pass", cluster_network_policy(egress("{domainNames: [a.b]}", action="Pass")), []),
    ("F12 in the Baseline tier", cluster_network_policy(egress("{domainNames: [a.b]}"), tier="Baseline")  , []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in SPECS], ids=[case[0] for case in SPECS])
def test_a_cluster_network_policy_is_judged_by_its_crd(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


def ports(item: str) -> str:
    return f"ingress: [{{action: Allow, from: [{{namespaces: {{}}}}], ports: [{item}]}}]"


ADMIN = [
    ("C07 pods need both selectors", admin_network_policy(subject="{pods: {podSelector: {}}}"), ANP, ["Required spec.subject.pods.namespaceSelector"]),
    ("C12 Accept", admin_network_policy("egress: [{action: Accept, to: [{namespaces: {}}]}]"), ANP, ["NotSupported spec.egress[0].action"]),
    ("C13 Pass in a baseline", baseline_policy("egress: [{action: Pass, to: [{namespaces: {}}]}]"), BANP, ["NotSupported spec.egress[0].action"]),
    ("C28 range that starts above its end", admin_network_policy(ports("{portRange: {start: 9, end: 8}}")), ANP, []),
    ("C29 any text as protocol", admin_network_policy(ports("{portNumber: {port: 80, protocol: carrier-pigeon}}")), ANP, []),
    ("C30 no choice", admin_network_policy(ports("{}")), ANP, ["Invalid spec.ingress[0].ports[0]"]),
    ("C30 two choices", admin_network_policy(ports("{portNumber: {port: 1}, namedPort: a}")), ANP, ["TooMany spec.ingress[0].ports[0]"]),
    ("C31 named port beside networks", admin_network_policy("egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}], ports: [{namedPort: a}]}]"), ANP, ["Invalid spec.egress[0]"]),
    ("C08 100 rules", admin_network_policy(f"ingress: [{many('{action: Deny, from: [{namespaces: {}}]}', 100)}]"), ANP, []),
    ("C08 101 rules", admin_network_policy(f"ingress: [{many('{action: Deny, from: [{namespaces: {}}]}', 101)}]"), ANP, ["TooMany spec.ingress"]),
    ("C35 baseline named default", baseline_policy(), BANP, []),
    ("F13 no domainNames in a baseline", baseline_policy("egress: [{action: Deny, to: [{domainNames: [a.b]}]}]"), BANP, ["UnknownField spec.egress[0].to[0].domainNames"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "api", "expected"), [case[1:] for case in ADMIN], ids=[case[0] for case in ADMIN])
def test_an_admin_policy_is_judged_by_its_crd(text: str, api: Api, expected: list[str]) -> None:
    assert faults(text, api) == expected


STANDARD = [
    ("C17 nodes", cluster_network_policy(egress("{nodes: {}}")), CNP, [f"UnknownField {TO}.nodes"]),
    ("C17 domainNames", cluster_network_policy(egress("{domainNames: [a.b]}")), CNP, [f"UnknownField {TO}.domainNames"]),
    ("C31 named port beside networks", cluster_network_policy(egress("{networks: [10.0.0.0/8]}", "{destinationNamedPort: a}")), CNP, []),
    ("C30 namedPort of v1alpha1", admin_network_policy(ports("{namedPort: a}")), ANP, ["UnknownField spec.ingress[0].ports[0].namedPort"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "api", "expected"), [case[1:] for case in STANDARD], ids=[case[0] for case in STANDARD]
)
def test_the_standard_channel_knows_less(text: str, api: Api, expected: list[str]) -> None:
    assert faults(text, api, STANDARD_CHANNEL) == expected


def test_C17_without_strict_decoding_a_pruned_peer_is_an_empty_one() -> None:
    answer = ask(cluster_network_policy(egress("{nodes: {}}")), CNP, STANDARD_CHANNEL, strict=False)
    assert answer.faults == [f"Invalid {TO}"]


def test_C29_the_protocol_of_v1alpha1_is_tcp_by_default() -> None:
    answer = ask(
        admin_network_policy(ports("{portNumber: {port: 80, protocol: null}}, {portRange: {start: 1, end: 2}}")), ANP
    )
    assert answer.stored["spec"]["ingress"][0]["ports"] == [
        {"portNumber": {"port": 80, "protocol": "TCP"}},
        {"portRange": {"start": 1, "end": 2, "protocol": "TCP"}},
    ]


def test_C35_a_baseline_of_another_name_is_refused_without_a_field() -> None:
    answer = ask(baseline_policy(name="other"), BANP)
    assert answer.faults == [f"Invalid {NO_FIELD}"]
    assert 'metadata.name="default"' in answer.messages[0]


@pytest.mark.parametrize(
    "status",
    ["{}", "{conditions: []}", "{conditions: [{type: a}]}"],
    ids=["C37 empty", "C37 no conditions", "C37 incomplete condition"],
)
def test_status_is_accepted_and_dropped(status: str) -> None:
    answer = ask(cluster_network_policy() + f"status: {status}\n", CNP)
    assert answer.code == 201
    assert "status" not in answer.stored


@pytest.mark.parametrize("namespace", ["shop", "Not A Namespace"], ids=["C38 a namespace", "C38 whatever it says"])
def test_a_namespace_is_cleared(namespace: str) -> None:
    answer = ask(cluster_network_policy(metadata=f"{{name: a, namespace: {namespace}}}"), CNP)
    assert answer.stored["metadata"] == {"name": "a"}


def test_lists_stay_empty_and_nulls_go_in_a_custom_resource() -> None:
    text = cluster_network_policy(
        "ingress: [], egress: null", subject="{namespaces: {matchLabels: {a: null}, matchExpressions: []}}"
    )
    spec = ask(text, CNP).stored["spec"]
    assert spec["ingress"] == []
    assert "egress" not in spec
    assert spec["subject"] == {"namespaces": {"matchLabels": {}, "matchExpressions": []}}


WRONG = [
    ("list for an object", cluster_network_policy(subject="[{namespaces: {}}]"), ["UnknownField spec.subject[0].namespaces"]),
    ("object for a list", cluster_network_policy("ingress: {from: []}"), ["UnknownField spec.ingress.from"]),
    ("empty list for an object", cluster_network_policy(subject="[]"), ["TypeInvalid spec.subject"]),
    ("null in a list", cluster_network_policy("ingress: [null]"), ["TypeInvalid spec.ingress[0]"]),
    ("null value", cluster_network_policy(subject="{namespaces: {matchExpressions: [{key: a, operator: In, values: [null]}]}}"),
     ["TypeInvalid spec.subject.namespaces.matchExpressions[0].values[0]"]),
    ("number for a label", cluster_network_policy(subject="{namespaces: {matchLabels: {a: 1}}}"), ["TypeInvalid spec.subject.namespaces.matchLabels.a"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_type_in_a_custom_resource(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


def test_rules_are_not_checked_beside_faults_that_block_them() -> None:
    both = egress("{networks: [x]}", "{destinationNamedPort: a}")
    blocked = ask(cluster_network_policy(both, tier="x"), CNP)
    assert blocked.faults == ["NotSupported spec.tier", f"Invalid {NO_FIELD}"]
    free = ask(cluster_network_policy(both, priority="1001"), CNP)
    assert free.faults == ["Invalid spec.priority", "Invalid spec.egress[0]", f"Invalid {TO}.networks[0]"]


def test_a_priority_beyond_int32_has_a_cause_without_a_field() -> None:
    answer = ask(cluster_network_policy(priority="3000000000"), CNP)
    assert answer.faults == [f"Invalid {NO_FIELD}", "Invalid spec.priority"]


def test_a_fraction_for_a_whole_number_names_the_formats() -> None:
    answer = ask(cluster_network_policy(priority="1.5"), CNP)
    assert answer.messages[0] == 'Invalid value: "float64": spec.priority in body must be of type int32: "float64"'


def test_a_whole_float_of_raw_json_is_stored_as_a_whole_number() -> None:
    value = parse(cluster_network_policy())
    value["spec"] = {**value["spec"], "priority": 10.0}
    priority = ask_value(value, CNP).stored["spec"]["priority"]
    assert (priority, type(priority)) == (10, int)


def test_an_update_forgives_what_did_not_change() -> None:
    meta = {"name": "guard", "resourceVersion": "1"}
    old = parse(cluster_network_policy(egress("{networks: [x, x]}"), priority="2000")) | {"metadata": meta}
    same = {**old, "metadata": {**meta, "labels": {"a": "b"}}}
    assert validate_update(CNP, same, old) == ()
    changed = {**old, "spec": {**old["spec"], "priority": 2001}}
    assert [cause.field for cause in validate_update(CNP, changed, old)] == ["spec.priority"]
    moved = {**old, "spec": {**old["spec"], "egress": [*old["spec"]["egress"], *old["spec"]["egress"]]}}
    assert [cause.field for cause in validate_update(CNP, moved, old)] == [
        "spec.egress[0].to[0].networks[0]",
        "spec.egress[0].to[0].networks[1]",
        "spec.egress[1].to[0].networks[0]",
        "spec.egress[1].to[0].networks[1]",
    ]
