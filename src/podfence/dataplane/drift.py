"""What somebody else has changed in our table, found by comparing what is listed with what is enforced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from podfence.dataplane.baseline import Baseline
from podfence.dataplane.difference import Desired
from podfence.dataplane.listing import Listing, kind_of
from podfence.dataplane.objects import Chain, Element

_COMMENT = re.compile(r'comment "([^"]*)"\Z')


def drift(listing: Listing, enforced: Desired, chains: Mapping[str, Chain], baseline: Baseline) -> tuple[str, ...]:
    """Name every set and chain that is not as it is enforced; empty when all is well.

    ``chains`` are all that are enforced, and ``baseline`` tells how they were listed before.
    """
    return (*_table(listing), *_sets(listing, enforced), *_chains(listing, chains, baseline))


def _table(listing: Listing) -> Iterator[str]:
    if listing.is_switched_off:
        yield "the table is switched off"


def _sets(listing: Listing, enforced: Desired) -> Iterator[str]:
    for name in sorted(enforced.sets.keys() | listing.set_names):
        described = enforced.sets.get(name)
        if described is None:
            yield f"set {name} is not ours"
        elif name not in listing.set_names:
            yield f"set {name} is gone"
        elif listing.kinds[name] != kind_of(described):
            yield f"set {name} is of another kind"
        elif described.flags == "interval":
            if listing.interval_sets.get(name) != len(enforced.elements[name]):
                yield f"set {name} has other elements"
        elif listing.sets.get(name) != _keys(enforced.elements[name]):
            yield f"set {name} has other elements"


def _keys(elements: dict[str, Element]) -> frozenset[str]:
    """Write elements as a listing does."""
    return frozenset(f"{key} : {item.verdict}" if item.verdict else key for key, item in elements.items())


def _chains(listing: Listing, chains: Mapping[str, Chain], baseline: Baseline) -> Iterator[str]:
    changed = frozenset(baseline.changed(listing, chains))
    for name in sorted(chains.keys() | listing.chains.keys()):
        if name not in chains:
            yield f"chain {name} is not ours"
        elif name not in listing.chains:
            yield f"chain {name} is gone"
        elif listing.hooks.get(name, "") != chains[name].hook:
            yield f"chain {name} has another hook"
        elif listing.chains[name] != _comments(chains[name]) or name in changed:
            yield f"chain {name} has other rules"


def _comments(chain: Chain) -> tuple[str, ...]:
    """Give what a listing tells of a chain: the comment of each rule."""
    return tuple(map(_comment, chain.rules))


def _comment(rule: str) -> str:
    match = _COMMENT.search(rule)
    return match[1] if match else ""
