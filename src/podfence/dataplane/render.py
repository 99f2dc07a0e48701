"""The text that a node would load: for people, for tests, and for ``podfence agent --render``."""

from __future__ import annotations

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.settings import Settings
from podfence.dataplane.transaction import full_text
from podfence.model.snapshot import Snapshot

FIRST_GENERATION = 1


def render(snapshot: Snapshot, settings: Settings) -> str:
    """Write the table that enforces the policies of a snapshot on one node. Raises ``PodfenceError``."""
    return full_text(compile_snapshot(snapshot, settings), FIRST_GENERATION)
