"""Judging items: where a fault stands, what it is called, and what kubectl does not tell."""

from __future__ import annotations

import json

import pytest

from podfence.lint.finding import Finding, Findings
from podfence.lint.run import check
from podfence.manifests.inputs import read_data
from podfence.manifests.validation.admission import Server

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
spec:
  podSelector: {{}}
"""


def judge(text: str, namespace: str = "default") -> Findings:
    return check(read_data(text.encode(), "a.yaml"), Server(), namespace)


def only(text: str) -> Finding:
    (finding,) = judge(text).findings
    return finding


def line_of(finding: Finding) -> int:
    assert finding.position is not None
    return finding.position.line


def test_a_fault_stands_at_its_field() -> None:
    finding = only(POLICY.format(name="web") + "  ingress:\n  - ports:\n    - protocol: TCP\n      port: 0\n")
    assert (finding.rule, finding.path, str(finding.position)) == (
        "PF031",
        "spec.ingress[0].ports[0].port",
        "a.yaml:10:7",
    )
    assert str(finding.object_position) == "a.yaml:1:1"


def test_a_fault_of_a_missing_field_stands_at_its_parent() -> None:
    finding = only("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  labels: {a: b}\n")
    assert (finding.path, str(finding.position)) == ("metadata.name", "a.yaml:3:1")


def test_a_fault_without_a_field_stands_at_the_object() -> None:
    text = "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: x}\n"
    finding = only("---\n" + text + "spec: {subject: {namespaces: {}}}\n")
    assert (finding.path, str(finding.position)) == ("<nil>", "a.yaml:2:1")


def test_an_item_of_a_list_has_paths_of_its_own() -> None:
    items = [
        json.loads(
            json.dumps(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    "metadata": {"name": "a"},
                    "spec": {"policyTypes": [name]},
                }
            )
        )
        for name in ("Ingress", "x")
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1)
    findings = judge(text).findings
    assert [(finding.rule, finding.path) for finding in findings] == [
        ("PF214", "metadata.name"),
        ("PF050", "spec.policyTypes[0]"),
    ]


def test_decoding_faults_hide_validation_as_in_the_server() -> None:
    text = POLICY.format(name="web") + "  ingres: []\n  ingress: [{from: [{}]}]\n"
    assert [finding.rule for finding in judge(text).findings] == ["PF003"]


def test_all_decoding_faults_are_told_though_the_server_tells_one() -> None:
    text = POLICY.format(name="5") + "  ingress: {}\n  egress: 1\n  x: 1\n"
    assert [finding.rule for finding in judge(text).findings] == ["PF002", "PF002", "PF002", "PF003"]


def test_a_wrong_type_is_told_in_plain_words_and_in_the_servers() -> None:
    finding = only(POLICY.format(name="web").replace("{}", "{matchLabels: {on: off}}"))
    assert finding.message == "must be a string, found a boolean; quote it if it is meant as text"
    assert finding.hint.startswith("json: cannot unmarshal bool into Go struct field LabelSelector")


def test_E18_a_key_written_twice_is_an_error_though_kubectl_drops_it() -> None:
    finding = only(POLICY.format(name="web") + "  policyTypes: [Ingress]\n  policyTypes: [Egress]\n")
    assert (finding.rule, finding.path, line_of(finding)) == ("PF004", "spec.policyTypes", 8)
    assert "line 7 is lost" in finding.message


def test_E18_a_key_written_twice_does_not_hide_other_faults() -> None:
    text = POLICY.format(name="web") + "  policyTypes: [Ingress]\n  policyTypes: [x]\n"
    assert [finding.rule for finding in judge(text).findings] == ["PF004", "PF050"]


def test_a_missing_separator_names_both_objects() -> None:
    finding = only(POLICY.format(name="first") + POLICY.format(name="second"))
    assert (finding.rule, str(finding.position)) == ("PF005", "a.yaml:7:1")
    assert "NetworkPolicy first and NetworkPolicy second" in finding.message


def test_two_missing_separators_are_two_findings() -> None:
    text = "".join(POLICY.format(name=name) for name in ("a", "b", "c"))
    findings = judge(text).findings
    assert [(finding.rule, line_of(finding)) for finding in findings] == [("PF005", 7), ("PF005", 13)]
    assert ["a and NetworkPolicy b" in findings[0].message, "b and NetworkPolicy c" in findings[1].message] == [
        True,
        True,
    ]


def test_E25_a_gone_version_is_told_with_its_mend_and_judged_all_the_same() -> None:
    text = POLICY.format(name="web").replace("networking.k8s.io/v1", "extensions/v1beta1") + "  policyTypes: [x]\n"
    findings = judge(text).findings
    assert [finding.rule for finding in findings] == ["PF006", "PF050"]
    fix = findings[0].fix
    assert fix is not None
    assert fix.startswith("apiVersion: networking.k8s.io/v1\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("networking.k8s.io/v1", "networking.k8s.io/v1beta1"),
        ("NetworkPolicy", "networkPolicy"),
        ("networking.k8s.io/v1", "a/b/c"),
    ],
    ids=["E24 version", "E24 kind", "E24 malformed version"],
)
def test_a_policy_that_no_server_knows(old: str, new: str) -> None:
    finding = only(POLICY.format(name="web").replace(old, new))
    assert finding.rule == "PF009"
    assert finding.hint == "did you mean NetworkPolicy in networking.k8s.io/v1?"


def test_a_document_that_does_not_parse_is_a_finding_and_the_rest_is_judged() -> None:
    text = "a: [\n---\n" + POLICY.format(name="Web")
    assert [(finding.rule, finding.ref is None) for finding in judge(text).findings] == [
        ("PF001", True),
        ("PF010", False),
    ]


def test_P05_a_whole_number_with_a_point_passes_through_kubectl() -> None:
    text = json.dumps({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}})
    spec = '{"ingress": [{"ports": [{"port": %s}]}]}'
    whole, fraction = (f'{text[:-1]}, "spec": {spec % number}}}' for number in ("8e1", "80.5"))
    assert judge(whole).stored[0]["spec"] == {
        "podSelector": {},
        "ingress": [{"ports": [{"port": 80, "protocol": "TCP"}]}],
        "policyTypes": ["Ingress"],
    }
    assert [finding.rule for finding in judge(fraction).findings] == ["PF002"]


def test_yaml_that_begins_like_json_is_told_and_judged() -> None:
    text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: Web}}\n"
    assert {finding.rule for finding in judge(text).findings} == {"PF008", "PF010"}


def test_the_namespace_of_the_reference_is_the_given_one_unless_it_names_its_own() -> None:
    text = POLICY.format(name="A") + "---\n" + POLICY.format(name="B\n  namespace: own")
    refs = [finding.ref for finding in judge(text, "shop").findings]
    assert [ref.namespace if ref else "" for ref in refs] == ["shop", "own"]


def test_two_objects_of_one_name_are_named_both() -> None:
    finding = only(POLICY.format(name="web") + "---\n" + POLICY.format(name="web"))
    assert (finding.rule, finding.severity.value, line_of(finding)) == ("PF214", "warning", 8)
    assert "a.yaml:1:1" in finding.message


def test_two_generated_names_are_two_objects() -> None:
    text = POLICY.format(name="x").replace("name: x", "generateName: web-")
    assert judge(text + "---\n" + text).findings == ()


def test_a_pod_that_cannot_be_read_is_a_finding() -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels: {a: 1}\n"
    finding = only(text)
    assert (finding.rule, finding.path, line_of(finding)) == ("PF007", "metadata.labels.a", 5)


@pytest.mark.parametrize(
    "metadata", ["5", "[]", "text", "{name: [a]}", "{name: {}}", "{namespace: 7, name: a}", "{labels: x}"]
)
@pytest.mark.parametrize("kind", ["NetworkPolicy", "ClusterNetworkPolicy"])
def test_broken_metadata_is_a_finding_and_never_a_crash(metadata: str, kind: str) -> None:
    group = "networking.k8s.io/v1" if kind == "NetworkPolicy" else "policy.networking.k8s.io/v1alpha2"
    assert judge(f"apiVersion: {group}\nkind: {kind}\nmetadata: {metadata}\nspec: {{}}\n").findings
