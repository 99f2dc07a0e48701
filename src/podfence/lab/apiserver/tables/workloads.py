"""Deployments and the other kinds that make pods, in tables."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.names import seconds_of
from podfence.lab.apiserver.tables.table import Column, TableColumns
from podfence.lab.apiserver.tables.words import (
    NONE,
    UNKNOWN,
    age,
    age_of,
    at,
    containers_text,
    duration,
    label_text,
    name_of,
    selector_text,
)

Object = dict[str, Any]

_NAME = Column("Name", format="name")
_AGE = Column("Age")
_WIDE = (Column("Containers", priority=1), Column("Images", priority=1))
_SELECTOR = Column("Selector", priority=1)


def _number(name: str) -> Column:
    return Column(name, type="integer", format="int32")


def _count(value: Object, *names: str) -> int:
    return int(at(value, *names) or 0)


def _desired(value: Object) -> int:
    found = at(value, "spec", "replicas")
    return 1 if found is None else int(found)


def _template(value: Object) -> tuple[str, str]:
    return containers_text(at(value, "spec", "template"))


def _deployment(value: Object, now: float) -> list[Any]:
    counts = [_count(value, "status", name) for name in ("updatedReplicas", "availableReplicas")]
    ready = f"{_count(value, 'status', 'readyReplicas')}/{_desired(value)}"
    wide = (*_template(value), selector_text(at(value, "spec", "selector")))
    return [name_of(value), ready, *counts, age_of(value, now), *wide]


DEPLOYMENTS = TableColumns(
    (_NAME, Column("Ready"), _number("Up-to-date"), _number("Available"), _AGE, *_WIDE, _SELECTOR), _deployment
)


def _replicas(value: Object, now: float) -> list[Any]:
    counts = [_desired(value), _count(value, "status", "replicas"), _count(value, "status", "readyReplicas")]
    selector = at(value, "spec", "selector")
    # A ReplicationController's selector is a plain label set.
    chosen = label_text(selector) if value["kind"] == "ReplicationController" else selector_text(selector)
    return [name_of(value), *counts, age_of(value, now), *_template(value), chosen]


REPLICAS = TableColumns(
    (_NAME, _number("Desired"), _number("Current"), _number("Ready"), _AGE, *_WIDE, _SELECTOR), _replicas
)


def _stateful_set(value: Object, now: float) -> list[Any]:
    ready = f"{_count(value, 'status', 'readyReplicas')}/{_desired(value)}"
    return [name_of(value), ready, age_of(value, now), *_template(value)]


STATEFUL_SETS = TableColumns((_NAME, Column("Ready"), _AGE, *_WIDE), _stateful_set)

_DAEMON_COUNTS = (
    *("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled"),
    "numberAvailable",
)


def _daemon_set(value: Object, now: float) -> list[Any]:
    counts = [_count(value, "status", name) for name in _DAEMON_COUNTS]
    node_selector = label_text(at(value, "spec", "template", "spec", "nodeSelector"))
    wide = (*_template(value), selector_text(at(value, "spec", "selector")))
    return [name_of(value), *counts, node_selector, age_of(value, now), *wide]


DAEMON_SETS = TableColumns(
    (
        _NAME,
        *map(_number, ("Desired", "Current", "Ready", "Up-to-date", "Available")),
        Column("Node Selector"),
        _AGE,
        *_WIDE,
        _SELECTOR,
    ),
    _daemon_set,
)


def _job(value: Object, now: float) -> list[Any]:
    wide = (*_template(value), selector_text(at(value, "spec", "selector")))
    return [name_of(value), _job_status(value), _completions(value), _job_time(value, now), age_of(value, now), *wide]


def _job_status(value: Object) -> str:
    true = {each.get("type") for each in at(value, "status", "conditions") or () if each.get("status") == "True"}
    for condition, word in (("Complete", "Complete"), ("Failed", "Failed")):
        if condition in true:
            return word
    if value["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for condition in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if condition in true:
            return condition
    return "Running"


def _completions(value: Object) -> str:
    succeeded = _count(value, "status", "succeeded")
    wanted = at(value, "spec", "completions")
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    parallelism = _count(value, "spec", "parallelism")
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_time(value: Object, now: float) -> str:
    start, end = at(value, "status", "startTime"), at(value, "status", "completionTime")
    if not start:
        return ""
    return duration((seconds_of(end) if end else now) - seconds_of(start))


JOBS = TableColumns((_NAME, Column("Status"), Column("Completions"), Column("Duration"), _AGE, *_WIDE, _SELECTOR), _job)


def _cron_job(value: Object, now: float) -> list[Any]:
    spec = value.get("spec") or {}
    last = at(value, "status", "lastScheduleTime")
    template = at(spec, "jobTemplate", "spec")
    shown = [
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(at(value, "status", "active") or ()),
        age(last, now) if last else NONE,
    ]
    wide = (*containers_text(at(template, "template")), selector_text(at(template, "selector")))
    return [name_of(value), *shown, age_of(value, now), *wide]


CRON_JOBS = TableColumns(
    (
        _NAME,
        *map(Column, ("Schedule", "Timezone", "Suspend")),
        Column("Active", type="integer"),
        Column("Last Schedule"),
        _AGE,
        *_WIDE,
        _SELECTOR,
    ),
    _cron_job,
)


def _budget(value: Object, now: float) -> list[Any]:
    limits = [at(value, "spec", name) for name in ("minAvailable", "maxUnavailable")]
    shown = ["N/A" if limit is None else str(limit) for limit in limits]
    return [name_of(value), *shown, _count(value, "status", "disruptionsAllowed"), age_of(value, now)]


BUDGETS = TableColumns(
    (_NAME, Column("Min Available"), Column("Max Unavailable"), Column("Allowed Disruptions", type="integer"), _AGE),
    _budget,
)


def _autoscaler(value: Object, now: float) -> list[Any]:
    spec = value.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    reference = f"{target.get('kind', '')}/{target.get('name', '')}"
    minimum = spec.get("minReplicas")
    limits = [str(minimum) if minimum is not None else "<unset>", spec.get("maxReplicas", 0)]
    return [
        name_of(value),
        reference,
        _metrics(value),
        *limits,
        _count(value, "status", "currentReplicas"),
        age_of(value, now),
    ]


def _metrics(value: Object) -> str:
    """Write what is measured and wanted; nothing in a lab measures, unless somebody writes it into the status."""
    current = {at(each, "resource", "name"): at(each, "resource", "current") for each in _current_metrics(value)}
    texts = []
    for metric in at(value, "spec", "metrics") or ():
        name, target = at(metric, "resource", "name"), at(metric, "resource", "target") or {}
        if target.get("averageUtilization") is None:
            texts.append(f"{UNKNOWN}/{target.get('averageValue', UNKNOWN)}")
            continue
        measured = at(current.get(name), "averageUtilization")
        texts.append(f"{name}: {UNKNOWN if measured is None else f'{measured}%'}/{target['averageUtilization']}%")
    return ", ".join(texts) or NONE


def _current_metrics(value: Object) -> list[Object]:
    return at(value, "status", "currentMetrics") or []


AUTOSCALERS = TableColumns(
    (
        _NAME,
        Column("Reference"),
        Column("Targets"),
        Column("MinPods"),
        *(Column(name, type="integer") for name in ("MaxPods", "Replicas")),
        _AGE,
    ),
    _autoscaler,
)
