"""Containers of a pod: names, images, ports, and what their parts have wrong (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.names import port_name_complaints
from podfence.manifests.validation.rules.causes import (
    PROTOCOLS,
    Object,
    complaints,
    dns_label,
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    one_of,
    port_number,
    required,
)
from podfence.manifests.validation.rules.environment import validate_environment
from podfence.manifests.validation.rules.probes import validate_probes
from podfence.manifests.validation.rules.resources import validate_resources
from podfence.manifests.validation.rules.security import validate_container_security
from podfence.manifests.validation.rules.volumes import Volumes, validate_mounts

_PULL = ("Always", "IfNotPresent", "Never")
_MESSAGE = ("File", "FallbackToLogsOnError")
_RESTART = ("Always", "Never", "OnFailure")
_RUNNING_ONLY = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")


def validate_containers(spec: Object, field: str, volumes: Volumes) -> Iterator[Cause]:
    """Judge the containers and init containers of a pod."""
    containers = spec.get("containers") or ()
    patience_s = spec.get("terminationGracePeriodSeconds", 30)
    if not containers:
        yield required(f"{field}.containers")
    names: set[str] = set()
    for at, container in enumerate(containers):
        path = f"{field}.containers[{at}]"
        yield from _common(container, path, volumes, spec)
        yield from _name_taken(container, path, names)
        yield from validate_probes(container, path, patience_s)
        yield from _restart_rules(container, path)
    yield from _host_port_conflicts(containers, f"{field}.containers")
    yield from _init_containers(spec, field, volumes, names)
    yield from _ephemeral_containers(spec, field, volumes, names)


def _init_containers(spec: Object, field: str, volumes: Volumes, names: set[str]) -> Iterator[Cause]:
    for at, container in enumerate(spec.get("initContainers") or ()):
        path = f"{field}.initContainers[{at}]"
        yield from _common(container, path, volumes, spec)
        yield from _restart_rules(container, path)
        yield from _name_taken(container, path, names)
        yield from _host_port_conflicts([container], f"{field}.initContainers")
        if container.get("restartPolicy") == "Always":
            yield from validate_probes(container, path, spec.get("terminationGracePeriodSeconds", 30))
            continue
        for name in _RUNNING_ONLY:
            if name in container:
                detail = "may not be set for init containers without restartPolicy=Always"
                yield forbidden(f"{path}.{name}", detail)


_OF_EPHEMERAL = frozenset(
    {
        *("name", "image", "command", "args", "workingDir", "env", "envFrom", "volumeMounts", "volumeDevices"),
        *("terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy", "securityContext"),
        *("stdin", "stdinOnce", "tty", "targetContainerName"),
    }
)
_NOT_OF_EPHEMERAL = "cannot be set for an Ephemeral Container"


def _ephemeral_containers(spec: Object, field: str, volumes: Volumes, names: set[str]) -> Iterator[Cause]:
    lasting = {each.get("name") for kind in ("containers", "initContainers") for each in spec.get(kind) or ()}
    for at, container in enumerate(spec.get("ephemeralContainers") or ()):
        path = f"{field}.ephemeralContainers[{at}]"
        yield from _common(container, path, volumes, spec)
        yield from _name_taken(container, path, names)
        target = container.get("targetContainerName")
        if target and target not in lasting:
            yield not_found(f"{path}.targetContainerName", target)
        for name, entry in container.items():
            if name not in _OF_EPHEMERAL and entry not in ({}, [], None):
                yield forbidden(f"{path}.{name}", _NOT_OF_EPHEMERAL)
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            for name in ("subPath", "subPathExpr"):
                if mount.get(name):
                    yield forbidden(f"{path}.volumeMounts[{number}].{name}", _NOT_OF_EPHEMERAL)


def _name_taken(container: Object, field: str, names: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    if name in names:
        yield duplicate(f"{field}.name", name)
    if name or ".containers[" in field:
        names.add(name)


def _restart_rules(container: Object, field: str) -> Iterator[Cause]:
    policy = container.get("restartPolicy")
    if policy is not None and policy not in _RESTART:
        yield not_supported(f"{field}.restartPolicy", policy, _RESTART)
    if policy is None and container.get("restartPolicyRules"):
        yield required(f"{field}.restartPolicy", "must specify restartPolicy when restart rules are used")


def _common(container: Object, field: str, volumes: Volumes, spec: Object) -> Iterator[Cause]:
    if not container.get("name"):
        yield required(f"{field}.name")
    else:
        yield from dns_label(f"{field}.name", container["name"])
    if not container.get("image"):
        yield required(f"{field}.image")
    yield from one_of(f"{field}.terminationMessagePolicy", container.get("terminationMessagePolicy", ""), _MESSAGE)
    yield from _ports(container.get("ports") or (), f"{field}.ports")
    yield from validate_environment(container, field)
    yield from validate_mounts(container, field, volumes)
    yield from one_of(f"{field}.imagePullPolicy", container.get("imagePullPolicy", ""), _PULL)
    yield from validate_resources(container.get("resources") or {}, f"{field}.resources")
    yield from _resizing(container, f"{field}.resizePolicy", spec)
    yield from validate_container_security(
        container.get("securityContext") or {},
        f"{field}.securityContext",
        host_users=spec.get("hostUsers") is not False,
    )


def _ports(ports: Sequence[Object], field: str) -> Iterator[Cause]:
    names: set[str] = set()
    for at, port in enumerate(ports):
        path = f"{field}[{at}]"
        name = port.get("name", "")
        if name:
            found = list(complaints(f"{path}.name", name, port_name_complaints))
            yield from found
            if not found and name in names:
                yield duplicate(f"{path}.name", name)
            names.update(() if found else (name,))
        if not port.get("containerPort"):
            yield required(f"{path}.containerPort")
        else:
            yield from port_number(f"{path}.containerPort", port["containerPort"])
        if port.get("hostPort"):
            yield from port_number(f"{path}.hostPort", port["hostPort"])
        yield from one_of(f"{path}.protocol", port.get("protocol", ""), PROTOCOLS)


def _host_port_conflicts(containers: Sequence[Object], field: str) -> Iterator[Cause]:
    taken: set[str] = set()
    for at, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            name = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if name in taken:
                yield duplicate(f"{field}[{at}].ports[{number}].hostPort", name)
            taken.add(name)


def _resizing(container: Object, field: str, spec: Object) -> Iterator[Cause]:
    seen: set[str] = set()
    for at, policy in enumerate(container.get("resizePolicy") or ()):
        resource, restart = policy.get("resourceName", ""), policy.get("restartPolicy", "")
        if resource in seen:
            yield duplicate(f"{field}[{at}]", resource)
        seen.add(resource)
        yield from one_of(field, resource, ("cpu", "memory"))
        yield from one_of(field, restart, ("NotRequired", "RestartContainer"))
        if spec.get("restartPolicy") == "Never" and restart != "NotRequired":
            yield invalid(field, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'", named_type=True)


def validate_images(containers: Sequence[Object], field: str) -> Iterator[Cause]:
    """Judge what only a pod's images must keep to, and no template's: no blanks around them."""
    for at, container in enumerate(containers):
        image = container.get("image", "")
        if image != image.strip():
            yield invalid(f"{field}[{at}].image", image, "must not have leading or trailing whitespace")
