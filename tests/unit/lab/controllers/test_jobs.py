"""Jobs and CronJobs: until enough has succeeded, or too much has failed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from podfence.lab.controllers.cron import parse_schedule
from podfence.lab.controllers.cronjobs import CRONJOBS, CronJobController
from podfence.lab.controllers.jobs import JOBS, JobController
from podfence.lab.controllers.pods import PODS
from podfence.lab.interface import Object
from tests.unit.lab.controllers.cluster import Cluster, template, true_conditions


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(lambda s: JobController(s, s.clock), lambda s: CronJobController(s, s.clock))
    cluster.kubelet.phase_of = lambda _: "Succeeded"
    return cluster


def job(**spec: object) -> Object:
    full = {"template": template(), "parallelism": 1, "completions": 1, "backoffLimit": 2, **spec}
    full = {name: value for name, value in full.items() if value is not None}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "sum"}, "spec": full}


def test_a_job_is_complete_when_enough_pods_have_succeeded(cluster: Cluster) -> None:
    cluster.apply(JOBS, job(completions=5, parallelism=2))
    cluster.settle()
    status = cluster.status(JOBS, "sum")
    assert status["succeeded"] == 5
    assert true_conditions(status)["Complete"] == "CompletionsReached"
    assert status["completionTime"]
    assert len(cluster.names(PODS)) == 5
    labels = cluster.store.list(PODS)[0]["metadata"]["labels"]
    assert labels["job-name"] == labels["batch.kubernetes.io/job-name"] == "sum"


def test_never_more_pods_run_than_may(cluster: Cluster) -> None:
    cluster.kubelet.phase_of = lambda _: "Running"
    cluster.apply(JOBS, job(completions=5, parallelism=2))
    cluster.settle()
    assert len(cluster.names(PODS)) == 2
    assert cluster.status(JOBS, "sum")["active"] == 2


def test_failures_are_tried_again_later_and_not_for_ever(cluster: Cluster) -> None:
    cluster.kubelet.phase_of = lambda _: "Failed"
    cluster.apply(JOBS, job())
    cluster.settle()
    assert len(cluster.names(PODS)) == 1
    cluster.pass_time(10)
    assert len(cluster.names(PODS)) == 2
    cluster.pass_time(20)
    status = cluster.status(JOBS, "sum")
    assert len(cluster.names(PODS)) == 3
    assert true_conditions(status)["Failed"] == "BackoffLimitExceeded"


def test_a_deadline_ends_what_runs(cluster: Cluster) -> None:
    cluster.kubelet.phase_of = lambda _: "Running"
    cluster.apply(JOBS, job(activeDeadlineSeconds=30))
    cluster.settle()
    cluster.pass_time(31)
    assert true_conditions(cluster.status(JOBS, "sum"))["Failed"] == "DeadlineExceeded"
    assert cluster.names(PODS) == []


def test_a_pod_that_was_cleaned_up_stays_counted(cluster: Cluster) -> None:
    cluster.apply(JOBS, job(completions=2))
    while cluster.status(JOBS, "sum").get("succeeded") != 1:
        cluster.settle(kubelet=False)
        cluster.kubelet.sync()
    cluster.store.delete(PODS, "default", cluster.names(PODS)[0], grace_s=0)
    cluster.settle()
    assert cluster.status(JOBS, "sum")["succeeded"] == 2


def test_indexed_completions_happen_once_each(cluster: Cluster) -> None:
    cluster.apply(JOBS, job(completions=4, parallelism=3, completionMode="Indexed"))
    cluster.settle()
    status = cluster.status(JOBS, "sum")
    assert status["completedIndexes"] == "0-3"
    assert sorted(one["spec"]["hostname"] for one in cluster.store.list(PODS)) == [f"sum-{i}" for i in range(4)]


def test_a_suspended_job_runs_nothing_until_it_is_resumed(cluster: Cluster) -> None:
    cluster.apply(JOBS, job(suspend=True))
    cluster.settle()
    assert cluster.names(PODS) == []
    cluster.apply(JOBS, job(suspend=False))
    cluster.settle()
    assert "Complete" in true_conditions(cluster.status(JOBS, "sum"))


def test_an_ended_job_goes_when_its_time_to_live_is_over(cluster: Cluster) -> None:
    cluster.apply(JOBS, job(ttlSecondsAfterFinished=60))
    cluster.settle()
    assert cluster.names(JOBS) == ["sum"]
    cluster.pass_time(61)
    assert cluster.names(JOBS) == []


def test_a_cron_job_starts_a_job_each_time_and_keeps_the_last(cluster: Cluster) -> None:
    spec = {"schedule": "*/5 * * * *", "jobTemplate": {"spec": job()["spec"]}, "successfulJobsHistoryLimit": 2}
    cluster.apply(CRONJOBS, {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"}, "spec": spec})
    cluster.settle()
    assert cluster.names(JOBS) == []
    for _ in range(4):
        cluster.pass_time(300)
    assert cluster.names(JOBS) == ["tick-30000015", "tick-30000020"]
    assert cluster.status(CRONJOBS, "tick")["lastScheduleTime"] == "2027-01-15T08:20:00Z"


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("* * * * *", "2026-01-01 00:00:30", "2026-01-01 00:01"),
        ("30 4 1,15 * 5", "2026-01-02 05:00", "2026-01-09 04:30"),
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("15-45/15 8-9 * jan-feb mon", "2026-02-24 00:00", "2027-01-04 08:15"),
        ("@daily", "2026-12-31 23:59", "2027-01-01 00:00"),
        ("0 0 * * 7", "2026-01-01 00:00", "2026-01-04 00:00"),
    ],
)
def test_schedules_come_true_as_cron_reads_them(schedule: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert parse_schedule(schedule).next_after(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "schedule", ["", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "x * * * *", "5-1 * * * *"]
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_schedule(schedule)


def test_a_day_that_never_comes_is_none() -> None:
    assert parse_schedule("0 0 30 2 *").next_after(datetime(2026, 1, 1, tzinfo=UTC)) is None
