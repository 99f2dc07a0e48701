"""Jobs, CronJobs and autoscalers (pkg/apis/batch, pkg/apis/autoscaling)."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause, Reason
from podfence.manifests.validation.names import dns_label_complaints, path_segment_complaints
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    domain_prefixed_path,
    forbidden,
    invalid,
    not_negative,
    not_supported,
    one_of,
    one_of_if_given,
    required,
    too_long,
)
from podfence.manifests.validation.rules.cron import schedule_complaint
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.pods import validate_template, warn_of_template
from podfence.manifests.validation.rules.selecting import is_readable, misfit, selects
from podfence.manifests.validation.selectors import validate_selector

_MODES = ("NonIndexed", "Indexed")
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_COUNTS = (
    *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
    *("backoffLimitPerIndex", "maxFailedIndexes"),
)
_UID_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")
_MOST_PARALLEL = 100_000
_LONGEST_CRON_NAME = 52


def validate_job(job: Object) -> Iterator[Cause]:
    """Judge a Job whose selector the server has generated, unless it is the user's own."""
    spec = job.get("spec") or {}
    yield from _generated_selector(job)
    yield from validate_job_spec(spec, "spec")
    selector = spec.get("selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if selector is None:
        yield required("spec.selector")
    yield from validate_selector(selector or {}, "spec.selector")
    if selector is None or (is_readable(selector) and not selects(selector, labels or {})):
        yield misfit("spec.template.metadata.labels", labels)


def _generated_selector(job: Object) -> Iterator[Cause]:
    spec = job.get("spec") or {}
    if spec.get("manualSelector"):
        return
    uid = (job.get("metadata") or {}).get("uid", "")
    selector = spec.get("selector")
    if selector is None:
        return
    if selector != {"matchLabels": {_UID_LABELS[1]: uid}}:
        shown = {**selector, "matchLabels": dict(sorted((selector.get("matchLabels") or {}).items()))}
        yield invalid("spec.selector", shown, "`selector` not auto-generated")


def validate_job_spec(spec: Object, field: str) -> Iterator[Cause]:
    """Judge the spec of a job, also that in a CronJob."""
    for name in _COUNTS:
        yield from not_negative(f"{field}.{name}", spec.get(name))
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        yield required(f"{field}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if "managedBy" in spec:
        yield from domain_prefixed_path(f"{field}.managedBy", spec["managedBy"])
        if len(spec["managedBy"]) > 63:
            yield too_long(f"{field}.managedBy", 63)
    yield from one_of_if_given(f"{field}.completionMode", spec.get("completionMode"), _MODES)
    if spec.get("completionMode") == "Indexed":
        yield from _indexed(spec, field)
    elif spec.get("completionMode", "NonIndexed") == "NonIndexed":
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if name in spec:
                yield invalid(f"{field}.{name}", spec[name], "requires indexed completion mode")
    for at, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or ()):
        yield from _failure_rule(rule, f"{field}.podFailurePolicy.rules[{at}]")
    yield from _replacement(spec, f"{field}.podReplacementPolicy")
    yield from validate_template(spec.get("template") or {}, f"{field}.template")
    yield from _restart_policy(spec, f"{field}.template.spec.restartPolicy")


def _indexed(spec: Object, field: str) -> Iterator[Cause]:
    if "completions" not in spec:
        yield required(f"{field}.completions", "when completion mode is Indexed")
    if spec.get("parallelism", 0) > _MOST_PARALLEL:
        detail = f"must be less than or equal to {_MOST_PARALLEL} when completion mode is Indexed"
        yield invalid(f"{field}.parallelism", spec["parallelism"], detail)
    if spec.get("maxFailedIndexes", 0) > spec.get("completions", 0) and "completions" in spec:
        yield invalid(
            f"{field}.maxFailedIndexes", spec["maxFailedIndexes"], "must be less than or equal to completions"
        )


def _failure_rule(rule: Object, field: str) -> Iterator[Cause]:
    action = rule.get("action", "")
    if not action:
        names = " ".join(f'"{name}"' for name in _ACTIONS)
        yield required(f"{field}.action", f"valid values: [{names}]")
    elif action not in _ACTIONS:
        yield not_supported(f"{field}.action", action, _ACTIONS)
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
    if codes is None and not conditions:
        yield _sentence(field, "specifying one of OnExitCodes and OnPodConditions is required")
    elif codes is not None and conditions:
        yield _sentence(field, "specifying both OnExitCodes and OnPodConditions is not supported")
    if codes is not None:
        yield from one_of(f"{field}.onExitCodes.operator", codes.get("operator", ""), ("In", "NotIn"))


def _sentence(field: str, detail: str) -> Cause:
    """Refuse a rule as a whole; the server shows the sentence where the value would stand."""
    return Cause(Reason.INVALID, field, f"Invalid value: {detail}", "")


def _replacement(spec: Object, field: str) -> Iterator[Cause]:
    policy = spec.get("podReplacementPolicy")
    if "podFailurePolicy" in spec:
        yield from one_of_if_given(field, policy, ("Failed",))
    else:
        yield from one_of_if_given(field, policy, ("Failed", "TerminatingOrFailed"))


def _restart_policy(spec: Object, field: str) -> Iterator[Cause]:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy", "")
    if policy in {"", "Always"}:
        yield required(field, 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        yield not_supported(field, policy, ("OnFailure", "Never"))
    elif "podFailurePolicy" in spec and policy != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid(field, policy, detail, named_type=True)


def _update_job(new: Object, old: Object) -> Iterator[Cause]:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    # Judged as a new job and as a changed one, and both are listed.
    yield from validate_job(new)
    yield from validate_job(new)
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    for name in ("completions", "selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"):
        if name == "completions" and elastic:
            continue
        if name == "template" and before.get("suspend"):
            continue
        if spec.get(name) != before.get(name):
            yield invalid(f"spec.{name}", spec.get(name), "field is immutable")


def _warn_of_job(job: Object) -> Iterator[str]:
    found = dns_label_complaints((job.get("metadata") or {}).get("name", ""))
    if found:
        yield (
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
            f"a DNS label is recommended: [{' '.join(found)}]"
        )
    yield from warn_of_template((job.get("spec") or {}).get("template") or {}, "spec.template")


def validate_cron_job(cron_job: Object, old: Object | None = None) -> Iterator[Cause]:
    """Judge a CronJob."""
    spec = cron_job.get("spec") or {}
    schedule = spec.get("schedule", "")
    if not schedule:
        yield required("spec.schedule")
    else:
        yield from _schedule(schedule, spec)
    yield from not_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    if "timeZone" in spec and (old is None or (old.get("spec") or {}).get("timeZone") != spec["timeZone"]):
        yield from _time_zone(spec["timeZone"])
    yield from one_of("spec.concurrencyPolicy", spec.get("concurrencyPolicy", ""), ("Allow", "Forbid", "Replace"))
    yield from _job_template(spec.get("jobTemplate") or {}, "spec.jobTemplate.spec")
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    name = (cron_job.get("metadata") or {}).get("name", "")
    if old is None and len(name) > _LONGEST_CRON_NAME:
        yield invalid("metadata.name", name, f"must be no more than {_LONGEST_CRON_NAME} characters")


def _schedule(schedule: str, spec: Object) -> Iterator[Cause]:
    complaint = schedule_complaint(schedule)
    if complaint:
        yield invalid("spec.schedule", schedule, complaint)
    if "TZ" in schedule:
        if "timeZone" in spec:
            yield invalid("spec.schedule", schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule")
        yield invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")


def _time_zone(zone: str) -> Iterator[Cause]:
    field = "spec.timeZone"
    if not zone:
        yield invalid(field, zone, "timeZone must be nil or non-empty string")
    elif zone.casefold() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield invalid(field, zone, detail)
    elif zone not in zoneinfo.available_timezones():
        yield invalid(field, zone, f"unknown time zone {zone}")


def _job_template(template: Object, field: str) -> Iterator[Cause]:
    spec = template.get("spec") or {}
    yield from validate_job_spec(spec, field)
    if "selector" in spec:
        yield invalid(f"{field}.selector", spec["selector"], "`selector` will be auto-generated")
    if spec.get("manualSelector"):
        yield not_supported(f"{field}.manualSelector", value=True, supported=("nil", "false"))


def _update_cron_job(new: Object, old: Object) -> Iterator[Cause]:
    return validate_cron_job(new, old)


def _warn_of_cron_job(cron_job: Object) -> Iterator[str]:
    found = dns_label_complaints((cron_job.get("metadata") or {}).get("name", ""))
    if found:
        yield (
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
            f"a DNS label is recommended: [{' '.join(found)}]"
        )
    job = ((cron_job.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}
    yield from warn_of_template(job.get("template") or {}, "spec.jobTemplate.spec.template")


def validate_autoscaler(autoscaler: Object) -> Iterator[Cause]:
    """Judge an autoscaler of either version."""
    spec = autoscaler.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if least is not None and least < 1:
        yield invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if not most:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    elif most < 1:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to 1")
    if least is not None and most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    yield from _target(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    if least == 0:
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield forbidden("spec.metrics", detail)
    for at, metric in enumerate(spec.get("metrics") or ()):
        yield from _metric(metric, f"spec.metrics[{at}]")
    for way in ("scaleUp", "scaleDown"):
        policy = ((spec.get("behavior") or {}).get(way) or {}).get("selectPolicy")
        yield from one_of_if_given(f"spec.behavior.{way}.selectPolicy", policy, ("Disabled", "Max", "Min"))


def _target(target: Object, field: str) -> Iterator[Cause]:
    for name in ("kind", "name"):
        value = target.get(name, "")
        if not value:
            yield required(f"{field}.{name}")
        else:
            yield from complaints(f"{field}.{name}", value, path_segment_complaints)
    version = target.get("apiVersion", "")
    if "/" not in version and version != "v1":
        yield invalid(f"{field}.apiVersion", version, "apiVersion must specify API group")


_METRICS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}


def _metric(metric: Object, field: str) -> Iterator[Cause]:
    kind = metric.get("type", "")
    if not kind:
        yield required(f"{field}.type", "must specify a metric source type")
    if kind not in _METRICS:
        # Said twice by the server: once for the type, once for what should stand beside it.
        yield not_supported(f"{field}.type", kind, tuple(_METRICS))
        yield not_supported(f"{field}.type", kind, tuple(_METRICS))
    elif _METRICS[kind] not in metric:
        yield required(f"{field}.{_METRICS[kind]}", "must populate information for the given metric source")


RULES = {
    "batch/v1/Job": Rules(validate_job, _update_job, _warn_of_job, metadata_as_new=True),
    "batch/v1/CronJob": Rules(validate_cron_job, _update_cron_job, _warn_of_cron_job),
    "autoscaling/v1/HorizontalPodAutoscaler": Rules(validate_autoscaler),
    "autoscaling/v2/HorizontalPodAutoscaler": Rules(validate_autoscaler),
}
