"""What a writing request asks for besides its object."""

from __future__ import annotations

import msgspec


class WriteOptions(msgspec.Struct, frozen=True):
    """Options of create, update, patch and apply.

    ``manager`` is who owns the fields that the write sets; ``validation`` is Strict, Warn or Ignore; ``force`` takes
    fields away from other appliers.
    """

    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Ignore"
    force: bool = False


class Preconditions(msgspec.Struct, frozen=True):
    """What must be true of the object that is deleted."""

    uid: str = ""
    resource_version: str = ""


class DeleteOptions(msgspec.Struct, frozen=True):
    """Options of a deletion; ``propagation`` is empty, Background, Foreground or Orphan."""

    grace_s: int | None = None
    propagation: str = ""
    preconditions: Preconditions = Preconditions()
    dry_run: bool = False
