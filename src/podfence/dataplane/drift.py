"""What somebody else has changed in our table, found by comparing what is listed with what is enforced."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podfence.dataplane.difference import Desired, all_chains
from podfence.dataplane.listing import Listing
from podfence.dataplane.objects import Chain, Element

_COMMENT = re.compile(r'comment "([^"]*)"\Z')


def drift(listing: Listing, enforced: Desired, generation: int) -> tuple[str, ...]:
    """Name every set and chain that is not as it is enforced; empty when all is well."""
    return (*_sets(listing, enforced), *_chains(listing, enforced, generation))


def _sets(listing: Listing, enforced: Desired) -> Iterator[str]:
    for name in sorted(enforced.sets.keys() | listing.set_names):
        described = enforced.sets.get(name)
        if described is None:
            yield f"set {name} is not ours"
        elif name not in listing.set_names:
            yield f"set {name} is gone"
        elif described.flags == "interval":
            if listing.interval_sets.get(name) != len(enforced.elements[name]):
                yield f"set {name} has other elements"
        elif listing.sets.get(name) != keys(enforced.elements[name]):
            yield f"set {name} has other elements"


def keys(elements: dict[str, Element]) -> frozenset[str]:
    """Write elements as a listing does."""
    return frozenset(f"{key} : {item.verdict}" if item.verdict else key for key, item in elements.items())


def _chains(listing: Listing, enforced: Desired, generation: int) -> Iterator[str]:
    chains = all_chains(enforced, generation)
    for name in sorted(chains.keys() | listing.chains.keys()):
        if name not in chains:
            yield f"chain {name} is not ours"
        elif name not in listing.chains:
            yield f"chain {name} is gone"
        elif listing.chains[name] != rule_comments(chains[name]):
            yield f"chain {name} has other rules"


def rule_comments(chain: Chain) -> tuple[str, ...]:
    """Give what a listing tells of a chain: the comment of each rule."""
    return tuple(map(_comment, chain.rules))


def _comment(rule: str) -> str:
    match = _COMMENT.search(rule)
    return match[1] if match else ""
