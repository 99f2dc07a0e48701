"""Which ConfigMaps and Secrets a pod needs, as variables or as files. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.lab.interface import Object

Key = tuple[str, str, str]
"""The plural, namespace and name of an object."""


def volume_references(namespace: str, volume: Object) -> frozenset[Key]:
    """Give what a volume shows."""
    parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    return frozenset(key for part in parts for key in _named(namespace, part, ("configMap", "secret")))


def references(pod: Object) -> frozenset[Key]:
    """Give everything that a pod waits for if it is missing."""
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    found = {key for volume in spec.get("volumes") or () for key in volume_references(namespace, volume)}
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        for source in container.get("envFrom") or ():
            found.update(_named(namespace, source, ("configMapRef", "secretRef")))
        for variable in container.get("env") or ():
            found.update(_named(namespace, variable.get("valueFrom") or {}, ("configMapKeyRef", "secretKeyRef")))
    return frozenset(found)


def tells_of_pod(volume: Object) -> bool:
    """Tell whether a volume has files about the pod itself, which its labels and annotations may change."""
    return "downwardAPI" in volume or any(
        "downwardAPI" in source for source in (volume.get("projected") or {}).get("sources") or ()
    )


def _named(namespace: str, source: Object, kinds: tuple[str, str]) -> Iterator[Key]:
    for kind, plural in zip(kinds, ("configmaps", "secrets"), strict=True):
        if kind in source:
            yield plural, namespace, source[kind].get("name") or source[kind].get("secretName") or ""
