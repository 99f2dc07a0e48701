"""Workloads: the pods that their templates stand for, and what leads from a pod to its workload.

Pod objects in the input replace the template of their workload; ``convert.assembly`` decides that when all has
been read. Old API versions of a kind have the same fields.
"""

from __future__ import annotations

import msgspec

from podfence.manifests import wire
from podfence.manifests.convert.fields import FieldProblem, FieldProblems, UnreadableField
from podfence.manifests.convert.pods import named_ports, owner_of
from podfence.manifests.convert.selectors import read_selector
from podfence.manifests.convert.sharing import Owner, Shared
from podfence.model.labels import Labels, Selector
from podfence.model.objects import NamedPort

_NO_META = wire.ObjectMeta()
_NO_SPEC = wire.PodSpec()
_NO_TEMPLATE = wire.PodTemplate()


class WorkloadRecord(msgspec.Struct, frozen=True, gc=False):
    """A workload as it was read: its template, how many pods it wants, and its own owner.

    ``count`` is ``None`` for a DaemonSet, which wants one for each node. ``selector`` is only known for a
    Deployment.
    """

    labels: Labels
    named_ports: tuple[NamedPort, ...]
    node: str | None
    host_network: bool
    count: int | None
    owner: Owner | None
    selector: Selector | None = None


def deployment(read: wire.Deployment, shared: Shared, problems: FieldProblems) -> WorkloadRecord:
    """Convert a Deployment; without a selector, as in ``extensions/v1beta1``, it knows its pods by their labels."""
    spec = read.spec or wire.DeploymentSpec()
    count = _count(spec.replicas, "spec.replicas", problems)
    record = _record(read.metadata, spec.template, "spec.template", count, shared, problems)
    return msgspec.structs.replace(record, selector=_selector(spec.selector, record.labels, problems))


def _selector(written: wire.LabelSelector | None, labels: Labels, problems: FieldProblems) -> Selector | None:
    plain = {"matchLabels": dict(labels)} if written is None else _plain_selector(written)
    try:
        return read_selector(plain, "spec.selector", checked=True)
    except UnreadableField as fault:
        problems.append(fault.problem)
        return None


def _plain_selector(written: wire.LabelSelector) -> dict[str, object]:
    return {
        "matchLabels": written.match_labels,
        "matchExpressions": [
            item and {"key": item.key, "operator": item.operator, "values": item.values}
            for item in written.match_expressions or ()
        ],
    }


def replicated(read: wire.Replicated, shared: Shared, problems: FieldProblems) -> WorkloadRecord:
    """Convert a StatefulSet, ReplicaSet or ReplicationController."""
    spec = read.spec or wire.ReplicatedSpec()
    count = _count(spec.replicas, "spec.replicas", problems)
    return _record(read.metadata, spec.template, "spec.template", count, shared, problems)


def daemon_set(read: wire.Replicated, shared: Shared, problems: FieldProblems) -> WorkloadRecord:
    """Convert a DaemonSet, which has one pod on each node."""
    spec = read.spec or wire.ReplicatedSpec()
    return _record(read.metadata, spec.template, "spec.template", None, shared, problems)


def job(read: wire.Job, shared: Shared, problems: FieldProblems) -> WorkloadRecord:
    """Convert a Job; it runs as many pods at once as ``parallelism`` says and ``completions`` needs."""
    return _job(read.metadata, read.spec, "spec", shared, problems)


def cron_job(read: wire.CronJob, shared: Shared, problems: FieldProblems) -> WorkloadRecord:
    """Convert a CronJob; its pods are those of one of its jobs."""
    template = read.spec.job_template if read.spec is not None else None
    spec = template.spec if template is not None else None
    return _job(read.metadata, spec, "spec.jobTemplate.spec", shared, problems)


def _job(
    meta: wire.ObjectMeta | None,
    written: wire.JobSpec | None,
    path: str,
    shared: Shared,
    problems: FieldProblems,
) -> WorkloadRecord:
    spec = written or wire.JobSpec()
    count = _count(spec.parallelism, f"{path}.parallelism", problems)
    if spec.completions is not None:
        count = min(count, max(spec.completions, 0))
    return _record(meta, spec.template, f"{path}.template", count, shared, problems)


def _count(value: int | None, path: str, problems: FieldProblems) -> int:
    if value is None:
        return 1
    if value < 0:
        problems.append(FieldProblem(path, f"{value} is below 0"))
    return max(value, 0)


def _record(
    meta: wire.ObjectMeta | None,
    written: wire.PodTemplate | None,
    path: str,
    count: int | None,
    shared: Shared,
    problems: FieldProblems,
) -> WorkloadRecord:
    template = written or _NO_TEMPLATE
    spec = template.spec or _NO_SPEC
    return WorkloadRecord(
        labels=shared.labels(template.metadata.labels if template.metadata is not None else None),
        named_ports=named_ports(spec, f"{path}.spec", shared, problems),
        node=shared.one(spec.node_name) if spec.node_name else None,
        host_network=bool(spec.host_network),
        count=count,
        owner=owner_of(meta or _NO_META, shared),
    )
