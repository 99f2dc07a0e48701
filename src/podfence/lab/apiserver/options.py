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


class Repeats(msgspec.Struct, frozen=True):
    """What a body says twice, in the words of the parser that noticed: before all else in YAML, at the end in JSON."""

    texts: tuple[str, ...] = ()
    in_yaml: bool = False

    def among(self, faults: list[str]) -> list[str]:
        """List these with other faults, in the order in which the server tells them."""
        return [*self.texts, *faults] if self.in_yaml else [*faults, *self.texts]

    def joined(self, faults: list[str]) -> str:
        """Write these and other faults as one strict decoding error."""
        if not (self.in_yaml and self.texts):
            return ", ".join(self.among(faults))
        first = "yaml: unmarshal errors:" + "".join(f"\n  {text}" for text in self.texts)
        return ", ".join([first, *faults])


NO_REPEATS = Repeats()


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
