"""Leases, Events and Nodes: what the cluster itself writes (k8s.io/kubernetes pkg/apis)."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.cidr import parse_sloppy
from podfence.manifests.validation.names import (
    label_value_complaints,
)
from podfence.manifests.validation.rules.addresses import legacy_block
from podfence.manifests.validation.rules.causes import (
    Object,
    complaints,
    duplicate,
    forbidden,
    invalid,
    not_negative,
    not_supported,
    qualified_name,
    required,
)
from podfence.manifests.validation.rules.interface import Rules
from podfence.manifests.validation.rules.scheduling import EFFECTS


def validate_lease(lease: Object) -> Iterator[Cause]:
    """Judge a Lease."""
    spec = lease.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative("spec.leaseTransitions", spec.get("leaseTransitions"))


def validate_event(event: Object) -> Iterator[Cause]:
    """Judge an Event, in which a new-style one must say more."""
    namespace = (event.get("metadata") or {}).get("namespace", "")
    about = (event.get("involvedObject") or {}).get("namespace", "")
    if event.get("eventTime"):
        yield from _new_event(event)
    # Events about what is in no namespace belong to the default one.
    wrong = about != namespace if about else namespace not in {"default", "kube-system"}
    if wrong:
        yield invalid("involvedObject.namespace", about, "does not match event.namespace")


def _new_event(event: Object) -> Iterator[Cause]:
    component = event.get("reportingComponent", "")
    if not component:
        yield required("reportingComponent")
    yield from qualified_name("reportingComponent", component)
    for name in ("reportingInstance", "action"):
        if not event.get(name):
            yield required(name)


def validate_node(node: Object) -> Iterator[Cause]:
    """Judge a Node."""
    spec = node.get("spec") or {}
    yield from _taints(spec.get("taints") or ())
    blocks = spec.get("podCIDRs") or []
    readable = True
    for at, block in enumerate(blocks):
        found = list(legacy_block(f"spec.podCIDRs[{at}]", block))
        readable = readable and not found
        yield from found
    families = [parsed.bits for block in blocks if (parsed := parse_sloppy(block)) is not None]
    if readable and len(blocks) > 1 and (len(blocks) > 2 or len(set(families)) != len(families)):
        yield invalid("spec.podCIDRs", blocks, "may specify no more than one CIDR for each IP family")


def _update_node(new: Object, old: Object) -> Iterator[Cause]:
    yield from validate_node(new)
    blocks = (old.get("spec") or {}).get("podCIDRs")
    if blocks and (new.get("spec") or {}).get("podCIDRs") != blocks:
        yield forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')


def _taints(taints: tuple[Object, ...] | list[Object]) -> Iterator[Cause]:
    seen: set[tuple[str, str]] = set()
    for at, taint in enumerate(taints):
        field = f"metadata.taints[{at}]"
        key, value, effect = (taint.get(name, "") for name in ("key", "value", "effect"))
        yield from qualified_name(f"{field}.key", key)
        if value:
            yield from complaints(f"{field}.value", value, label_value_complaints)
        if not effect:
            yield required(f"{field}.effect")
        elif effect not in EFFECTS:
            yield not_supported(f"{field}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            shown = {"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")}
            found = duplicate(field, shown)
            detail = "taints must be unique by key and effect pair"
            yield Cause(found.reason, field, f"{found.message}: {detail}", found.rule)
        seen.add((key, effect))


RULES = {
    "v1/Event": Rules(validate_event),
    "v1/Node": Rules(validate_node, _update_node),
    "coordination.k8s.io/v1/Lease": Rules(validate_lease, bare_finalizers=True),
}
