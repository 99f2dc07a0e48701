"""Volumes of pods and the places where containers mount them (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podfence.manifests.validation.cause import Cause
from podfence.manifests.validation.quantity import parse_quantity
from podfence.manifests.validation.rules.causes import (
    Object,
    dns_label,
    dns_subdomain,
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    one_of_if_given,
    required,
)
from podfence.manifests.validation.rules.environment import (
    VOLUME_FIELDS,
    validate_field_reference,
    validate_resource_reference,
)

_ORDER = (
    *("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi"),
    *("glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc"),
    *("flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume"),
    *("azureDisk", "storageos", "projected", "scaleIO", "csi", "ephemeral", "image"),
)
_HOST_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_LEAST_TOKEN_SECONDS, _MOST_TOKEN_SECONDS = 600, 1 << 32
Volumes = Mapping[str, Object]


def validate_volumes(spec: Object, field: str, pod_name: str) -> tuple[list[Cause], Volumes]:
    """Judge the volumes of a pod; gives what is wrong and, by name, those that are fine and may be mounted."""
    causes: list[Cause] = []
    fine: dict[str, Object] = {}
    for at, volume in enumerate(spec.get("volumes") or ()):
        found = list(_volume(volume, f"{field}[{at}]", fine, pod_name))
        causes += found
        if not found:
            fine[volume.get("name", "")] = volume
    return causes, fine


def _volume(volume: Object, field: str, fine: Volumes, pod_name: str) -> Iterator[Cause]:
    kinds = [kind for kind in _ORDER if kind in volume]
    if kinds:
        yield from _source(kinds[0], volume[kinds[0]], f"{field}.{kinds[0]}")
    for kind in kinds[1:]:
        yield forbidden(f"{field}.{kind}", "may not specify more than 1 volume type")
    name = volume.get("name", "")
    if "ephemeral" in volume and pod_name and name:
        for cause in dns_subdomain(f"{field}.name", f"{pod_name}-{name}"):
            complaint = cause.message.partition('": ')[2]
            yield invalid(f"{field}.name", name, f'PVC name "{pod_name}-{name}": {complaint}')
    if not name:
        yield required(f"{field}.name")
    else:
        yield from dns_label(f"{field}.name", name)
    if name in fine:
        yield duplicate(f"{field}.name", name)


def _source(kind: str, source: Object, field: str) -> Iterator[Cause]:
    match kind:
        case "emptyDir":
            if "sizeLimit" in source and parse_quantity(source["sizeLimit"]).value < 0:
                yield forbidden(f"{field}.sizeLimit", "SizeLimit field must be a valid resource quantity")
        case "hostPath":
            yield from validate_host_path(source, field)
        case "secret" | "configMap":
            name = "secretName" if kind == "secret" else "name"
            yield from _needed(source, field, name)
            yield from _mode(source, field, "defaultMode")
            yield from _items(source, field)
        case "downwardAPI":
            yield from _mode(source, field, "defaultMode")
            for item in source.get("items") or ():
                # The server leaves out the number of the item.
                yield from _downward_item(item, field)
        case "projected":
            yield from _mode(source, field, "defaultMode")
            yield from _projections(source, field)
        case _:
            yield from _plain_source(kind, source, field)


_NEEDED = {
    "persistentVolumeClaim": ("claimName",),
    "gitRepo": ("repository",),
    "csi": ("driver",),
    "ephemeral": ("volumeClaimTemplate",),
    "image": ("reference",),
    "iscsi": ("targetPortal", "iqn"),
    "glusterfs": ("endpoints", "path"),
    "cinder": ("volumeID",),
    "vsphereVolume": ("volumePath",),
    "portworxVolume": ("volumeID",),
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "flexVolume": ("driver",),
    "azureFile": ("secretName", "shareName"),
    "azureDisk": ("diskName", "diskURI"),
}


def _plain_source(kind: str, source: Object, field: str) -> Iterator[Cause]:
    if kind == "nfs":
        yield from validate_nfs(source, field)
    yield from _needed(source, field, *_NEEDED.get(kind, ()))


def _needed(source: Object, field: str, *names: str) -> Iterator[Cause]:
    for name in names:
        if not source.get(name):
            yield required(f"{field}.{name}")


def validate_nfs(source: Object, field: str) -> Iterator[Cause]:
    """Judge a directory of a file server."""
    yield from _needed(source, field, "server", "path")
    if not source.get("path", "").startswith("/"):
        yield invalid(f"{field}.path", source.get("path", ""), "must be an absolute path")


def validate_host_path(source: Object, field: str) -> Iterator[Cause]:
    """Judge a directory of the node."""
    path = source.get("path", "")
    if not path:
        yield required(f"{field}.path")
        return
    yield from no_backsteps(path, f"{field}.path")
    yield from one_of_if_given(f"{field}.type", source.get("type"), _HOST_TYPES)


def no_backsteps(path: str, field: str) -> Iterator[Cause]:
    """Refuse a path that goes up."""
    if ".." in path.split("/"):
        yield invalid(field, path, "must not contain '..'")


def descending_path(path: str, field: str) -> Iterator[Cause]:
    """Refuse a path that is absolute or goes up."""
    if path.startswith("/"):
        yield invalid(field, path, "must be a relative path")
    yield from no_backsteps(path, field)


def _file_path(path: str, field: str) -> Iterator[Cause]:
    yield from descending_path(path, field)
    if path.startswith("..") and not path.startswith("../") and path != "..":
        yield invalid(field, path, "must not start with '..'")


def _mode(source: Object, field: str, name: str) -> Iterator[Cause]:
    mode = source.get(name)
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(f"{field}.{name}", mode, _MODE)


def _items(source: Object, field: str) -> Iterator[Cause]:
    for at, item in enumerate(source.get("items") or ()):
        path = f"{field}.items[{at}]"
        yield from _needed(item, path, "key", "path")
        yield from _file_path(item.get("path", ""), f"{path}.path")
        yield from _mode(item, path, "mode")


def _downward_item(item: Object, field: str) -> Iterator[Cause]:
    yield from _needed(item, field, "path")
    yield from _file_path(item.get("path", ""), f"{field}.path")
    if "fieldRef" in item:
        yield from validate_field_reference(item["fieldRef"], f"{field}.fieldRef", VOLUME_FIELDS)
        if "resourceFieldRef" in item:
            yield invalid(field, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif "resourceFieldRef" in item:
        yield from validate_resource_reference(
            item["resourceFieldRef"], f"{field}.resourceFieldRef", needs_container=True
        )
    else:
        yield required(field, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(item, field, "mode")


def _projections(volume: Object, field: str) -> Iterator[Cause]:
    taken: set[str] = set()
    for at, source in enumerate(volume.get("sources") or ()):
        path = f"{field}.sources[{at}]"
        for kind in ("secret", "configMap"):
            if kind in source:
                yield from _needed(source[kind], f"{path}.{kind}", "name")
                yield from _items(source[kind], f"{path}.{kind}")
                yield from _taken(source[kind], taken, field, source[kind].get("name", ""))
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            yield from _downward_item(item, f"{path}.downwardAPI")
            yield from _taken({"items": [item]}, taken, field, item.get("path", ""))
        if "serviceAccountToken" in source:
            yield from _token(source["serviceAccountToken"], f"{path}.serviceAccountToken", field)
        if len(source) > 1:
            yield forbidden(path, "may not specify more than 1 volume type per source")


def _taken(source: Object, taken: set[str], field: str, shown: str) -> Iterator[Cause]:
    for item in source.get("items") or ():
        path = item.get("path", "")
        if path and path in taken:
            yield invalid(field, shown, "conflicting duplicate paths")
        taken.add(path)


def _token(source: Object, field: str, outer: str) -> Iterator[Cause]:
    seconds = source.get("expirationSeconds", 0)
    if seconds < _LEAST_TOKEN_SECONDS:
        yield invalid(f"{field}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > _MOST_TOKEN_SECONDS:
        yield invalid(f"{field}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    # The server names the volume here, not the source.
    yield from _needed(source, outer, "path")
    yield from _file_path(source.get("path", ""), f"{outer}.path")


def validate_mounts(container: Object, field: str, volumes: Volumes) -> Iterator[Cause]:
    """Judge where a container mounts volumes, as directories or as devices."""
    devices = container.get("volumeDevices") or ()
    yield from _mounts(container, f"{field}.volumeMounts", volumes)
    mounted = {mount.get("name", ""): mount.get("mountPath", "") for mount in container.get("volumeMounts") or ()}
    seen: set[str] = set()
    for at, device in enumerate(devices):
        yield from _device(device, f"{field}.volumeDevices[{at}]", volumes, seen, mounted)


def _mounts(container: Object, field: str, volumes: Volumes) -> Iterator[Cause]:
    devices = {device.get("name", ""): device.get("devicePath", "") for device in container.get("volumeDevices") or ()}
    taken: set[str] = set()
    for at, mount in enumerate(container.get("volumeMounts") or ()):
        path, name, place = f"{field}[{at}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield required(f"{path}.name")
        if name not in volumes:
            yield not_found(f"{path}.name", name)
        if not place:
            yield required(f"{path}.mountPath")
        if place in taken:
            yield invalid(f"{path}.mountPath", place, "must be unique")
        taken.add(place)
        if name in devices:
            yield invalid(f"{path}.name", name, "must not already exist in volumeDevices")
        if place in devices.values():
            yield invalid(f"{path}.mountPath", place, "must not already exist as a path in volumeDevices")
        yield from _mount_options(mount, container, field, path)


def _mount_options(mount: Object, container: Object, field: str, path: str) -> Iterator[Cause]:
    # Most of these name the list and not the entry: that is how the server writes them.
    if mount.get("subPath"):
        yield from descending_path(mount["subPath"], f"{field}.subPath")
    if mount.get("subPathExpr"):
        if mount.get("subPath"):
            yield invalid(f"{path}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive")
        yield from descending_path(mount["subPathExpr"], f"{field}.subPathExpr")
    propagation = mount.get("mountPropagation")
    yield from one_of_if_given(f"{field}.mountPropagation", propagation, _PROPAGATIONS)
    if propagation == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        detail = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(f"{field}.mountPropagation", detail)
    yield from _recursive(mount, f"{field}.recursiveReadOnly")


def _recursive(mount: Object, field: str) -> Iterator[Cause]:
    wanted = mount.get("recursiveReadOnly")
    if wanted is None:
        return
    if wanted not in {"Disabled", "Enabled", "IfPossible"}:
        yield not_supported(field, wanted, ("Disabled", "Enabled", "IfPossible"))
    elif wanted != "Disabled":
        if not mount.get("readOnly"):
            yield forbidden(field, "may only be specified when readOnly is true")
        if mount.get("mountPropagation") not in {None, "None"}:
            yield forbidden(field, "may only be specified when mountPropagation is None or not specified")


def _device(
    device: Object, field: str, volumes: Volumes, seen: set[str], mounted: Mapping[str, str]
) -> Iterator[Cause]:
    name, place = device.get("name", ""), device.get("devicePath", "")
    if not name:
        yield required(f"{field}.name")
    if name and name in seen:
        yield invalid(f"{field}.name", name, "must be unique")
    seen.add(name)
    if name not in volumes:
        yield not_found(f"{field}.name", name)
    elif not {"persistentVolumeClaim", "ephemeral"} & volumes[name].keys():
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield invalid(f"{field}.name", name, detail)
    if not place:
        yield required(f"{field}.devicePath")
    if ".." in place.split("/"):
        yield invalid(f"{field}.devicePath", place, "can not contain backsteps ('..')")
    if name in mounted:
        yield invalid(f"{field}.name", name, "must not already exist in volumeMounts")
    if place in mounted.values():
        yield invalid(f"{field}.devicePath", place, "must not already exist as a path in volumeMounts")
