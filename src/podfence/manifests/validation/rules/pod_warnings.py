"""What the server warns of in the spec of a pod (k8s.io/kubernetes pkg/api/pod/warnings.go)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podfence.manifests.validation.cause import quoted
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.addresses import warn_of_address
from podfence.manifests.validation.rules.causes import Object

_OLD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
_OLD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}


def pod_warnings(spec: Object, field: str) -> Iterator[str]:
    """Give the warnings about a pod's spec."""
    for label in spec.get("nodeSelector") or ():
        if label in _OLD_LABELS:
            yield f"{field}.nodeSelector[{label}]: {_OLD_LABELS[label]}"
    yield from _spreading(spec, f"{field}.topologySpreadConstraints")
    yield from _unselecting(spec.get("affinity") or {}, f"{field}.affinity")
    yield from _volumes(spec.get("volumes") or (), f"{field}.volumes")
    yield from _repeats(spec, field)
    yield from _containers(spec, field)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        detail = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{field}.terminationGracePeriodSeconds: {detail}"
    for at, server in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        yield from warn_of_address(f"{field}.dnsConfig.nameservers[{at}]", server)
    for at, alias in enumerate(spec.get("hostAliases") or ()):
        yield from warn_of_address(f"{field}.hostAliases[{at}].ip", alias.get("ip", ""))


def _spreading(spec: Object, field: str) -> Iterator[str]:
    for at, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        key = constraint.get("topologyKey", "")
        if key in _OLD_LABELS:
            yield f"{field}[{at}].topologyKey: {key} is {_OLD_LABELS[key]}"
        if "labelSelector" not in constraint:
            yield f"{field}[{at}].labelSelector: a null labelSelector results in matching no pod"


def _unselecting(affinity: Object, field: str) -> Iterator[str]:
    nothing = "a null labelSelector results in matching no pod"
    for kind in ("podAffinity", "podAntiAffinity"):
        for when in ("required", "preferred"):
            name = f"{when}DuringSchedulingIgnoredDuringExecution"
            for at, term in enumerate((affinity.get(kind) or {}).get(name) or ()):
                path = f"{field}.{kind}.{name}[{at}]"
                if when == "required" and "labelSelector" not in term:
                    yield f"{path}.labelSelector: {nothing}"
                if when == "preferred" and "labelSelector" not in (term.get("podAffinityTerm") or {}):
                    yield f"{path}.podAffinityTerm.labelSelector: {nothing}"


def _volumes(volumes: Sequence[Object], field: str) -> Iterator[str]:
    for at, volume in enumerate(volumes):
        for kind, text in _OLD_VOLUMES.items():
            if kind in volume:
                yield f"{field}[{at}].{'storageOS' if kind == 'storageos' else kind}: {text}"
        if any(not source for source in (volume.get("projected") or {}).get("sources") or ()):
            yield f"volume {quoted(volume.get('name', ''))} (Projected) has no sources provided"


def _repeats(spec: Object, field: str) -> Iterator[str]:
    seen: set[str] = set()
    for at, alias in enumerate(spec.get("hostAliases") or ()):
        address = alias.get("ip", "")
        if address in seen:
            yield f"{field}.hostAliases[{at}].ip: duplicate ip {quoted(address)}"
        seen.add(address)
    names: set[str] = set()
    for at, secret in enumerate(spec.get("imagePullSecrets") or ()):
        name = secret.get("name", "")
        if name in names:
            yield f"{field}.imagePullSecrets[{at}].name: duplicate name {quoted(name)}"
        names.add(name)
        if not name:
            yield f'{field}.imagePullSecrets[{at}].name: invalid empty name ""'


def _containers(spec: Object, field: str) -> Iterator[str]:
    places = [
        (container, f"{field}.{kind}[{at}]")
        for kind in ("initContainers", "containers")
        for at, container in enumerate(spec.get(kind) or ())
    ]
    for container, path in places:
        yield from _fractions(container, path)
        yield from _hidden_variables(container.get("env") or (), f"{path}.env")
    yield from _ports(places)


def _fractions(container: Object, path: str) -> Iterator[str]:
    resources = container.get("resources") or {}
    for name in ("memory", "ephemeral-storage"):
        for way in ("limits", "requests"):
            amount = (resources.get(way) or {}).get(name)
            if amount is not None and parse_quantity(amount).value.denominator != 1:
                detail = f"fractional byte value {quoted(amount)} is invalid, must be an integer"
                yield f"{path}.resources.{way}[{name}]: {detail}"


def _hidden_variables(variables: Sequence[Object], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for at, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value", "")
        reference = f"$({name})"
        if name in seen and ("valueFrom" in variable or value == reference or reference not in value):
            yield f"{path}[{at}]: hides previous definition of {quoted(name)}, which may be dropped when using apply"
        seen.add(name)


def _ports(places: Sequence[tuple[Object, str]]) -> Iterator[str]:
    taken: dict[tuple[int, str], list[tuple[Object, str]]] = {}
    names: dict[str, str] = {}
    repeated = []
    for container, path in places:
        for at, port in enumerate(container.get("ports") or ()):
            field = f"{path}.ports[{at}]"
            if port.get("hostIP") and not port.get("hostPort"):
                yield f"{field}: hostIP set without hostPort: {_as_go_prints(port)}"
            others = taken.setdefault((port.get("containerPort", 0), port.get("protocol", "")), [])
            yield from (text for other in others for text in _clash(port, field, *other))
            others.append((port, field))
            name = port.get("name", "")
            if name in names:
                use = f"services and probes that select ports by name will use {names[name]}"
                repeated.append(f"{field}: duplicate port name {quoted(name)} with {names[name]}, {use}")
            elif name:
                names[name] = field
    yield from repeated


def _as_go_prints(port: Object) -> str:
    names = (("Name", ""), ("HostPort", 0), ("ContainerPort", 0), ("Protocol", ""), ("HostIP", ""))
    shown = (f"{name}:{port.get(f'{name[0].lower()}{name[1:]}', zero)}" for name, zero in names)
    return f"{{{' '.join(shown)}}}"


def _clash(port: Object, field: str, other: Object, other_field: str) -> Iterator[str]:
    here, there = ((each.get("hostIP", ""), each.get("hostPort", 0)) for each in (port, other))
    if here == there:
        yield f"{field}: duplicate port definition with {other_field}"
    elif not here[1] or not there[1]:
        yield f"{field}: overlapping port definition with {other_field}"
    elif here[1] == there[1] and bool(here[0]) != bool(there[0]):
        yield f"{field}: dangerously ambiguous port definition with {other_field}"
