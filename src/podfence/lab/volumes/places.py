"""Where the volumes of a pod lie, in the folder of all volumes, and what is not there as it would be elsewhere. Pure.

Only what Kubernetes itself fills is as in any cluster. The lab has no storage and its nodes have no files, so all other
volumes are empty folders in memory, and nothing of the machine is ever shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from podfence.lab.environment import expand
from podfence.lab.interface import Object
from podfence.lab.orders import Mount
from podfence.lab.volumes.content import SHOWN, ContentError

_IMPOSSIBLE: Final = {
    "File": "a file",
    "Socket": "a socket file",
    "CharDevice": "a character device",
    "BlockDevice": "a block device",
}


class Place(msgspec.Struct, frozen=True):
    """A volume's folder; what is shown is ``inner`` within it. ``remark`` says what an empty one stands for."""

    name: str
    folder: str
    inner: str = ""
    is_read_only: bool = False
    is_file: bool = False
    remark: str = ""


def pod_folder(pod: Object) -> str:
    """Give the folder of the volumes that are a pod's own."""
    metadata = pod["metadata"]
    return f"pods/{metadata.get('uid') or metadata['namespace'] + '_' + metadata['name']}"


def claim_folder(namespace: str, claim: str) -> str:
    """Give the folder of a claim, which all pods share that use it."""
    return f"claims/{namespace}/{claim}"


def place(pod: Object, volume: Object) -> Place:
    """Say where a volume of a pod lies; raises ``ContentError`` for one that no node of the lab can have."""
    name, own = volume["name"], f"{pod_folder(pod)}/{volume['name']}"
    kind = next((kind for kind in volume if kind != "name"), "emptyDir")
    source = volume.get(kind) or {}
    if kind == "emptyDir":
        return Place(name, own)
    if kind in SHOWN:
        return Place(name, own, is_read_only=True)
    if kind == "hostPath":
        return _host_path(name, source, pod["spec"].get("nodeName", ""))
    if kind == "persistentVolumeClaim":
        claim = source["claimName"]
        remark = f'the lab has no storage: claim "{claim}" is an empty folder in memory that lasts as long as the lab'
        folder = claim_folder(pod["metadata"]["namespace"], claim)
        return Place(name, folder, is_read_only=bool(source.get("readOnly")), remark=_remark(name, remark))
    return Place(name, own, remark=_remark(name, f"the lab has no {kind}: it is an empty folder in memory"))


def mounts(places: Mapping[str, Place], container: Object, environment: Mapping[str, str]) -> tuple[Mount, ...]:
    """Say what a container shows of its pod's volumes, and where."""
    found = []
    for one in container.get("volumeMounts") or ():
        where = places[one["name"]]
        inside = expand(one["subPathExpr"], environment) if one.get("subPathExpr") else one.get("subPath") or ""
        found.append(
            Mount(
                name=where.name,
                path=one["mountPath"],
                folder=where.folder,
                inner="/".join(part for part in (where.inner, inside) if part),
                read_only=where.is_read_only or bool(one.get("readOnly")),
                is_file=where.is_file,
            )
        )
    return tuple(found)


def _host_path(name: str, source: Object, node: str) -> Place:
    path, kind = source["path"], source.get("type") or ""
    if kind in _IMPOSSIBLE:
        raise ContentError(f"hostPath type check failed: {path} is not {_IMPOSSIBLE[kind]}")
    what = "file" if kind == "FileOrCreate" else "folder"
    remark = f"nodes of the lab have no files: {path} is an empty {what} that the pods of {node} share"
    return Place(name, f"nodes/{node}", path.strip("/"), is_file=what == "file", remark=_remark(name, remark))


def _remark(name: str, text: str) -> str:
    return f'Volume "{name}": {text}'
