"""Changes that would mend a finding: fields put into, added to or dropped from a policy document.

A change is written down here and tried out in ``proof``; nothing is shown that the engine has not proved. The
changed document is written, read back and judged by the code that reads what people write.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from podfence.manifests.loaded import Identity
from podfence.manifests.write import write_yaml
from podfence.model.objects import ObjectRef
from podfence.model.policy import Policy
from podfence.synthesis.edit import clean, field_at, read_back_text

Plain = dict[str, Any]

_LAST = re.compile(r"(?:\.([^.\[\]]+)|\[([0-9]+)\]|\A([^.\[\]]+))\Z")
_CONTEXT = 2


class Put(msgspec.Struct, frozen=True, gc=False):
    """Set the field or list item at ``path`` to ``value``."""

    path: str
    value: Any


class Add(msgspec.Struct, frozen=True, gc=False):
    """Put ``items`` at the end of the list at ``path``, which is made if it is not there."""

    path: str
    items: tuple[Any, ...]


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Take away the field or list item at ``path``; later changes see the list without it."""

    path: str


Change = Put | Add | Drop


class Mend(msgspec.Struct, frozen=True):
    """How a finding may be mended: changes to the policy at ``ref``, or, without it, a ``new`` policy.

    ``opens`` and ``closes`` say what it may do. Doing the other disproves it, and so does doing nothing, unless
    it may do nothing else.
    """

    ref: ObjectRef | None
    changes: tuple[Change, ...] = ()
    new: Mapping[str, Any] | None = None
    opens: bool = True
    closes: bool = False


class Mended(msgspec.Struct, frozen=True):
    """A mend carried out: the policy it makes, whole for ``kubectl apply``, and the lines that differ."""

    policy: Policy
    manifest: str
    difference: tuple[str, ...]


def carried_out(mend: Mend, documents: Mapping[Identity, Mapping[str, Any]]) -> Mended | None:
    """Carry a mend out; ``None`` when the document cannot be changed or the API server would not take it."""
    before: Plain = {}
    if mend.ref is None:
        document = copy.deepcopy(dict(mend.new or {}))
    else:
        known = documents.get(mend.ref.identity)
        if known is None or not _has_name(known):
            return None
        before = clean(known, mend.ref)
        changed = applied(before, mend.changes)
        if changed is None:
            return None
        document = changed
    text = write_yaml([document])
    policy = read_back_text(text)
    if policy is None or (mend.ref is not None and policy.ref.identity != mend.ref.identity):
        return None
    if mend.ref is not None:
        policy = msgspec.structs.replace(policy, ref=mend.ref)
    return Mended(policy, text, difference(write_yaml([before]) if before else "", text))


def applied(document: Mapping[str, Any], changes: Iterable[Change]) -> Plain | None:
    """Give a document with changes made to it; ``None`` when one of them does not fit."""
    changed = copy.deepcopy(dict(document))
    return changed if all(_apply(changed, change) for change in changes) else None


def difference(before: str, after: str) -> tuple[str, ...]:
    """Write how two documents differ, with the lines around: ``-`` goes, ``+`` comes."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT))[2:]
    return tuple("…" if line.startswith("@@") else f"{line[:1]} {line[1:]}" for line in lines if line != lines[0])


def _has_name(document: Mapping[str, Any]) -> bool:
    metadata = document.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("name"))


def _apply(document: Plain, change: Change) -> bool:
    match = _LAST.search(change.path)
    if match is None:
        return False
    parent_path = change.path[: match.start()]
    parent = field_at(document, parent_path) if parent_path else document
    key: str | int = int(match[2]) if match[2] is not None else match[1] or match[3]
    if isinstance(parent, list) and isinstance(key, int) and key < len(parent):
        return _change(parent, key, change)
    if isinstance(parent, dict) and isinstance(key, str):
        return _change(parent, key, change)
    return False


def _change(parent: Any, key: Any, change: Change) -> bool:  # noqa: ANN401 (a mapping and its key, or a list and an index)
    match change:
        case Put(value=value):
            parent[key] = copy.deepcopy(value)
        case Drop():
            if isinstance(parent, dict) and key not in parent:
                return False
            del parent[key]
        case Add(items=items):
            there = parent[key] if isinstance(key, int) else parent.setdefault(key, [])
            if there is None:
                there = parent[key] = []
            if not isinstance(there, list):
                return False
            there.extend(copy.deepcopy(list(items)))
    return True
