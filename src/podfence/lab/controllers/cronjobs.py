"""CronJob → Jobs at their times (``pkg/controller/cronjob``). Time zones are not known: schedules are in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from podfence.lab.controllers.clock import Clock, seconds, timestamp
from podfence.lab.controllers.conditions import is_true
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.cron import Schedule, at, parse_schedule
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.jobs import JOBS, is_ended
from podfence.lab.controllers.ownership import owned, owner_keys, owner_reference
from podfence.lab.controllers.status import write_status
from podfence.lab.interface import Object, ObjectStore, Resource

CRONJOBS: Final = Resource("batch", "cronjobs")

_MOST_MISSED = 100


class CronJobController:
    """Starts Jobs on time, and forgets old ones."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "cronjob-controller", clock)

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: CronJobs, and Jobs of theirs."""
        return {CRONJOBS: own_key, JOBS: owner_keys("CronJob")}

    def reconcile(self, key: Key) -> float | None:
        """Start what is due, and say when the next is."""
        cron_job = self._store.get(CRONJOBS, key.namespace, key.name)
        if cron_job is None or cron_job["metadata"].get("deletionTimestamp"):
            return None
        jobs = owned(self._store, JOBS, cron_job)
        self._forget(cron_job, jobs)
        status = dict(cron_job.get("status") or {})
        again_s = None if cron_job["spec"].get("suspend") else self._start(cron_job, jobs, status)
        active = [job for job in owned(self._store, JOBS, cron_job) if not is_ended(job)]
        status["active"] = [_reference(job) for job in active]
        done = [job["status"]["completionTime"] for job in jobs if (job.get("status") or {}).get("completionTime")]
        if done:
            status["lastSuccessfulTime"] = max(done)
        write_status(self._store, CRONJOBS, cron_job, status)
        return again_s

    def _start(self, cron_job: Object, jobs: Sequence[Object], status: Object) -> float | None:
        try:
            schedule = parse_schedule(cron_job["spec"]["schedule"])
        except ValueError as error:
            self._events.warning(cron_job, "UnparseableSchedule", f"unparseable schedule: {error}")
            return None
        now_s = self._clock()
        since = status.get("lastScheduleTime") or cron_job["metadata"]["creationTimestamp"]
        due = _last_due(schedule, seconds(since), now_s)
        if due is not None and self._may_start(cron_job, jobs, due):
            self._create(cron_job, due)
            status["lastScheduleTime"] = timestamp(due.timestamp())
        coming = schedule.next_after(at(now_s))
        return max(0.01, coming.timestamp() - now_s) if coming is not None else None

    def _may_start(self, cron_job: Object, jobs: Sequence[Object], due: datetime) -> bool:
        spec = cron_job["spec"]
        limit_s = spec.get("startingDeadlineSeconds")
        if limit_s is not None and due.timestamp() + limit_s < self._clock():
            return False
        active, policy = [job for job in jobs if not is_ended(job)], spec.get("concurrencyPolicy", "Allow")
        if active and policy == "Forbid":
            return False
        if policy == "Replace":
            for job in active:
                self._delete(job)
        return True

    def _create(self, cron_job: Object, due: datetime) -> None:
        metadata, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]
        written = template.get("metadata") or {}
        scheduled = {"batch.kubernetes.io/cronjob-scheduled-timestamp": timestamp(due.timestamp())}
        name = f"{metadata['name']}-{int(due.timestamp()) // 60}"
        job: Object = {"apiVersion": "batch/v1", "kind": "Job", "spec": dict(template["spec"])}
        job["metadata"] = {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": dict(written.get("labels") or {}),
            "annotations": {**(written.get("annotations") or {}), **scheduled},
            "ownerReferences": [owner_reference(cron_job)],
        }
        if self._store.get(JOBS, metadata["namespace"], name) is None:
            self._store.create(JOBS, metadata["namespace"], job)
            self._events.normal(cron_job, "SuccessfulCreate", f"Created job {name}")

    def _forget(self, cron_job: Object, jobs: Sequence[Object]) -> None:
        spec = cron_job["spec"]
        limits = {
            "Complete": spec.get("successfulJobsHistoryLimit", 3),
            "Failed": spec.get("failedJobsHistoryLimit", 1),
        }
        for kind, limit in limits.items():
            ended = [job for job in jobs if is_true((job.get("status") or {}).get("conditions"), kind)]
            ended.sort(key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"]))
            for job in ended[: max(0, len(ended) - limit)]:
                self._delete(job)

    def _delete(self, job: Object) -> None:
        metadata = job["metadata"]
        self._store.delete(JOBS, metadata["namespace"], metadata["name"], uid=metadata["uid"])


def _last_due(schedule: Schedule, since_s: float, now_s: float) -> datetime | None:
    """Give the last time that has come since the last start; what was missed before it is not made up for."""
    due, moment = None, at(since_s)
    for _ in range(_MOST_MISSED):
        coming = schedule.next_after(moment)
        if coming is None or coming.timestamp() > now_s:
            break
        due = moment = coming
    return due


def _reference(job: Object) -> Object:
    metadata = job["metadata"]
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "namespace": metadata["namespace"]}
    return reference | {"uid": metadata["uid"]}
