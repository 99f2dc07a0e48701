"""What reading a set of inputs yields: the snapshot, and by name everything that did not make it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from podfence.manifests.documents import Skipped
from podfence.model.objects import ObjectRef
from podfence.model.snapshot import Snapshot
from podfence.model.source import Position

Identity = tuple[str, str | None, str]
"""Kind, namespace (``None`` when cluster-scoped) and name of an object."""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """One thing that the API server would refuse or that could not be read, in one line.

    ``ref`` and ``path`` tell the object and its field; ``ref`` is ``None`` for text that is no object at all,
    ``position`` for an object that stands in no text because a server sent it.
    ``rule`` names the rule that is broken where it is not simply that a field cannot be read.
    """

    position: Position | None
    message: str
    ref: ObjectRef | None = None
    path: str = ""
    rule: str = ""

    def __str__(self) -> str:
        about = f"{self.ref.kind} {self.ref}: " if self.ref is not None else ""
        field = f"{self.path}: " if self.path and self.path not in self.message else ""
        where = f"{self.position}: " if self.position is not None else ""
        return f"{where}{about}{field}{self.message}"


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """Two objects of one kind, namespace and name: the last read wins, as with apply.

    ``lost`` has its text only when it is a policy; of other objects no text is kept, but ``lost_file`` names
    where the object was.
    """

    lost: ObjectRef
    kept: ObjectRef
    lost_file: str


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """A snapshot with what was noticed while reading it.

    ``documents`` holds the plain value of each policy in the snapshot by its identity; read it, never change it.
    ``unknown_kinds`` counts the objects of kinds that Podfence does not use, by kind. ``objects`` counts all
    Kubernetes objects that were read: 0 means that there was nothing to answer from.
    """

    snapshot: Snapshot
    problems: tuple[Problem, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    unknown_kinds: tuple[tuple[str, int], ...] = ()
    skipped: tuple[Skipped, ...] = ()
    documents: Mapping[Identity, Mapping[str, Any]] = {}
    objects: int = 0

    @property
    def unknown_kinds_line(self) -> str:
        """Name the kinds that were not used, in one line; empty when there were none."""
        total = sum(count for _, count in self.unknown_kinds)
        if not total:
            return ""
        objects = "1 object of a kind" if total == 1 else f"{total} objects of kinds"
        named = ", ".join(f"{kind} {count}" for kind, count in self.unknown_kinds)
        return f"{objects} that Podfence does not use: {named}"
