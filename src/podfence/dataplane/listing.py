"""What our table holds in the kernel, read from ``nft -j list table``: names, elements, comments of rules.

Only our own table is ever listed: what others have in theirs can be more than this nft understands.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from podfence.dataplane.lookups import Left
from podfence.model.error import PodfenceError

_GENERATION = re.compile(r"generation ([0-9]+)\Z")


class Listing(msgspec.Struct, frozen=True):
    """A table: the keys in each set, for maps with their verdict, and the comment of each rule of each chain.

    Of interval sets only the number of elements can be compared, since the kernel's spelling is its own. ``left``
    are the elements of sets whose elements end by themselves.
    """

    sets: dict[str, frozenset[str]] = {}
    interval_sets: dict[str, int] = {}
    chains: dict[str, tuple[str, ...]] = {}
    left: dict[str, tuple[Left, ...]] = {}

    @property
    def set_names(self) -> frozenset[str]:
        """Name all sets and maps."""
        return frozenset((*self.sets, *self.interval_sets))

    @property
    def generation(self) -> int:
        """Tell the generation in force, 0 when there is none."""
        for comment in self.chains.get("stamp", ()):
            if match := _GENERATION.match(comment):
                return int(match[1])
        return 0


def read_listing(text: str | bytes) -> Listing:
    """Read what nft wrote. Raises ``PodfenceError`` when it is no such thing."""
    try:
        items = msgspec.json.decode(text)["nftables"]
        return _listing(items)
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
        raise PodfenceError(f"nft lists table inet podfence in a form that is not known: {error}") from None


def _listing(items: list[dict[str, Any]]) -> Listing:
    found = Listing({}, {}, {}, {})
    rules: dict[str, list[str]] = {}
    for item in items:
        if "chain" in item:
            rules[item["chain"]["name"]] = []
        if "rule" in item:
            rules[item["rule"]["chain"]].append(item["rule"].get("comment", ""))
        described = item.get("set") or item.get("map")
        if described is not None:
            elements = described.get("elem", [])
            if "interval" in described.get("flags", ()):
                found.interval_sets[described["name"]] = len(elements)
            else:
                found.sets[described["name"]] = frozenset(map(_key, elements))
            if "timeout" in described.get("flags", ()):
                found.left[described["name"]] = tuple(map(_left, elements))
    found.chains.update({name: tuple(comments) for name, comments in rules.items()})
    return found


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
