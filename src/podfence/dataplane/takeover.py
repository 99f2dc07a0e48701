"""What a table that somebody left, or changed, differs in from the desired one, as far as a listing tells.

So that what is as it should be can stay, where to write all of it at once would be too much. A chain is known by the
comments of its rules, the last of which tells all of them; those of the skeleton are never trusted to be right.
"""

from __future__ import annotations

import msgspec

from podfence.dataplane.difference import Desired, Difference, Elements
from podfence.dataplane.drift import keys, rule_comments
from podfence.dataplane.listing import Listing
from podfence.dataplane.objects import Element
from podfence.dataplane.skeleton import skeleton_names


class Takeover(msgspec.Struct, frozen=True):
    """A difference, and what it cannot tell.

    ``refilled`` are interval sets, of which a listing does not tell the elements; ``chains`` are all that is there of
    the skeleton.
    """

    difference: Difference
    refilled: tuple[str, ...]
    chains: tuple[str, ...]


def take_over(listing: Listing, desired: Desired) -> Takeover:
    """Compare what is listed with what is desired, but for the generation."""
    added, removed = _elements(listing, desired)
    skeleton = skeleton_names(desired.settings)
    found = Difference(
        sets={name: desired.sets[name] for name in sorted(desired.sets.keys() - listing.set_names)},
        dropped_sets=tuple(sorted(listing.set_names - desired.sets.keys())),
        chains={
            name: chain
            for name, chain in sorted(desired.chains.items())
            if listing.chains.get(name) != rule_comments(chain)
        },
        dropped_chains=tuple(sorted(listing.chains.keys() - desired.chains.keys() - skeleton)),
        added=added,
        removed=removed,
        shrinks=True,
    )
    return Takeover(found, tuple(_refilled(listing, desired)), tuple(sorted(listing.chains.keys() & skeleton)))


def _elements(listing: Listing, desired: Desired) -> tuple[Elements, Elements]:
    added: Elements = {}
    removed: Elements = {}
    for name in sorted(desired.sets.keys() & listing.sets.keys()):
        here, wanted = listing.sets[name], keys(desired.elements[name])
        if here == wanted:
            continue
        if gone := dict(_element(text) for text in sorted(here - wanted)):
            removed[name] = gone
        come = {_element(text)[0] for text in wanted - here}
        if come:
            added[name] = {key: item for key, item in desired.elements[name].items() if key in come}
    return added, removed


def _element(text: str) -> tuple[str, Element]:
    key, _, verdict = text.partition(" : ")
    return key, Element(verdict=verdict)


def _refilled(listing: Listing, desired: Desired) -> list[str]:
    """Name interval sets that may hold something else: those named by content are right if they hold as many."""
    return [
        name
        for name, count in sorted(listing.interval_sets.items())
        if name in desired.sets
        and desired.sets[name].flags == "interval"
        and (name.startswith("podcidr") or count != len(desired.elements[name]))
    ]
