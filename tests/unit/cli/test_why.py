"""``podfence why`` as a person types it: the answer first, exit codes that scripts can trust, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podfence.cli.main import main
from tests.unit.asking import cluster_policy, network_policy, pod

CART = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: cart-ingress
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: cart
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: frontend
    ports:
    - port: 7071
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "manifests"
    folder.mkdir()
    pods = pod("shop/frontend", app="frontend") + pod("shop/cart", app="cart", ports="http:7070")
    (folder / "pods.yaml").write_text(pods)
    (folder / "cart.yaml").write_text(CART)
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_denied_connection_is_explained_with_its_patch(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "shop/frontend", "shop/cart", "7070", shop.name]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert (
        out
        == """\
DENIED  shop/frontend → shop/cart TCP 7070

  leaving   shop/frontend  allowed  not isolated for egress
  entering  shop/cart      DENIED   isolated by cart-ingress (manifests/cart.yaml:1), no rule matches
  A connection needs both sides: one allows this, the other does not.

  Nearest miss   cart-ingress, rule 1 (manifests/cart.yaml:11)
    peer   ok       podSelector app=frontend
    port   differs  the rule allows TCP 7071, you asked for TCP 7070

  To allow it    below manifests/cart.yaml, line 16:
            - port: 7071
      +     - port: 7070
  Proved: this opens shop/frontend → shop/cart TCP 7070 and changes nothing else.
"""
    )


def test_an_allowed_connection_names_the_rule_of_each_side(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "shop/frontend", "shop/cart", "7071", shop.name]) == 0
    assert (
        capsys.readouterr().out
        == """\
ALLOWED  shop/frontend → shop/cart TCP 7071

  leaving   shop/frontend  allowed  not isolated for egress
  entering  shop/cart      allowed  by cart-ingress, rule 1 (manifests/cart.yaml:11)
"""
    )


def verdict(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(["why", *arguments, "-o", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_json_has_the_keys_of_the_contract(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = verdict(capsys, "shop/frontend", "shop/cart", "7070", shop.name)
    assert list(found) == [
        *("apiVersion", "kind", "verdict", "source", "destination", "port"),
        *("egress", "ingress", "suggestion", "reason"),
    ]
    assert (found["apiVersion"], found["kind"], found["verdict"]) == ("podfence/v1", "Verdict", "deny")
    assert (found["source"], found["destination"]) == ("shop/Pod/frontend", "shop/Pod/cart")
    assert found["port"] == {"protocol": "TCP", "port": 7070}
    assert found["egress"] == {
        "verdict": "allow",
        "tier": "Default",
        "isolatedBy": [],
        "decidedBy": None,
        "nearestMisses": [],
    }
    ref: dict[str, Any] = {
        "kind": "NetworkPolicy",
        "namespace": "shop",
        "name": "cart-ingress",
        "file": "manifests/cart.yaml",
    }
    assert found["ingress"] == {
        "verdict": "deny",
        "tier": "NetworkPolicy",
        "isolatedBy": [{"ref": ref | {"line": 1, "column": 1}}],
        "decidedBy": None,
        "nearestMisses": [
            {
                "ref": ref | {"line": 11, "column": 5},
                "path": "spec.ingress[0]",
                "misses": [{"what": "port", "wanted": "TCP 7071", "got": "TCP 7070"}],
            }
        ],
    }


def test_the_suggestion_is_a_manifest_that_makes_the_answer_yes(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = ("shop/frontend", "shop/cart", "7070", shop.name)
    suggestion = verdict(capsys, *question)["suggestion"]
    (shop / "cart.yaml").write_text(suggestion)
    found = verdict(capsys, *question)
    assert (found["verdict"], found["suggestion"]) == ("allow", None)
    assert found["ingress"]["decidedBy"]["path"] == "spec.ingress[0]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("shop/frontend", "shop/crat", "80"),
            "shop/crat: no such workload, pod or service in manifests; did you mean shop/cart?",
        ),
        (("shop/frontend", "shop/cart", "99999"), "'99999' is no port"),
        (("shop/frontend", "shop/cart", "grpc"), "declared: http (TCP 7070)"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_2(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["why", *arguments, shop.name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("paths", [(), ("missing.yaml",)])
def test_without_input_there_is_no_answer(
    shop: Path, capsys: pytest.CaptureFixture[str], paths: tuple[str, ...]
) -> None:
    assert shop.exists()
    assert main(["why", "a/b", "a/c", "80", *paths]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_namespace_may_be_given_once(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "frontend", "cart", "7071", "-n", "shop", shop.name]) == 0
    assert capsys.readouterr().out.startswith("ALLOWED  shop/frontend → shop/cart TCP 7071\n")


def test_what_the_server_would_refuse_is_said_once_and_the_answer_stands(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = network_policy("shop/odd", "  podSelector: {}\n  ingress: [{from: [{podSelector: {matchLables: {}}}]}]")
    (shop / "odd.yaml").write_text(odd)
    assert main(["why", "shop/frontend", "shop/cart", "7071", shop.name]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ALLOWED")
    assert err.count("odd.yaml") >= 1
    assert main(["why", "shop/frontend", "shop/cart", "7071", shop.name, "--strict"]) == 2
    assert capsys.readouterr().out.startswith("ALLOWED")


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        (
            cluster_policy("odd", "Admin", 5, "  ingress: [{action: Allow, from: [{namespaces: {}}]}]"),
            "ClusterNetworkPolicy odd at spec.ingress[0].action (manifests/odd.yaml:8)",
        ),
        (
            network_policy("shop/odd", "  podSelector: {}\n  policyTypes: [Inbound]"),
            "NetworkPolicy odd at spec.policyTypes[0] (manifests/odd.yaml:6)",
        ),
    ],
)
def test_what_is_decided_by_a_field_that_cannot_be_read_says_so(
    shop: Path, capsys: pytest.CaptureFixture[str], policy: str, place: str
) -> None:
    (shop / "odd.yaml").write_text(policy)
    (shop / "cart.yaml").unlink()
    assert main(["why", "shop/frontend", "shop/cart", "7070", shop.name]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"the API server refuses {place}; what cannot be read fails closed, so that it opens nothing." in said
    (shop / "odd.yaml").write_text(policy.replace("namespaces: {}", "namespaces: {matchLabels: {a: b}}", 1))
    reason = verdict(capsys, "shop/frontend", "shop/cart", "7070", shop.name)["reason"]
    assert ("API server refuses" in reason) is policy.startswith("apiVersion: networking.k8s.io")


def test_both_formats_can_be_had_at_once(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "shop/frontend", "shop/cart", "7070", shop.name, "-o", "text", "-o", "json=v.json"]) == 1
    assert capsys.readouterr().out.startswith("DENIED")
    assert json.loads((tmp_path / "v.json").read_text())["verdict"] == "deny"


def test_colours_say_nothing_that_the_words_do_not(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["why", "shop/frontend", "shop/cart", "7070", shop.name])
    plain = capsys.readouterr().out
    main(["why", "shop/frontend", "shop/cart", "7070", shop.name, "--color", "always"])
    coloured = capsys.readouterr().out
    assert coloured != plain
    for code in ("31", "32", "36", "1", "2", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_manifests_come_through_a_pipe(shop: Path) -> None:
    text = "---\n".join(path.read_text() for path in sorted(shop.iterdir()))
    command = [sys.executable, "-m", "podfence", "why", "shop/frontend", "shop/cart", "7070", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 1
    assert b"in spec.ingress[0].ports of cart-ingress, -:" in done.stdout


def test_without_memory_for_a_proof_the_answer_stands_and_no_patch_is_shown(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", "shop/frontend", "shop/cart", "7070", shop.name, "--max-memory", "1K"]) == 1
    out, _ = capsys.readouterr()
    assert out.startswith("DENIED")
    assert "No patch       no change could be proved: about" in out
    assert "To allow it" not in out
