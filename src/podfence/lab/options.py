"""What somebody wants of a lab, as the command line hands it to the lab's process. Imports nothing that is slow."""

from __future__ import annotations

import msgspec


class LabOptions(msgspec.Struct, frozen=True):
    """How many nodes, the file that keeps objects (``None`` for none), and the channel of the policy CRDs.

    Without ``enforced`` no agent runs, and policies are there without effect.
    """

    nodes: int = 1
    data: str | None = None
    crd_channel: str = "experimental"
    enforced: bool = True


class Started(msgspec.Struct, frozen=True):
    """The lab to become: its name, and what it shall be."""

    name: str
    options: LabOptions
