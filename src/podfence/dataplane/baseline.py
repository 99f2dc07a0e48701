"""What the rules of each chain looked like when they were listed first, to see when somebody changes one later.

A listing spells rules in the kernel's own way, which differs from ours and from one nft to the next. So a rule is not
compared with what we wrote, but with how it was listed before: whoever changes it before the first look is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from podfence.dataplane.listing import Listing
from podfence.dataplane.objects import Chain


class Baseline:
    """For each chain the rules that we wrote, and the hash of how they were listed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[str, ...], bytes]] = {}

    def changed(self, listing: Listing, chains: Mapping[str, Chain]) -> Iterator[str]:
        """Name the chains of which we wrote the same as at the last look, and that are listed otherwise."""
        for name, chain in chains.items():
            rules, body = self._seen.get(name, ((), b""))
            if body and rules == chain.rules and listing.bodies.get(name, body) != body:
                yield name

    def keep(self, listing: Listing, chains: Mapping[str, Chain]) -> None:
        """Take a listing for what these chains are listed as."""
        self._seen = {
            name: (chain.rules, listing.bodies[name]) for name, chain in chains.items() if name in listing.bodies
        }
