"""Job → Pods until enough have succeeded, or too many have failed (``pkg/controller/job``).

Pods carry no tracking finalizer here: the numbers in the status only grow, so a pod that somebody deletes after its
end stays counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from podfence.lab.controllers.clock import Clock, seconds, timestamp
from podfence.lab.controllers.conditions import is_true, with_condition
from podfence.lab.controllers.controller import Key, Keys, own_key
from podfence.lab.controllers.events import EventRecorder
from podfence.lab.controllers.ownership import owned, owner_keys
from podfence.lab.controllers.pods import PODS, from_template, is_active, is_ready, is_terminating
from podfence.lab.controllers.status import write_status
from podfence.lab.interface import Object, ObjectStore, Resource

JOBS: Final = Resource("batch", "jobs")
INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"

_FIRST_BACKOFF_S = 10.0
_LAST_BACKOFF_S = 600.0
_DEFAULT_BACKOFF_LIMIT = 6


class JobController:
    """Runs Jobs to their end."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._events = EventRecorder(store, "job-controller", clock)

    @property
    def watched(self) -> Mapping[Resource, Keys]:
        """Give what matters: Jobs, and pods of theirs."""
        return {JOBS: own_key, PODS: owner_keys("Job")}

    def reconcile(self, key: Key) -> float | None:
        """Take one Job a step further."""
        job = self._store.get(JOBS, key.namespace, key.name)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return None
        status = dict(job.get("status") or {})
        if is_ended(job):
            return self._expire(job)
        now = timestamp(self._clock())
        pods = owned(self._store, PODS, job)
        self._count(job, pods, status)
        if job["spec"].get("suspend"):
            self._suspend(job, pods, status, now)
            return None
        status.setdefault("startTime", now)
        again_s = self._decide(job, pods, status, now)
        write_status(self._store, JOBS, job, status)
        return again_s

    def _decide(self, job: Object, pods: Sequence[Object], status: Object, now: str) -> float | None:
        spec = job["spec"]
        if (failure := self._failure(job, pods, status)) is not None:
            reason, message = failure
            self._stop(job, pods)
            _end(status, (("FailureTarget", reason, message), ("Failed", reason, message)), now)
            self._events.warning(job, reason, message)
            return self._expire(job | {"status": status})
        active = [pod for pod in pods if is_active(pod)]
        if _is_complete(spec, status, active):
            status["completionTime"] = now
            done = ("CompletionsReached", "Reached expected number of succeeded pods")
            _end(status, (("SuccessCriteriaMet", *done), ("Complete", *done)), now)
            self._events.normal(job, "Completed", "Job completed")
            return self._expire(job | {"status": status})
        wait_s = self._backoff_s(pods, status)
        if wait_s <= 0:
            self._fill(job, pods, active, status)
        waits = [wait_s] if wait_s > 0 else []
        if spec.get("activeDeadlineSeconds"):
            waits.append(max(0.01, seconds(status["startTime"]) + spec["activeDeadlineSeconds"] - self._clock()))
        return min(waits, default=None)

    def _count(self, job: Object, pods: Sequence[Object], status: Object) -> None:
        phases = [(pod.get("status") or {}).get("phase") for pod in pods]
        status["active"] = sum(map(is_active, pods))
        status["ready"] = sum(is_ready(pod) and is_active(pod) for pod in pods)
        status["terminating"] = sum(
            is_terminating(pod) and phase not in {"Succeeded", "Failed"}
            for pod, phase in zip(pods, phases, strict=True)
        )
        succeeded = phases.count("Succeeded")
        if _is_indexed(job):
            done = _indexes(status.get("completedIndexes", "")) | {
                _index(pod) for pod, phase in zip(pods, phases, strict=True) if phase == "Succeeded"
            }
            status["completedIndexes"] = _written(done)
            succeeded = len(done)
        status["succeeded"] = max(status.get("succeeded", 0), succeeded)
        status["failed"] = max(status.get("failed", 0), phases.count("Failed"))

    def _failure(self, job: Object, pods: Sequence[Object], status: Object) -> tuple[str, str] | None:
        spec = job["spec"]
        deadline_s = spec.get("activeDeadlineSeconds")
        if deadline_s is not None and self._clock() >= seconds(status["startTime"]) + deadline_s:
            return "DeadlineExceeded", "Job was active longer than specified deadline"
        limit = spec.get("backoffLimit", _DEFAULT_BACKOFF_LIMIT)
        restarts = 0
        if spec["template"]["spec"].get("restartPolicy") == "OnFailure":
            restarts = sum(_restarts(pod) for pod in pods if is_active(pod))
        if status["failed"] > limit or (restarts and restarts >= max(1, limit)):
            return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        return None

    def _backoff_s(self, pods: Sequence[Object], status: Object) -> float:
        """Give how long the next pod must wait after the last failure: 10 s, doubled by each failure."""
        ends = [end for pod in pods if (pod.get("status") or {}).get("phase") == "Failed" and (end := _end_of(pod))]
        if not ends:
            return 0.0
        pause_s = min(_FIRST_BACKOFF_S * 2 ** min(status["failed"] - 1, 10), _LAST_BACKOFF_S)
        return float(max(ends) + pause_s - self._clock())

    def _fill(self, job: Object, pods: Sequence[Object], active: Sequence[Object], status: Object) -> None:
        """Create or delete pods until as many run as should."""
        spec = job["spec"]
        parallelism, completions = spec.get("parallelism", 1), spec.get("completions")
        wanted = parallelism
        if completions is not None:
            wanted = min(parallelism, completions - status["succeeded"])
        elif status["succeeded"]:  # a work queue: after the first success nothing new is begun
            wanted = min(parallelism, len(active))
        terminating = sum(is_terminating(pod) for pod in pods)
        for pod in active[max(0, wanted) :]:
            self._delete(job, pod)
        free = iter(_free_indexes(spec, status, active)) if _is_indexed(job) else None
        for _ in range(wanted - len(active) - (terminating if free is not None else 0)):
            self._create(job, next(free) if free is not None else None)
        status["active"] = max(0, min(wanted, parallelism))

    def _create(self, job: Object, index: int | None) -> None:
        metadata = job["metadata"]
        labels = {"batch.kubernetes.io/job-name": metadata["name"], "job-name": metadata["name"]}
        labels |= {"batch.kubernetes.io/controller-uid": metadata["uid"], "controller-uid": metadata["uid"]}
        pod = from_template(job["spec"]["template"], job, labels=labels)
        pod["metadata"]["generateName"] = f"{metadata['name']}-"
        if index is not None:
            _set_index(pod, metadata["name"], index)
        created = self._store.create(PODS, metadata["namespace"], pod)
        self._events.normal(job, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")

    def _delete(self, job: Object, pod: Object) -> None:
        metadata = pod["metadata"]
        self._store.delete(PODS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        self._events.normal(job, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")

    def _stop(self, job: Object, pods: Sequence[Object]) -> None:
        for pod in pods:
            if is_active(pod):
                self._delete(job, pod)

    def _suspend(self, job: Object, pods: Sequence[Object], status: Object, now: str) -> None:
        self._stop(job, pods)
        status.pop("startTime", None)
        status |= {"active": 0, "ready": 0}
        status["conditions"] = with_condition(
            status.get("conditions"), "Suspended", "JobSuspended", "Job suspended", now, holds=True, lastProbeTime=now
        )
        write_status(self._store, JOBS, job, status)

    def _expire(self, job: Object) -> float | None:
        """Delete a Job that has ended once its time to live is over."""
        lifetime_s = job["spec"].get("ttlSecondsAfterFinished")
        if lifetime_s is None:
            return None
        conditions = (job.get("status") or {}).get("conditions") or ()
        ended = max(seconds(one["lastTransitionTime"]) for one in conditions if one["type"] in {"Complete", "Failed"})
        left_s = ended + lifetime_s - self._clock()
        if left_s > 0:
            return float(left_s)
        self._store.delete(JOBS, job["metadata"]["namespace"], job["metadata"]["name"], uid=job["metadata"]["uid"])
        return None


def is_ended(job: Object) -> bool:
    """Tell whether a Job is complete or has failed."""
    conditions = (job.get("status") or {}).get("conditions")
    return is_true(conditions, "Complete") or is_true(conditions, "Failed")


def _is_complete(spec: Object, status: Object, active: Sequence[Object]) -> bool:
    completions = spec.get("completions")
    if completions is None:
        return bool(status["succeeded"]) and not active
    return int(status["succeeded"]) >= int(completions)


def _end(status: Object, ends: Sequence[tuple[str, str, str]], now: str) -> None:
    for kind, reason, message in ends:
        status["conditions"] = with_condition(
            status.get("conditions"), kind, reason, message, now, holds=True, lastProbeTime=now
        )
    status |= {"active": 0, "ready": 0}


def _is_indexed(job: Object) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def _set_index(pod: Object, job: str, index: int) -> None:
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["generateName"] = f"{job}-{index}-"
    metadata["annotations"] = {**(metadata.get("annotations") or {}), INDEX_ANNOTATION: str(index)}
    metadata["labels"][INDEX_ANNOTATION] = str(index)
    spec.setdefault("hostname", f"{job}-{index}")
    variable = {"name": "JOB_COMPLETION_INDEX", "value": str(index)}
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [one | {"env": [*(one.get("env") or ()), variable]} for one in spec[field]]


def _free_indexes(spec: Object, status: Object, active: Sequence[Object]) -> list[int]:
    taken = _indexes(status.get("completedIndexes", "")) | set(map(_index, active))
    return [index for index in range(spec.get("completions") or 0) if index not in taken]


def _index(pod: Object) -> int:
    return int((pod["metadata"].get("annotations") or {}).get(INDEX_ANNOTATION, -1))


def _indexes(written: str) -> set[int]:
    """Read ``0-2,5`` as the status writes it."""
    found: set[int] = set()
    for part in filter(None, written.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _written(indexes: set[int]) -> str:
    parts: list[list[int]] = []
    for index in sorted(indexes - {-1}):
        if parts and parts[-1][-1] == index - 1:
            parts[-1][1:] = [index]
        else:
            parts.append([index])
    return ",".join("-".join(map(str, part)) for part in parts)


def _restarts(pod: Object) -> int:
    status = pod.get("status") or {}
    return sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ())


def _end_of(pod: Object) -> float | None:
    """Give when the last container of a pod ended."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [((one.get("state") or {}).get("terminated") or {}).get("finishedAt") for one in statuses]
    return max((seconds(end) for end in ends if end), default=None)
