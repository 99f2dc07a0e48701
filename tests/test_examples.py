"""The example clusters are what they claim to be, faults included, and the demo walks through the first of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from podfence.cli.main import main
from tests.documents import ROOT

EXAMPLES = ROOT / "examples"

SHOP = (
    ("shop/cart", "shop/redis", "6379", "allow"),
    ("shop/frontend", "shop/redis", "6379", "deny"),
    ("internet", "shop/service/frontend", "80", "allow"),
    ("shop/checkout", "shop/service/payment", "grpc", "allow"),
    ("shop/payment", "203.0.113.10", "443", "allow"),
    ("shop/payment", "internet", "443", "deny"),
    # Wrong on purpose: a port name with a typo, the Service's port, no DNS, a dash, a misspelt field.
    ("shop/frontend", "shop/currency", "grpc", "deny"),
    ("shop/checkout", "shop/service/email", "5000", "deny"),
    ("shop/shipping", "kube-system/service/kube-dns", "53/UDP", "deny"),
    ("monitoring/toolbox", "shop/payment", "metrics", "allow"),
    ("shop/frontend", "shop/recommendation", "grpc", "deny"),
)
MONITORING = (
    ("monitoring/prometheus", "orders/api", "metrics", "allow"),
    ("monitoring/prometheus", "orders/api", "http", "deny"),
    ("monitoring/prometheus", "monitoring/node-exporter", "9100", "allow"),
    ("monitoring/prometheus", "monitoring/kube-state-metrics", "metrics", "allow"),
    ("monitoring/prometheus", "kube-system/coredns", "metrics", "allow"),
    ("monitoring/prometheus", "monitoring/alertmanager", "web", "allow"),
    ("monitoring/alertmanager", "monitoring/alertmanager", "mesh-udp", "allow"),
    ("ingress-nginx/controller", "monitoring/service/grafana", "80", "allow"),
    ("monitoring/grafana", "monitoring/service/prometheus", "9090", "allow"),
    ("monitoring/grafana", "internet", "443", "deny"),
    ("orders/api", "monitoring/prometheus", "9090", "deny"),
    ("internet", "monitoring/node-exporter", "9100", "allow"),
)
TENANTS = (
    ("red/api", "169.254.169.254", "80", "deny"),
    ("platform/gateway", "169.254.169.254", "80", "deny"),
    ("blue/web", "red/api", "8080", "deny"),
    ("platform/gateway", "red/api", "8080", "allow"),
    ("platform/prometheus", "red/api", "8080", "deny"),
    ("platform/prometheus", "red/api", "9090", "allow"),
    ("platform/gateway", "blue/web", "8080", "deny"),
    ("red-jobs/nightly", "red/store", "5432", "allow"),
    ("blue/web", "kube-system/coredns", "53/UDP", "allow"),
    ("red/api", "domain/api.bank.example", "443", "allow"),
    ("red/api", "domain/eu.packages.example", "443", "allow"),
    ("red/api", "internet", "443", "deny"),
)
QUESTIONS = [
    *(("shop", *question) for question in SHOP),
    *(("monitoring", *question) for question in MONITORING),
    *(("tenants", *question) for question in TENANTS),
]


@pytest.mark.parametrize(("example", "source", "destination", "port", "expected"), QUESTIONS)
def test_the_example_allows_and_denies_what_it_claims(
    example: str, source: str, destination: str, port: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["why", source, destination, port, str(EXAMPLES / example), "-q", "-o", "json"])
    assert json.loads(capsys.readouterr().out)["verdict"] == expected
    assert code == (0 if expected == "allow" else 1)


@pytest.mark.parametrize(
    ("example", "rules"),
    [("shop", ["PF160", "PF180", "PF190", "PF003", "PF101"]), ("monitoring", []), ("tenants", [])],
)
def test_check_finds_what_is_wrong_with_the_example_on_purpose_and_nothing_else(
    example: str, rules: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", str(EXAMPLES / example), "-o", "json"])
    listed = json.loads(capsys.readouterr().out)["findings"]
    assert [item["rule"] for item in listed if item["severity"] != "info"] == rules


def test_a_tenant_can_be_refused_by_any_tier(capsys: pytest.CaptureFixture[str]) -> None:
    tiers = {}
    for source, destination in (("blue/web", "red/api"), ("red/api", "red/store"), ("platform/gateway", "blue/web")):
        main(["why", source, destination, "9", str(EXAMPLES / "tenants"), "-o", "json"])
        tiers[source] = json.loads(capsys.readouterr().out)["ingress"]["tier"]
    assert tiers == {"blue/web": "Admin", "red/api": "NetworkPolicy", "platform/gateway": "Baseline"}


def test_the_demo_works_in_an_empty_home_and_leaves_no_trace(tmp_path: Path) -> None:
    before = digest()
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "PYTHONUTF8": "1"},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ALLOWED  shop/checkout → shop/service/email" in done.stdout
    assert "\x1b[" not in done.stdout
    assert digest() == before
    assert list(tmp_path.iterdir()) == []


def digest() -> str:
    files = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_the_hints_at_the_end_of_the_demo_are_commands_that_answer() -> None:
    text = (EXAMPLES / "demo.py").read_text("utf-8")
    for question in ("why shop/frontend shop/currency grpc", "why shop/shipping kube-system/service/kube-dns 53/UDP"):
        assert question in text
        assert main([*question.split(), str(EXAMPLES / "shop"), "-q"]) == 1
