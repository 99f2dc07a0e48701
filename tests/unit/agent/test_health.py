"""Living, being ready, and the port that says so."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from podfence.agent.health import FAILING_IS_UNREADY_S, SILENT_IS_DEAD_S, Health, HealthServer, health_app
from podfence.agent.interface import Applied
from podfence.agent.metrics import Metrics
from podfence.model.error import PodfenceError
from tests.unit.flows.records import ACCEPTED, DENIED

# dashboards and alerts live by these (facts: dataplane 5)
NAMES = (
    "podfence_policy_apply_seconds_bucket",
    "podfence_pod_program_seconds_bucket",
    'podfence_nft_txn_seconds_count{kind="full"}',
    "podfence_nft_errors_total",
    "podfence_drift_repairs_total",
    "podfence_generation",
    "podfence_classes",
    "podfence_sets",
    "podfence_elements",
    "podfence_fail_closed_drops_total",
    'podfence_flows_total{direction="ingress",verdict="drop"} 1.0',
    "podfence_nflog_lost_total",
    "podfence_ct_events_lost_total",
    "process_resident_memory_bytes",
)


class Clock:
    """Seconds that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def test_an_agent_is_ready_when_the_cluster_is_known_and_committed(health: Health) -> None:
    assert health.not_ready() == "the cluster is not known completely yet"
    health.synced()
    assert health.not_ready() == "nothing is committed yet"
    health.failed("nft: no")
    assert health.not_ready() == "nothing is committed yet: nft: no"
    health.committed()
    assert health.not_ready() == ""


def test_failing_is_forgiven_for_a_while_and_forgotten_with_success(health: Health, clock: Clock) -> None:
    health.synced()
    health.committed()
    for clock.now_s in (0.0, FAILING_IS_UNREADY_S - 1):
        health.failed("nft: no")
    assert health.not_ready() == ""
    clock.now_s = FAILING_IS_UNREADY_S
    assert health.not_ready() == "commits have failed for 30 s: nft: no"
    health.committed()
    assert health.not_ready() == ""


def test_an_agent_whose_loop_hangs_is_not_live(health: Health, clock: Clock) -> None:
    clock.now_s = SILENT_IS_DEAD_S + 1
    assert health.not_live() == "the loop has not run for 61 s"
    health.beat()
    assert health.not_live() == ""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(health: Health, metrics: Metrics) -> Iterator[HealthServer]:
    server = HealthServer("127.0.0.1", 0, health_app(health, metrics.registry))
    yield server
    server.close()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_port_answers_live_ready_and_metrics(server: HealthServer, health: Health, metrics: Metrics) -> None:
    assert get(server, "/livez") == (200, "ok\n")
    assert get(server, "/readyz") == (503, "the cluster is not known completely yet\n")
    health.synced()
    health.committed()
    metrics.committed(Applied("full", 1, {}), 0.01)
    metrics.logged(DENIED)
    assert get(server, "/readyz") == (200, "ok\n")
    assert get(server, "/")[0] == 404
    status, text = get(server, "/metrics")
    assert status == 200
    assert [name for name in NAMES if name not in text] == []


def test_the_port_may_be_one_of_ipv6(health: Health, metrics: Metrics) -> None:
    server = HealthServer("::1", 0, health_app(health, metrics.registry))
    with urllib.request.urlopen(f"http://[::1]:{server.port}/livez", timeout=10) as answer:
        assert answer.read() == b"ok\n"
    server.close()


def test_a_port_that_is_taken_is_refused_in_one_line(server: HealthServer, health: Health, metrics: Metrics) -> None:
    with pytest.raises(PodfenceError, match=r"cannot listen on 127\.0\.0\.1:[0-9]+: address already in use"):
        HealthServer("127.0.0.1", server.port, health_app(health, metrics.registry))


def test_drops_that_no_policy_asked_for_are_counted_apart(metrics: Metrics) -> None:
    for record in (DENIED, ACCEPTED, msgspec.structs.replace(DENIED, isolated_by=(), note="not ready", count=3)):
        metrics.logged(record)
    assert metrics.registry.get_sample_value("podfence_fail_closed_drops_total") == 3
    assert metrics.registry.get_sample_value(
        "podfence_flows_total", {"verdict": "allow", "direction": "ingress"}
    ) == 1  # fmt: skip
