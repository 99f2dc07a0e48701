"""Namespaces, nodes, events, configuration and permissions in tables."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.tables.table import Column, TableColumns
from podfence.lab.apiserver.tables.words import NONE, UNKNOWN, age, age_of, at, name_of

Object = dict[str, Any]

_NAME = Column("Name", format="name")
_AGE = Column("Age")


def _namespace(value: Object, now: float) -> list[Any]:
    return [name_of(value), at(value, "status", "phase") or "", age_of(value, now)]


NAMESPACES = TableColumns((_NAME, Column("Status"), _AGE), _namespace)


def _node(value: Object, now: float) -> list[Any]:
    information = at(value, "status", "nodeInfo") or {}
    listed = at(value, "status", "addresses") or ()
    addresses = {each.get("type"): each.get("address") for each in reversed(listed)}
    wide = [information.get(name) or UNKNOWN for name in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    where = [addresses.get(kind) or NONE for kind in ("InternalIP", "ExternalIP")]
    version = information.get("kubeletVersion", "")
    return [name_of(value), _node_status(value), _roles(value), age_of(value, now), version, *where, *wide]


def _node_status(value: Object) -> str:
    ready = [each for each in at(value, "status", "conditions") or () if each.get("type") == "Ready"]
    words = ["Ready" if each.get("status") == "True" else "NotReady" for each in ready] or ["Unknown"]
    return ",".join([*words, *(["SchedulingDisabled"] if at(value, "spec", "unschedulable") else [])])


def _roles(value: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = value["metadata"].get("labels") or {}
    roles = {key.removeprefix(prefix) for key in labels if key.startswith(prefix) and key != prefix}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return ",".join(sorted(roles)) or NONE


NODES = TableColumns(
    (
        *(_NAME, Column("Status"), Column("Roles"), _AGE, Column("Version")),
        *(
            Column(name, priority=1)
            for name in ("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")
        ),
    ),
    _node,
)


def _event(value: Object, now: float) -> list[Any]:
    involved = value.get("involvedObject") or {}
    reference = f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"
    source = value.get("source") or {}
    origin = source.get("component") or value.get("reportingComponent") or ""
    host = source.get("host") or ""
    series = value.get("series") or {}
    first = value.get("firstTimestamp") or value.get("eventTime")
    last = series.get("lastObservedTime") or value.get("lastTimestamp") or first
    return [
        age(last, now),
        value.get("type", ""),
        value.get("reason", ""),
        reference,
        involved.get("fieldPath", ""),
        f"{origin}, {host}" if host else origin,
        str(value.get("message", "")).strip(),
        age(first, now),
        series.get("count") or value.get("count") or 1,
        name_of(value),
    ]


EVENTS = TableColumns(
    (
        *(Column("Last Seen"), Column("Type"), Column("Reason"), Column("Object")),
        *(Column("Subobject", priority=1), Column("Source", priority=1), Column("Message")),
        *(Column("First Seen", priority=1), Column("Count", type="integer", priority=1)),
        Column("Name", format="name", priority=1),
    ),
    _event,
)


def _config_map(value: Object, now: float) -> list[Any]:
    return [name_of(value), len(value.get("data") or ()) + len(value.get("binaryData") or ()), age_of(value, now)]


CONFIG_MAPS = TableColumns((_NAME, Column("Data"), _AGE), _config_map)


def _secret(value: Object, now: float) -> list[Any]:
    return [name_of(value), value.get("type", ""), len(value.get("data") or ()), age_of(value, now)]


SECRETS = TableColumns((_NAME, Column("Type"), Column("Data"), _AGE), _secret)


def _service_account(value: Object, now: float) -> list[Any]:
    return [name_of(value), len(value.get("secrets") or ()), age_of(value, now)]


SERVICE_ACCOUNTS = TableColumns((_NAME, Column("Secrets"), _AGE), _service_account)


def _lease(value: Object, now: float) -> list[Any]:
    return [name_of(value), at(value, "spec", "holderIdentity") or "", age_of(value, now)]


LEASES = TableColumns((_NAME, Column("Holder"), _AGE), _lease)


def _quota(value: Object, now: float) -> list[Any]:
    hard, used = at(value, "status", "hard") or {}, at(value, "status", "used") or {}
    texts = {name: f"{name}: {used.get(name, '0')}/{limit}" for name, limit in sorted(hard.items())}
    limits = [text for name, text in texts.items() if name.startswith("limits.")]
    requests = [text for text in texts.values() if text not in limits]
    return [name_of(value), ", ".join(requests), ", ".join(limits), age_of(value, now)]


QUOTAS = TableColumns((_NAME, Column("Request"), Column("Limit"), _AGE), _quota)


def _created_at(value: Object, now: float) -> list[Any]:
    del now
    return [name_of(value), value["metadata"].get("creationTimestamp", "")]


CREATED_AT = TableColumns((_NAME, Column("Created At", type="date")), _created_at)


def _binding(value: Object, now: float) -> list[Any]:
    role = value.get("roleRef") or {}
    subjects = value.get("subjects") or ()

    def of_kind(kind: str) -> str:
        names = [
            f"{each.get('namespace', '')}/{each.get('name', '')}" if kind == "ServiceAccount" else each.get("name", "")
            for each in subjects
            if each.get("kind") == kind
        ]
        return ", ".join(names)

    wide = [of_kind(kind) for kind in ("User", "Group", "ServiceAccount")]
    return [name_of(value), f"{role.get('kind', '')}/{role.get('name', '')}", age_of(value, now), *wide]


BINDINGS = TableColumns(
    (_NAME, Column("Role"), _AGE, *(Column(name, priority=1) for name in ("Users", "Groups", "ServiceAccounts"))),
    _binding,
)


def _priority_class(value: Object, now: float) -> list[Any]:
    policy = value.get("preemptionPolicy", "")
    shown = [value.get("value", 0), bool(value.get("globalDefault", False))]
    return [name_of(value), *shown, age_of(value, now), policy]


PRIORITY_CLASSES = TableColumns(
    (_NAME, Column("Value"), Column("Global-Default"), _AGE, Column("PreemptionPolicy")), _priority_class
)


def _webhooks(value: Object, now: float) -> list[Any]:
    return [name_of(value), len(value.get("webhooks") or ()), age_of(value, now)]


WEBHOOKS = TableColumns((_NAME, Column("Webhooks", type="integer"), _AGE), _webhooks)
