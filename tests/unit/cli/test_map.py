"""``podfence map`` as a person types it: answers on standard output, everything else on standard error."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path

import pytest

from podfence.cli.main import main

MANIFESTS = """\
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
spec: {containers: [{name: c, image: i}]}
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
  - from: [{podSelector: {matchLabels: {app: front}}}]
    ports: [{port: 7070}]
"""
REFUSED = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: broken, namespace: ops}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 99999}]
"""


@pytest.fixture
def manifests(tmp_path: Path) -> str:
    """Write a small cluster."""
    path = tmp_path / "all.yaml"
    path.write_text(MANIFESTS, encoding="utf-8")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["map", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_first_line_answers(capsys: pytest.CaptureFixture[str], manifests: str) -> None:
    code, out, err = run(capsys, manifests)
    assert (code, err) == (0, "")
    assert out.startswith("3 workloads in 2 namespaces; 1 isolated for ingress, 0 for egress. 5 of 6 pairs connect.\n")


@pytest.mark.parametrize(
    ("by", "ids"),
    [
        ("pod", ["ops/Pod/tools", "shop/Pod/cart", "shop/Pod/front-0", "shop/Pod/front-1"]),
        ("workload", ["ops/Pod/tools", "shop/Deployment/front", "shop/Pod/cart"]),
        ("namespace", ["namespace/ops", "namespace/shop"]),
    ],
)
def test_by_chooses_the_endpoints(capsys: pytest.CaptureFixture[str], manifests: str, by: str, ids: list[str]) -> None:
    document = json.loads(run(capsys, manifests, "--by", by, "-o", "json")[1])
    assert [endpoint["id"] for endpoint in document["endpoints"] if endpoint["kind"] != "External"] == ids


def test_several_outputs_are_written_at_once(
    capsys: pytest.CaptureFixture[str], manifests: str, tmp_path: Path
) -> None:
    table, page = tmp_path / "map.csv", tmp_path / "map.md"
    code, out, _ = run(capsys, manifests, "-o", f"csv={table}", "-o", f"md={page}", "-o", "dot")
    assert (code, out.split(" ")[0]) == (0, "digraph")
    with table.open(encoding="utf-8", newline="") as file:
        assert ["shop/Deployment/front", "shop/Pod/cart", "TCP 7070"] in list(csv.reader(file))
    assert "| shop/Pod/cart | TCP 7070 | shop/front |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("narrow", [["--focus", "shop/cart"], ["-n", "shop", "--focus", "cart"], ["--exposed"]])
@pytest.mark.parametrize("format_", ["json", "csv", "md", "dot", "mermaid"])
def test_every_format_is_narrowed(
    capsys: pytest.CaptureFixture[str], manifests: str, narrow: list[str], format_: str
) -> None:
    whole = run(capsys, manifests, "-o", format_)[1]
    code, out, _ = run(capsys, manifests, "-o", format_, *narrow)
    assert code == 0
    assert 0 < len(out) < len(whole)


def test_what_the_server_would_refuse_is_said_once_and_changes_nothing_but_under_strict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(MANIFESTS + REFUSED, encoding="utf-8")
    code, out, err = run(capsys, str(path))
    assert code == 0
    assert err.count("99999") == err.count("\n") == 1
    strict, same, _ = run(capsys, str(path), "--strict")
    assert (strict, same) == (2, out)
    assert run(capsys, str(path), "-q")[2] == ""


def test_kinds_that_are_not_used_are_counted_when_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(f"{MANIFESTS}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n", encoding="utf-8")
    assert run(capsys, str(path))[2] == ""
    assert "ConfigMap" in run(capsys, str(path), "-v")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give PATHs"),
        (["missing.yaml"], "missing.yaml"),
        (["ALL", "--focus", "shop/crt"], "shop/crt"),
        (["ALL", "-n", "nowhere"], "nowhere"),
        (["ALL", "--pod-cidr", "x"], "--pod-cidr x"),
        (["ALL", "--pod-cidr", "none", "--pod-cidr", "10.0.0.0/8"], "not both"),
        (["ALL", "--max-memory", "1MiB"], "--max-memory"),
        (["ALL", "-o", "pdf"], "pdf"),
        (["ALL", "-o", "json=/nowhere/x"], "/nowhere/x"),
        (["ALL", "--depth", "0"], "depth"),
        (["ALL", "--depth", "2"], "no effect without --focus"),
        (["ALL", "--by", "namespace", "--focus", "shop"], "write namespace/shop"),
        (["ALL", "--by", "namespace", "-o", "html"], "leave out --by namespace"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], manifests: str, arguments: list[str], said: str
) -> None:
    code, out, err = run(capsys, *(manifests if item == "ALL" else item for item in arguments))
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_input_in_which_nothing_parsed_is_no_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("a: [", encoding="utf-8")
    code, out, err = run(capsys, str(path))
    assert (code, out) == (2, "")
    assert str(path) in err


def test_pod_cidr_decides_whether_a_block_holds_a_pod(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    block = MANIFESTS.replace("podSelector: {matchLabels: {app: front}}}", "ipBlock: {cidr: 10.9.0.0/16}}")
    path.write_text(block, encoding="utf-8")

    def reached(*options: str) -> bool:
        document = json.loads(run(capsys, str(path), "-o", "json", *options)[1])
        pairs = {(item["source"], item["destination"]) for item in document["connections"]}
        return ("ops/Pod/tools", "shop/Pod/cart") in pairs

    assert [reached(), reached("--pod-cidr", "10.9.0.0/16"), reached("--pod-cidr", "none")] == [False, True, False]


@pytest.mark.parametrize("form", ["text", "md", "dot", "mermaid"])
def test_names_never_reach_the_terminal_as_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(MANIFESTS.replace("name: tools", 'name: "to\\x1b[2J\\nols"'), encoding="utf-8")
    assert main(["map", str(path), "-o", form]) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    # Mermaid writes signs as #92; where HTML has &#92;.
    written = html.unescape(captured.out.replace("#", "&#"))
    assert r"to\x1b[2J" in written.replace("\\\\", "\\")
    assert captured.err.count("\n") == 1
