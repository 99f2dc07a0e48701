"""A patch as it was sent: how it changes a value, and how the server shows it when the outcome is no object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podfence.lab.apiserver.options import NO_REPEATS, Repeats

Object = dict[str, Any]


class Patch(msgspec.Struct, frozen=True):
    """A patch; ``strategic`` is what it says, when it is a strategic merge patch."""

    apply_to: Callable[[Object], Object]
    strategic: Object | None = None
    repeats: Repeats = NO_REPEATS

    def shown(self, patched: Object) -> str:
        """Write what a refusal shows: a strategic merge patch itself, of the others what they made."""
        if self.strategic is not None:
            return go_text(self.strategic)
        return msgspec.json.encode(patched).decode()


def go_text(value: object) -> str:
    """Write a value as Go's ``%+v`` does."""
    match value:
        case dict():
            return f"map[{' '.join(f'{key}:{go_text(entry)}' for key, entry in sorted(value.items()))}]"
        case list():
            return f"[{' '.join(map(go_text, value))}]"
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
    return str(value)
