"""``podfence test``: what is expected of connections, in a file, held against manifests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from jsonschema import Draft202012Validator

from podfence.cli.main import main
from podfence.manifests.assertions import TEST_FIELDS, TOP_FIELDS

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "docs" / "connectivity-test.schema.json"

CLUSTER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 7070}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tools, namespace: ops, labels: {app: tools}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cart, namespace: shop}
spec:
  podSelector: {matchLabels: {app: cart}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: front}}}, {ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 7070}]
"""


def run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tests: str, *options: str, cluster: str = CLUSTER
) -> tuple[int, str, str]:
    """Hold some tests (the items of the list) against the cluster; gives exit code, output and complaints."""
    (tmp_path / "cluster.yaml").write_text(cluster, encoding="utf-8")
    path = tmp_path / "tests.yaml"
    path.write_text(f"apiVersion: podfence/v1\nkind: ConnectivityTest\ntests:\n{tests}", encoding="utf-8")
    code = main(["test", str(path), "--against", str(tmp_path / "cluster.yaml"), *options])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("{from: [shop/front], to: [shop/cart], ports: [7070], expect: allow}", 0),
        ("{from: shop/front, to: shop/cart, ports: 7070, expect: allow}", 0),
        ("{from: [shop/front], to: [shop/service/cart], ports: [80], expect: allow}", 0),
        ("{from: [shop/front], to: [shop/cart], ports: [http], expect: allow}", 0),
        ("{from: [shop/front, ops/tools], to: [shop/cart], ports: [7070], expect: allow}", 1),
        ("{from: [shop/front, ops/tools], to: [shop/cart], ports: [7070], expect: deny}", 1),
        ("{from: [ops/tools], to: [shop/cart], ports: [7070], expect: deny}", 0),
        ("{from: [ops/tools], to: [shop/cart], expect: deny}", 0),
        ("{from: [shop/front], to: [shop/cart], expect: allow}", 1),
        ("{from: [shop/front], to: [shop/cart], expect: deny}", 1),
        ("{from: [shop/cart], to: [shop/front], expect: allow}", 0),
        ("{from: [shop/front, 203.0.113.0/24], to: [shop/cart], ports: [7070], expect: allow, only: true}", 0),
        ("{from: [shop/front], to: [shop/cart], ports: [7070], expect: allow, only: true}", 1),
        ("{from: [shop/front, 203.0.113.0/25], to: [shop/cart], ports: [7070], expect: allow, only: true}", 1),
        ("{from: [203.0.113.0/24], to: [shop/cart], ports: [7070], expect: allow, only: true}", 1),
        ("{from: [shop/front, 203.0.113.0/24], to: [shop/service/cart], expect: allow, only: true}", 0),
    ],
)
def test_allow_wants_every_pair_deny_wants_none_and_only_wants_nobody_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, test: str, code: int
) -> None:
    assert run(capsys, tmp_path, f"- {test}\n")[0] == code


def test_a_failure_names_the_test_its_line_and_why(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tests = "- {name: tools stay in, from: [ops/tools], to: [shop/cart], ports: [7070], expect: allow}\n"
    code, text, _ = run(capsys, tmp_path, tests)
    first, _, head, flaw, *why = text.splitlines()
    assert code == 1
    assert first == "FAILED  1 of 1 test."
    assert head == f"{tmp_path}/tests.yaml:4:3  FAILED  tools stay in"
    assert flaw == "  ops/tools → shop/cart 7070: denied, expected allowed".replace("7070", "TCP 7070")
    assert any("isolated by cart" in line for line in why)


def test_who_else_gets_in_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tests = "- {from: [shop/front], to: [shop/cart], ports: [7070], expect: allow, only: true}\n"
    text = run(capsys, tmp_path, tests)[1]
    assert "nobody else should reach shop/cart 7070, but can: 203.0.113.0/24" in text


@pytest.mark.parametrize("block", ["0.0.0.0/0", "203.0.113.0/25", "203.0.113.0/24", "203.0.112.0/23"])
def test_a_block_is_denied_only_if_all_of_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path, block: str) -> None:
    tests = f"- {{from: [{block}], to: [shop/cart], ports: [7070], expect: deny}}\n"
    code, text, _ = run(capsys, tmp_path, tests)
    assert code == 1
    assert f"{block} → shop/cart TCP 7070: allowed, expected denied" in text
    assert "all" not in re.findall(r"Note +(\w+)", text)


def test_a_block_of_which_nothing_is_allowed_is_denied(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tests = "- {from: [203.0.112.0/24], to: [shop/cart], ports: [7070], expect: deny}\n"
    assert run(capsys, tmp_path, tests)[0] == 0


def test_what_hangs_on_an_unknown_address_is_not_held_to_be_denied(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    block = CLUSTER.replace("203.0.113.0/24", "10.0.0.0/8")
    tests = "- {from: [ops/tools], to: [shop/cart], ports: [7070], expect: deny}\n"
    code, text, _ = run(capsys, tmp_path, tests, cluster=block)
    assert code == 1
    assert "ops/tools → shop/cart TCP 7070: perhaps allowed, expected denied" in text
    assert "it depends on the address of tools" in text
    assert run(capsys, tmp_path, tests, "--pod-cidr", "172.16.0.0/12", cluster=block)[0] == 0


def test_why_one_of_the_others_gets_in_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tests = "- {from: [shop/front], to: [shop/cart], ports: [7070], expect: allow, only: true}\n"
    text = run(capsys, tmp_path, tests)[1]
    assert re.search(r"entering +shop/cart +allowed +by cart, rule \d", text)


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        ("{from: [a/b], to: [a/c], expects: allow}", "tests.yaml:4:28: tests[0].expects: no such field"),
        ("{from: [a/b], to: [a/c], expect: maybe}", "tests.yaml:4:28: tests[0].expect: write allow or deny"),
        ("{from: [a/b], to: [a/c]}", "tests.yaml:4:3: tests[0].expect: write allow or deny"),
        ("{from: [], to: [a/c], expect: deny}", "tests.yaml:4:4: tests[0].from: a list is wanted"),
        ("{from: [a/b], to: 7, expect: deny}", "tests.yaml:4:17: tests[0].to: a list is wanted"),
        ("{from: [a/b], to: [a/c], ports: [1.5], expect: deny}", "tests[0].ports: a list is wanted"),
        ("{from: [a/b], to: [a/c], expect: deny, only: true}", "tests[0].only: goes with expect: allow only"),
        ("nothing", "tests[0]: a mapping with from, to, ports and expect is wanted"),
    ],
)
def test_a_file_that_is_no_test_is_refused_with_its_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, test: str, complaint: str
) -> None:
    code, text, error = run(capsys, tmp_path, f"- {test}\n")
    assert (code, text) == (2, "")
    assert complaint in error
    assert not validated(yaml.safe_load(test))


def test_a_name_that_resolves_to_nothing_is_an_error_and_the_other_tests_are_judged(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tests = (
        "- {from: [shop/frnt], to: [shop/cart], expect: deny}\n- {from: [ops/tools], to: [shop/cart], expect: deny}\n"
    )
    code, text, _ = run(capsys, tmp_path, tests, "-o", "json")
    found = json.loads(text)
    assert code == 2
    assert found["summary"] == {"passed": 1, "failed": 0, "error": 1}
    assert "shop/front" in found["tests"][0]["error"]


def test_a_failure_carries_its_verdict_in_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tests = "- {from: [ops/tools], to: [shop/cart], ports: [7070], expect: allow}\n"
    failure = json.loads(run(capsys, tmp_path, tests, "-o", "json")[1])["tests"][0]["failures"][0]
    assert (failure["why"]["kind"], failure["why"]["verdict"]) == ("Verdict", "deny")


def test_junit_counts_what_failed_and_survives_any_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tests = (
        '- {name: "a < b & \\u0001", from: [ops/tools], to: [shop/cart], ports: [7070], expect: allow}\n'
        "- {from: [ops/tools], to: [shop/cart], expect: deny}\n"
    )
    suite = ET.fromstring(run(capsys, tmp_path, tests, "-o", "junit")[1].encode())[0]  # noqa: S314 (our own text)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert suite[0].get("name") == "a < b & �"
    assert suite[0][0].tag == "failure"
    assert "isolated by cart" in (suite[0][0].text or "")


@pytest.mark.parametrize("example", ["shop", "monitoring", "tenants"])
def test_what_init_writes_holds_and_notices_a_change(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, example: str
) -> None:
    folder = str(ROOT / "examples" / example)
    assert main(["test", "--init", "--against", folder, "-q"]) == 0
    path = tmp_path / "first.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert validated(yaml.safe_load(path.read_text("utf-8"))["tests"][0])
    assert main(["test", str(path), "--against", folder, "-q"]) == 0
    opened = tmp_path / "open.yaml"
    rule = "{namespaceSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}"
    opened.write_text(
        "\n---\n".join(
            f"{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: x, namespace: {namespace}}}, "
            f"spec: {{podSelector: {{}}, ingress: [{{from: [{rule}]}}]}}}}"
            for namespace in ("shop", "monitoring", "red")
        ),
        encoding="utf-8",
    )
    assert main(["test", str(path), "--against", folder, "--against", str(opened), "-q"]) == 1


def validated(test: object) -> bool:
    """Tell whether the published schema takes a test."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    file = {"apiVersion": "podfence/v1", "kind": "ConnectivityTest", "tests": [test]}
    return bool(Draft202012Validator(schema).is_valid(file))


def test_the_schema_knows_the_fields_that_are_read() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert tuple(schema["properties"]) == TOP_FIELDS
    assert tuple(schema["properties"]["tests"]["items"]["properties"]) == TEST_FIELDS


def test_no_file_is_written_where_nothing_is_isolated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text(CLUSTER.rsplit("---", 1)[0], "utf-8")
    assert main(["test", "--init", "--against", str(tmp_path / "pods.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("podfence: no test to write: ")
