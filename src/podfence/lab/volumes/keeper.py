"""Keeps the volumes of all pods: makes and fills them before containers start, and lets changes of objects reach them.

They lie in memory, in a folder of the lab's ground that this process writes to by a descriptor; they end with the pod,
what outlives pods ends with the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Mapping

import msgspec

from podfence.lab import orders
from podfence.lab.interface import Object
from podfence.lab.orders import Mount
from podfence.lab.volumes.content import SHOWN, ContentError, Files, Lookup, Reader
from podfence.lab.volumes.fields import Fields
from podfence.lab.volumes.folder import make_folders, write_files
from podfence.lab.volumes.places import Place, claim_folder, mounts, place, pod_folder
from podfence.lab.volumes.references import Key, references, tells_of_pod, volume_references
from podfence.lab.zygote_client import Zygote

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class VolumeError(Exception):
    """A volume that cannot be made as things are: in the words of a kubelet's ``FailedMount``."""


class _Kept(msgspec.Struct):
    """The volumes of one pod; ``digests`` are of the files that were written last, by volume."""

    fields: Fields
    places: dict[str, Place]
    digests: dict[str, bytes] = {}


class PodVolumes:
    """The volumes of all pods of a lab."""

    def __init__(self, zygote: Zygote, lookup: Lookup) -> None:
        self._zygote, self._lookup = zygote, lookup
        self._root = -1
        self._kept: dict[str, _Kept] = {}
        self._waiting: dict[asyncio.Event, Object] = {}

    async def prepare(self, fields: Fields) -> list[str]:
        """Make and fill a pod's volumes; gives remarks on those that are not what they would be elsewhere.

        Raises ``VolumeError`` when an object is missing, ``OSError`` when the machine refuses.
        """
        volumes = fields.pod["spec"].get("volumes") or ()
        if not volumes:
            return []
        if self._root < 0:
            await self._open_root()
        kept = self._kept.setdefault(pod_folder(fields.pod), _Kept(fields, {}))
        kept.fields = fields
        for volume in volumes:
            try:
                self._prepare(kept, volume)
            except ContentError as error:
                raise VolumeError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from None
        return [one.remark for one in kept.places.values() if one.remark]

    def mounts(self, pod: Object, container: Object, environment: Mapping[str, str]) -> tuple[Mount, ...]:
        """Say what a container of a prepared pod shows, and where."""
        kept = self._kept.get(pod_folder(pod))
        return () if kept is None else mounts(kept.places, container, environment)

    async def remove(self, pod: Object) -> None:
        """Delete a pod's own volumes, and let go who waits for them; a pod without any is no error."""
        folder = pod_folder(pod)
        for event, waiting in self._waiting.items():
            if pod_folder(waiting) == folder:
                event.set()
        if self._kept.pop(folder, None) is not None:
            await self._zygote.ask(orders.RemoveFolder(folder))

    async def remove_claim(self, claim: Object) -> None:
        """Delete what a claim holds."""
        await self._zygote.ask(
            orders.RemoveFolder(claim_folder(claim["metadata"]["namespace"], claim["metadata"]["name"]))
        )

    def close(self) -> None:
        """Let go of the folder of all volumes."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def object_changed(self, key: Key) -> None:
        """Let a change of a ConfigMap or Secret reach the volumes that show it and those who wait for it."""
        for kept in self._kept.values():
            namespace = kept.fields.pod["metadata"]["namespace"]
            if namespace == key[1]:
                for volume in kept.fields.pod["spec"].get("volumes") or ():
                    if key in volume_references(namespace, volume):
                        self._refresh(kept, volume)
        for event, waiting in self._waiting.items():
            if key in references(waiting):
                event.set()

    def pod_changed(self, pod: Object) -> None:
        """Let a change of a pod's labels or annotations reach its files."""
        kept = self._kept.get(pod_folder(pod))
        if kept is None or not any(tells_of_pod(volume) for volume in pod["spec"].get("volumes") or ()):
            return
        names = ("labels", "annotations")
        old = kept.fields.pod["metadata"]
        if any(pod["metadata"].get(name) != old.get(name) for name in names):
            kept.fields = msgspec.structs.replace(kept.fields, pod=pod)
            for volume in pod["spec"]["volumes"]:
                if tells_of_pod(volume):
                    self._refresh(kept, volume)

    @contextlib.contextmanager
    def awaited(self, pod: Object) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever an object changes that a pod refers to, or its volumes are removed."""
        event = asyncio.Event()
        self._waiting[event] = pod
        try:
            yield event
        finally:
            del self._waiting[event]

    async def _open_root(self) -> None:
        (opened,) = await self._zygote.ask(orders.OpenVolumes())
        if self._root < 0:
            self._root = opened
        else:  # another pod was as quick
            os.close(opened)

    def _prepare(self, kept: _Kept, volume: Object) -> None:
        found = place(kept.fields.pod, volume)
        if any(kind in volume for kind in SHOWN):
            self._write(kept, found, volume)
        else:
            # Any user of any container may write here, whatever this process's umask is.
            self._make(found.folder, None if found.folder.startswith("nodes/") else 0o777)
        kept.places[found.name] = found

    def _refresh(self, kept: _Kept, volume: Object) -> None:
        """Write a volume again; where something is missing now, what was there stays, as on a real node."""
        if volume["name"] in kept.digests:
            with contextlib.suppress(ContentError):
                self._write(kept, kept.places[volume["name"]], volume)

    def _write(self, kept: _Kept, found: Place, volume: Object) -> None:
        files = Reader(kept.fields, self._lookup).files(volume)
        digest = _digest(files)
        if kept.digests.get(found.name) == digest:
            return
        self._make(found.folder, None)
        opened = os.open(found.folder, _FOLDER, dir_fd=self._root)
        try:
            write_files(opened, files, time.strftime("%Y_%m_%d_%H_%M_%S", time.gmtime()) + f".{time.monotonic_ns()}")
        finally:
            os.close(opened)
        kept.digests[found.name] = digest

    def _make(self, folder: str, mode: int | None) -> None:
        try:
            os.mkdir(folder, dir_fd=self._root)
        except FileExistsError:
            return
        except FileNotFoundError:
            make_folders(self._root, folder)
        if mode is not None:
            os.chmod(folder, mode, dir_fd=self._root)


def _digest(files: Files) -> bytes:
    found = hashlib.sha256()
    for path, file in sorted(files.items()):
        found.update(f"{path}\0{file.mode}\0{len(file.data)}\0".encode())
        found.update(file.data)
    return found.digest()
