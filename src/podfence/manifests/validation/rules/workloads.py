"""Deployments, ReplicaSets, StatefulSets, DaemonSets, replication controllers and budgets (pkg/apis/apps, policy)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.metadata import validate_annotations
from podfence.manifests.validation.names import dns_label_complaints
from podfence.manifests.validation.rules.causes import (
    Object,
    as_go_struct,
    at_most_all,
    count_or_percent,
    dns_label,
    forbidden,
    invalid,
    is_none,
    label_map,
    not_negative,
    not_supported,
    one_of_if_given,
    required,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.pods import validate_template, warn_of_template
from podfence.manifests.validation.rules.selecting import (
    is_readable,
    misfit,
    selects,
    validate_fit,
    validate_own_selector,
)
from podfence.manifests.validation.rules.storage import validate_claim_template
from podfence.manifests.validation.selectors import validate_selector

_IMMUTABLE = "field is immutable"
_UNREADABLE = "invalid label selector"
_STATEFUL_FIELDS = (
    *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
    *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
)


def _template(spec: Object, field: str, kind: str) -> Iterator[Cause]:
    yield from validate_template(spec.get("template") or {}, f"{field}.template")
    pod = (spec.get("template") or {}).get("spec") or {}
    if pod.get("restartPolicy") != "Always":
        yield not_supported(f"{field}.template.spec.restartPolicy", pod.get("restartPolicy", ""), ("Always",))
    if "activeDeadlineSeconds" in pod:
        detail = f"activeDeadlineSeconds in {kind} is not Supported"
        yield forbidden(f"{field}.template.spec.activeDeadlineSeconds", detail)


def _fitting_template(spec: Object, kind: str) -> Iterator[Cause]:
    if is_readable(spec.get("selector") or {}):
        yield from validate_fit(spec, "spec")
        yield from _template(spec, "spec", kind)


def validate_deployment(deployment: Object) -> Iterator[Cause]:
    """Judge a Deployment."""
    spec = deployment.get("spec") or {}
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from validate_own_selector(spec, "spec", "deployment", _UNREADABLE)
    yield from _fitting_template(spec, "ReplicaSet")
    yield from _deployment_strategy(spec.get("strategy") or {}, "spec.strategy")
    for name in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _deployment_strategy(strategy: Object, field: str) -> Iterator[Cause]:
    rolling = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "Recreate":
            if rolling is not None:
                detail = "may not be specified when strategy `type` is 'Recreate'"
                yield forbidden(f"{field}.rollingUpdate", detail)
        case "RollingUpdate":
            yield from _rolling_deployment(rolling or {}, f"{field}.rollingUpdate")
        case _:
            shown = as_go_struct(strategy, "type", "rollingUpdate")
            yield not_supported(field, shown, ("Recreate", "RollingUpdate"))


def _rolling_deployment(rolling: Object, field: str) -> Iterator[Cause]:
    away, extra = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    yield from count_or_percent(f"{field}.maxUnavailable", away)
    yield from count_or_percent(f"{field}.maxSurge", extra)
    if is_none(away) and is_none(extra):
        yield invalid(f"{field}.maxUnavailable", away, "may not be 0 when `maxSurge` is 0")
    yield from at_most_all(f"{field}.maxUnavailable", away)


def _selector_stays(new: Object, old: Object) -> Iterator[Cause]:
    now = (new.get("spec") or {}).get("selector")
    if now != (old.get("spec") or {}).get("selector"):
        yield invalid("spec.selector", now, _IMMUTABLE)


def _update_deployment(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_deployment(new)
    yield from _selector_stays(new, old)


def validate_replica_set(replica_set: Object) -> Iterator[Cause]:
    """Judge a ReplicaSet."""
    spec = replica_set.get("spec") or {}
    for name in ("replicas", "minReadySeconds"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    yield from validate_own_selector(spec, "spec", "deployment", _UNREADABLE)
    yield from _fitting_template(spec, "ReplicaSet")


def _update_replica_set(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_replica_set(new)
    yield from _selector_stays(new, old)


def validate_daemon_set(daemon_set: Object) -> Iterator[Cause]:
    """Judge a DaemonSet."""
    spec = daemon_set.get("spec") or {}
    selector = spec.get("selector")
    yield from validate_selector(selector or {}, "spec.selector")
    yield from validate_fit(spec, "spec")
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, "empty selector is invalid for daemonset")
    yield from _template(spec, "spec", "DaemonSet")
    for name in ("minReadySeconds", "revisionHistoryLimit"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "RollingUpdate":
        yield from _rolling_daemon_set(strategy.get("rollingUpdate") or {}, "spec.updateStrategy.rollingUpdate")
    elif strategy.get("type") != "OnDelete":
        shown = as_go_struct(strategy, "type", "rollingUpdate")
        yield not_supported("spec.updateStrategy", shown, ("RollingUpdate", "OnDelete"))


def _rolling_daemon_set(rolling: Object, field: str) -> Iterator[Cause]:
    for name in ("maxUnavailable", "maxSurge"):
        yield from count_or_percent(f"{field}.{name}", rolling.get(name, 0))
        yield from at_most_all(f"{field}.{name}", rolling.get(name, 0))
    away, extra = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    if not is_none(away) and not is_none(extra):
        yield invalid(f"{field}.maxSurge", extra, "may not be set when maxUnavailable is non-zero")
    elif is_none(away) and is_none(extra):
        yield required(f"{field}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def _update_daemon_set(new: Object, old: Object) -> Iterator[Cause]:
    yield from _selector_stays(new, old)
    yield from validate_daemon_set(new)


def validate_stateful_set(stateful_set: Object, *, is_new: bool = True) -> Iterator[Cause]:
    """Judge a StatefulSet; what can never change again is judged only when it is new."""
    spec = stateful_set.get("spec") or {}
    policy = spec.get("podManagementPolicy")
    if policy not in {"OrderedReady", "Parallel"}:
        detail = "must be 'OrderedReady' or 'Parallel'"
        yield invalid("spec.podManagementPolicy", policy, detail, named_type=True)
    yield from _stateful_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    for name in ("whenDeleted", "whenScaled"):
        kept = (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get(name)
        yield from one_of_if_given(f"spec.persistentVolumeClaimRetentionPolicy.{name}", kept, ("Retain", "Delete"))
    for at, claim in enumerate(spec.get("volumeClaimTemplates") or () if is_new else ()):
        yield from validate_claim_template(claim, f"spec.volumeClaimTemplates[{at}]")
    for name in ("replicas", "minReadySeconds"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    yield from not_negative("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"))
    if is_new and spec.get("serviceName"):
        yield from dns_label("spec.serviceName", spec["serviceName"])
    yield from validate_own_selector(spec, "spec", "statefulset", "")
    yield from _stateful_template(spec)


def _stateful_template(spec: Object) -> Iterator[Cause]:
    template = spec.get("template") or {}
    pod = dict(template.get("spec") or {})
    # The controller sets these itself in every pod.
    for name in ("hostname", "subdomain"):
        pod.pop(name, None)
    claims = [(claim.get("metadata") or {}).get("name", "") for claim in spec.get("volumeClaimTemplates") or ()]
    if claims:
        others = [volume for volume in pod.get("volumes") or () if volume.get("name") not in claims]
        pod["volumes"] = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims] + others
    judged = {**spec, "template": {**template, "spec": pod}}
    metadata = template.get("metadata") or {}
    if is_readable(spec.get("selector") or {}):
        yield from validate_fit(judged, "spec")
        yield from validate_template(judged["template"], "spec.template")
        yield from label_map("spec.template.labels", metadata.get("labels"))
        yield from validate_annotations(metadata.get("annotations") or {}, "spec.template.annotations")
    if pod.get("restartPolicy") != "Always":
        yield not_supported("spec.template.spec.restartPolicy", pod.get("restartPolicy", ""), ("Always",))
    if "activeDeadlineSeconds" in pod:
        detail = "activeDeadlineSeconds in StatefulSet is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", detail)


def _stateful_strategy(strategy: Object, field: str) -> Iterator[Cause]:
    rolling = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "OnDelete":
            if rolling is not None:
                shown = {"Partition": rolling.get("partition", 0), "MaxUnavailable": rolling.get("maxUnavailable")}
                yield invalid(f"{field}.rollingUpdate", shown, "only allowed for updateStrategy 'RollingUpdate'")
        case "RollingUpdate":
            if rolling is not None:
                yield from not_negative(f"{field}.rollingUpdate.partition", rolling.get("partition"))
                yield from _stateful_share(rolling.get("maxUnavailable"), f"{field}.rollingUpdate.maxUnavailable")
        case _:
            shown = as_go_struct(strategy, "type", "rollingUpdate")
            yield invalid(field, shown, "must be 'RollingUpdate' or 'OnDelete'")


def _stateful_share(share: int | str | None, field: str) -> Iterator[Cause]:
    if share is None:
        return
    yield from count_or_percent(field, share)
    if is_none(share):
        yield invalid(field, share, "cannot be 0")
    yield from at_most_all(field, share)


def _update_stateful_set(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_stateful_set(new, is_new=False)
    now, then = (
        {name: entry for name, entry in (each.get("spec") or {}).items() if name not in _STATEFUL_FIELDS}
        for each in (new, old)
    )
    if now != then:
        names = ", ".join(f"'{name}'" for name in _STATEFUL_FIELDS[:-1])
        detail = f"updates to statefulset spec for fields other than {names} and 'minReadySeconds' are forbidden"
        yield forbidden("spec", detail)


def validate_controller(controller: Object) -> Iterator[Cause]:
    """Judge a replication controller."""
    spec = controller.get("spec") or {}
    for name in ("minReadySeconds", "replicas"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    selector = spec.get("selector") or {}
    if not selector:
        yield required("spec.selector")
    if spec.get("template") is None:
        yield required("spec.template")
        return
    labels = (spec["template"].get("metadata") or {}).get("labels")
    if selector and not selects({"matchLabels": selector}, labels or {}):
        yield misfit("spec.template.metadata.labels", labels)
    yield from _template(spec, "spec", "ReplicationController")


def _warn(value: Object, *, is_named_pod: bool = True) -> Iterator[str]:
    name = (value.get("metadata") or {}).get("name", "")
    found = dns_label_complaints(name)
    if found and is_named_pod:
        yield (
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; "
            f"a DNS label is recommended: [{' '.join(found)}]"
        )
    yield from warn_of_template((value.get("spec") or {}).get("template") or {}, "spec.template")


def _warn_of_daemon_set(value: Object) -> Iterator[str]:
    return _warn(value, is_named_pod=False)


def _warn_of_stateful_set(value: Object) -> Iterator[str]:
    yield from _warn(value, is_named_pod=False)
    if (value.get("spec") or {}).get("revisionHistoryLimit", 0) < 0:
        yield (
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
        )


def validate_budget(budget: Object) -> Iterator[Cause]:
    """Judge a PodDisruptionBudget."""
    spec = budget.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        shown = as_go_struct(spec, "minAvailable", "selector", "maxUnavailable", "unhealthyPodEvictionPolicy")
        yield invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set")
    for name in ("minAvailable", "maxUnavailable"):
        if name in spec:
            yield from count_or_percent(f"spec.{name}", spec[name])
            yield from at_most_all(f"spec.{name}", spec[name])
    policy = spec.get("unhealthyPodEvictionPolicy")
    yield from one_of_if_given("spec.unhealthyPodEvictionPolicy", policy, ("AlwaysAllow", "IfHealthyBudget"))
    yield from validate_selector(spec.get("selector") or {}, "spec.selector")


RULES = {
    "apps/v1/Deployment": Rules(validate_deployment, _update_deployment, _warn),
    "apps/v1/ReplicaSet": Rules(validate_replica_set, _update_replica_set, _warn),
    "apps/v1/DaemonSet": Rules(validate_daemon_set, _update_daemon_set, _warn_of_daemon_set),
    "apps/v1/StatefulSet": Rules(
        validate_stateful_set, _update_stateful_set, _warn_of_stateful_set, dns_label_complaints
    ),
    "v1/ReplicationController": Rules(validate_controller, warnings=_warn),
    "policy/v1/PodDisruptionBudget": Rules(validate_budget, metadata_again=False),
}
