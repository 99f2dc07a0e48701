"""What the table consists of, as data: sets, elements, chains, and what each chain means for a connection."""

from __future__ import annotations

import msgspec

from podfence.model.net import AddressRange, Family, Protocol
from podfence.model.policy import Action, Tier
from podfence.model.reason import Reason

TABLE = "inet podfence"


class NamedSet(msgspec.Struct, frozen=True):
    """A set of the table, or a verdict map; ``type`` and ``flags`` are nft's words."""

    type: str
    comment: str = ""
    flags: str = ""
    is_map: bool = False


class Element(msgspec.Struct, frozen=True, gc=False):
    """What stands beside a key: a comment for people and, in a map, the verdict.

    With ``timeout_s`` the kernel takes the element out by itself, so long after it was put in. Another ``renewal``
    makes it another element, so that it is put in again and its time begins anew.
    """

    comment: str = ""
    verdict: str = ""
    timeout_s: int = 0
    renewal: int = 0


class AddressMatch(msgspec.Struct, frozen=True):
    """The other end of a connection: one set, or one range, of addresses; neither is everybody.

    ``expression`` is nft's; ``ranges`` are given where the match is one of address arithmetic.
    """

    expression: str = ""
    family: Family | None = None
    set_name: str = ""
    ranges: tuple[AddressRange, ...] = ()


class PortsMatch(msgspec.Struct, frozen=True):
    """Destination ports of one protocol, or those in a set of named ports; neither is all traffic.

    ``ranges`` empty with a protocol is every port of it.
    """

    expression: str = ""
    protocol: Protocol | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    set_name: str = ""


class Clause(msgspec.Struct, frozen=True):
    """One step of a class: what it matches and does, whatever it is called and logged as."""

    tier: Tier
    action: Action
    addresses: AddressMatch = AddressMatch()
    ports: PortsMatch = PortsMatch()


class Chain(msgspec.Struct, frozen=True):
    """A chain: a comment and its rules, each a line of nft."""

    comment: str
    rules: tuple[str, ...]
    hook: str = ""
    reasons: tuple[tuple[str, Reason], ...] = ()
