"""The chains that are there from the first load to the last: hooks, generation, and what is not about policies.

A base chain is registered once and never again, for to unregister a hook drops every packet that waits in a queue
of the machine (facts, dataplane 0). What the chains hold depends on the settings and the generation alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from podfence.dataplane.clauses import WORD
from podfence.dataplane.logs import Logs
from podfence.dataplane.members import (
    EGRESS,
    FAMILIES,
    GUARDED,
    INGRESS,
    POD_CIDRS,
    READY,
    range_text,
    static_sets,
)
from podfence.dataplane.objects import Chain, Element, NamedSet
from podfence.dataplane.resolvers import ANSWERS, PRIORITY
from podfence.dataplane.settings import Settings
from podfence.model.net import IPV6_ORIGIN, Family, family_of, format_address
from podfence.model.reason import Reason
from podfence.model.verdict import DecidedIn

ESTABLISHED = "established"
STAMP = "stamp"

# The hop limit of what a router has forwarded is below 255: no pod can send its data as neighbour discovery (RFC 4861).
NEIGHBOURS = 'icmpv6 type { 133, 134, 135, 136, 137 } ip6 hoplimit 255 accept comment "neighbour discovery of one link"'

POD_LINKS = 'meta iifkind { "bridge", "veth" }'
"""The kinds of links by which pods are connected; that of a node may be one, too, and then routes lead over it."""
NOBODY = {family: format_address(first) for family, first in zip(FAMILIES, (0, IPV6_ORIGIN), strict=True)}

FORGED = "the source address belongs elsewhere than where the packet came from, or to this node"
NOT_READY = "the policies of this pod are not in force yet"
UNTRACKED = "connection tracking does not know the packet, so that no policy can judge it"
CONTESTED_ADDRESS = "two different pods or nodes claim the address"


def skeleton_sets(settings: Settings) -> dict[str, tuple[NamedSet, dict[str, Element]]]:
    """Give the sets that are always there, with the pods' ranges in them."""
    found: dict[str, tuple[NamedSet, dict[str, Element]]] = {name: (item, {}) for name, item in static_sets().items()}
    for piece in settings.pod_cidrs:
        found[POD_CIDRS[family_of(piece.first)]][1][range_text(piece)] = Element()
    return found


def skeleton_chains(settings: Settings) -> dict[str, Chain]:
    """Give the chains that do not depend on the generation."""
    logs = Logs(settings)
    drops = {"forged": FORGED, "unready": NOT_READY, "untracked": UNTRACKED, "contested": CONTESTED_ADDRESS}
    return {
        "forward": Chain(
            "what enters or leaves pods; processes of this node never come by here, so they are always let in",
            (NEIGHBOURS, f"jump {ESTABLISHED}", *_forward(settings), "jump judge", f"jump {STAMP}"),
            hook="type filter hook forward priority filter - 5; policy accept;",
        ),
        "input": Chain(
            "what pods send to their own node",
            (NEIGHBOURS, "meta iiftype loopback accept", f"jump {ESTABLISHED}", *_input(settings), f"jump {STAMP}"),
            hook="type filter hook input priority filter - 5; policy accept;",
        ),
        "reply-pre": Chain(
            "what comes back to pods, as it is before any translation",
            (f"ct direction reply jump {ANSWERS['prerouting']}",),
            hook="type filter hook prerouting priority mangle; policy accept;",
        ),
        "reply-out": Chain(
            "what comes back to pods from this node",
            (f"ct direction reply jump {ANSWERS['output']}",),
            hook="type filter hook output priority mangle; policy accept;",
        ),
        "raw-out": Chain(
            "answers that the agent passes on: translated already, and the connection has seen them",
            (f"meta priority {PRIORITY} notrack",),
            hook="type filter hook output priority raw; policy accept;",
        ),
        "raw-pre": Chain(
            "nobody but the pod itself may use the address of a pod of this node",
            (NEIGHBOURS, *_forged()),
            hook="type filter hook prerouting priority raw; policy accept;",
        ),
        "judge": Chain("who opened the connection may leave, and the pod that answers may be entered", _judge()),
        "unknown": Chain("packets without a connection, to or from pods that are judged", tuple(_unknown(settings))),
        **dict(logs.chain(_denied(note), name) for name, note in drops.items()),
    }


def generation_chains(settings: Settings, generation: int) -> dict[str, Chain]:
    """Give the two chains that tell connections judged by the policies in force from those judged before."""
    ours, others = f"{settings.mark_mask:#010x}", f"{settings.mark_mask ^ 0xFFFFFFFF:#010x}"
    value = f"{generation << settings.mark_shift:#010x}"
    if settings.cutoff == "none":
        match = "ct state established,related"
    else:
        match = f"ct state established,related ct mark & {ours} == {value}"
    return {
        ESTABLISHED: Chain(
            "connections that the policies in force have allowed", (f"{match} accept comment {_title(generation)}",)
        ),
        STAMP: Chain(
            "allowed: remember by which generation of the policies",
            (f"ct mark set ct mark & {others} | {value} accept comment {_title(generation)}",),
        ),
    }


def _title(generation: int) -> str:
    return f'"generation {generation}"'


def _denied(note: str) -> Reason:
    return Reason(allowed=False, direction=None, tier=DecidedIn.NOT_APPLICABLE, note=note)


def _forged() -> Iterator[str]:
    """Drop what bears an address to which another way leads than the one that it came by.

    From a pod's link always, for who opened a connection is known by the address alone; from any other link only if
    the address is that of a pod of this node. Who has no address yet (DHCP, duplicate address detection) may ask.
    """
    yield f"{POD_LINKS} fib saddr . iif oif exists accept"
    yield from (f"{POD_LINKS} {WORD[family]} saddr {NOBODY[family]} accept" for family in FAMILIES)
    yield f"{POD_LINKS} jump forged"
    yield from (f"{WORD[f]} saddr @{READY[f]} fib saddr . iif oif missing jump forged" for f in FAMILIES)


def _forward(settings: Settings) -> Iterator[str]:
    yield "ct state invalid,untracked jump unknown"
    for family in FAMILIES:
        word = WORD[family]
        yield f"{word} daddr @{READY[family]} fib saddr type local jump forged"
    if settings.unready == "drop":
        for family in FAMILIES:
            for side in ("original", "reply"):
                yield _unready(f"ct {side} {WORD[family]} saddr", family)


def _input(settings: Settings) -> Iterator[str]:
    for family in FAMILIES:
        word = WORD[family]
        yield f"ct state invalid,untracked {word} saddr @{GUARDED[family]} jump untracked"
        if settings.unready == "drop":
            # The node's own address on the pods' network lies in their range: only who opened the connection counts.
            yield _unready(f"ct direction original {word} saddr", family, f"{word} saddr")
            yield _unready(f"ct state invalid,untracked {word} saddr", family, f"{word} saddr")
        yield f"ct original {word} saddr vmap @{EGRESS[family]}"


def _unready(match: str, family: Family, again: str = "") -> str:
    return f"{match} @{POD_CIDRS[family]} {again or match} != @{READY[family]} jump unready"


def _judge() -> tuple[str, ...]:
    return tuple(
        f"ct {side} {WORD[family]} saddr vmap @{maps[family]}"
        for family in FAMILIES
        for side, maps in (("original", EGRESS), ("reply", INGRESS))
    )


def _unknown(settings: Settings) -> Iterator[str]:
    """Drop by the packet's own addresses what has no connection: nothing that matches connections would see it."""
    for family in FAMILIES:
        for side in ("saddr", "daddr"):
            word = f"{WORD[family]} {side}"
            yield f"{word} @{GUARDED[family]} jump untracked"
            if settings.unready == "drop":
                yield _unready(word, family)
