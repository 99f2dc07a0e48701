"""What our table holds in the kernel, read from ``nft -j list table``: names, kinds, elements, comments of rules.

Only our own table is ever listed: what others have in theirs can be more than this nft understands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from podfence.dataplane.lookups import Left
from podfence.dataplane.naming import without_prefix
from podfence.dataplane.objects import NamedSet
from podfence.model.error import PodfenceError

_GENERATION = re.compile(r"generation ([0-9]+)\Z")
_COUNTED = re.compile(rb'"packets": [0-9]+, "bytes": [0-9]+')
_PRIORITIES = {-300: "raw", -150: "mangle", -5: "filter - 5"}
"""The priorities of our hooks as nft's text has them; its JSON has numbers."""


class Listing(msgspec.Struct, frozen=True):
    """A table: the keys in each set, for maps with their verdict, and the comment of each rule of each chain.

    Of interval sets only the number of elements can be compared, since the kernel's spelling is its own. For the same
    reason ``bodies``, which are hashes of the rules of each chain, only compare with each other. ``kinds`` are all sets
    without their comments, ``hooks`` all base chains, ``left`` the elements of sets whose elements end by themselves. A
    table that is switched off has everything and judges nothing.
    """

    sets: dict[str, frozenset[str]] = {}
    interval_sets: dict[str, int] = {}
    chains: dict[str, tuple[str, ...]] = {}
    kinds: dict[str, NamedSet] = {}
    hooks: dict[str, str] = {}
    bodies: dict[str, bytes] = {}
    left: dict[str, tuple[Left, ...]] = {}
    is_switched_off: bool = False

    @property
    def set_names(self) -> frozenset[str]:
        """Name all sets and maps."""
        return frozenset((*self.sets, *self.interval_sets))

    @property
    def generation(self) -> int:
        """Tell the generation in force, 0 when there is none; the highest where a stand-in has another."""
        comments = (text for name, texts in self.chains.items() if without_prefix(name) == "stamp" for text in texts)
        return max((int(match[1]) for text in comments if (match := _GENERATION.match(text))), default=0)


class _Set(msgspec.Struct):
    name: str
    type: Any = ""
    map: Any = "verdict"
    flags: str | list[str] = ""
    elem: list[Any] = []


class _Chain(msgspec.Struct):
    name: str
    type: str = ""
    hook: str = ""
    prio: int = 0
    policy: str = "accept"


class _Rule(msgspec.Struct):
    chain: str
    comment: str = ""
    expr: msgspec.Raw = msgspec.Raw(b"[]")


class _Table(msgspec.Struct):
    flags: Any = None


class _Item(msgspec.Struct):
    table: _Table | None = None
    set: _Set | None = None
    map: _Set | None = None
    chain: _Chain | None = None
    rule: _Rule | None = None


class _Listed(msgspec.Struct):
    nftables: list[_Item]


_DECODER = msgspec.json.Decoder(_Listed)


def kind_of(described: NamedSet) -> NamedSet:
    """Give what must be equal of two sets for one to be the other: all but the comment."""
    return msgspec.structs.replace(described, comment="")


def read_listing(text: str | bytes) -> Listing:
    """Read what nft wrote. Raises ``PodfenceError`` when it is no such thing."""
    try:
        return _listing(_DECODER.decode(text).nftables)
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
        raise PodfenceError(f"nft lists table inet podfence in a form that is not known: {error}") from None


def _listing(items: list[_Item]) -> Listing:
    # The only flag that a table of ours may be given is the one that switches it off; nft 1.0.6 misspells it in JSON.
    found = Listing({}, {}, {}, {}, {}, {}, {}, any(item.table.flags for item in items if item.table))
    rules: dict[str, list[_Rule]] = {}
    for item in items:
        if chain := item.chain:
            rules[chain.name] = []
            if chain.hook:
                found.hooks[chain.name] = _hook(chain)
        if item.rule:
            rules[item.rule.chain].append(item.rule)
        if described := item.set or item.map:
            found.kinds[described.name] = kind = _kind(described, is_map=item.map is not None)
            if "interval" in kind.flags:
                found.interval_sets[described.name] = len(described.elem)
            else:
                found.sets[described.name] = frozenset(map(_key, described.elem))
            if "timeout" in kind.flags:
                found.left[described.name] = tuple(map(_left, described.elem))
    found.chains.update({name: tuple(rule.comment for rule in own) for name, own in rules.items()})
    found.bodies.update({name: _body(own) for name, own in rules.items()})
    return found


def _hook(chain: _Chain) -> str:
    priority = _PRIORITIES.get(chain.prio, str(chain.prio))
    return f"type {chain.type} hook {chain.hook} priority {priority}; policy {chain.policy};"


def _kind(described: _Set, *, is_map: bool) -> NamedSet:
    kind = described.type if isinstance(described.type, str) else " . ".join(described.type)
    if described.map != "verdict":
        kind += f" : {described.map}"
    flags = described.flags if isinstance(described.flags, str) else ",".join(described.flags)
    return NamedSet(kind, flags=flags, is_map=is_map)


def _body(rules: Iterable[_Rule]) -> bytes:
    """Hash the rules of a chain, but for what they have counted."""
    state = hashlib.sha256()
    for rule in rules:
        state.update(_COUNTED.sub(b"", bytes(rule.expr)))
    return state.digest()


def _left(element: dict[str, dict[str, Any]]) -> Left:
    inner = element["elem"]
    return Left(_key(element), inner.get("comment", ""), inner.get("expires", 0))


def _key(element: Any) -> str:  # noqa: ANN401 (JSON of any shape)
    """Write an element as we do, ``10.0.0.1 . tcp . 80`` or ``10.0.0.1 : jump eg-1``, without its comment."""
    if isinstance(element, list):
        key, verdict = element
        (word, value), *_ = verdict.items()
        return f"{_key(key)} : {word} {value['target']}" if value else f"{_key(key)} : {word}"
    if isinstance(element, dict):
        if "elem" in element:
            return _key(element["elem"]["val"])
        return " . ".join(map(str, element["concat"]))
    return str(element)
