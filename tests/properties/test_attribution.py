"""The rule that decides in the chains of a class is the rule that ``decide`` names, for whatever opens a connection."""

from __future__ import annotations

import ipaddress
import re
from random import Random

import msgspec
import pytest

from podfence.dataplane.compiler import compile_snapshot
from podfence.dataplane.difference import Desired
from podfence.dataplane.members import EGRESS, INGRESS
from podfence.dataplane.settings import Settings
from podfence.engine.decide import decide_side, is_governed, is_own_node
from podfence.model.net import Protocol, family_of, format_address
from podfence.model.policy import Direction
from podfence.model.reason import Reason
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End, Flow
from tests.properties.clusters import PORTS, random_cluster
from tests.properties.pairs import remembering
from tests.properties.test_dataplane import end_of, numbered, owners

_ADDRESS = re.compile(r"ct (original|reply) ip6? saddr (@?)(\S+) ?")
# No pod's address is the node's own.
_ITSELF = re.compile(r"(?:fib daddr type != local )?ct original ip6? saddr \. ct reply ip6? saddr @(\S+) ?")
_NAMED = re.compile(r"ct direction (original|reply) ip6? [sd]addr \. meta l4proto \. th [sd]port @(\S+) ?")
_PROTOCOL = re.compile(r"meta l4proto (\S+) ?")
_PORT = re.compile(r"ct reply proto-src (@?)(\S+) ?")
_COMMENT = re.compile(r'comment "[^"]*"\Z')


class Opening(msgspec.Struct, frozen=True):
    """The packet that opens a connection, nothing of it translated."""

    source: int
    destination: int
    protocol: Protocol
    port: int


@pytest.mark.parametrize("seed", range(60))
def test_the_chains_decide_by_the_rule_that_decide_names(seed: int) -> None:
    rng = Random(seed)
    snapshot = numbered(doubled(random_cluster(seed)))
    desired = compile_snapshot(snapshot, Settings("n1", log_allowed=True))
    known = [a for pod in snapshot.pods for a in pod.addresses if owners(snapshot, a) == 1]
    ports = [*((protocol, port) for protocol in (Protocol.TCP, Protocol.UDP) for port in PORTS), (Protocol.OTHER, 0)]
    with remembering():
        for source in known:
            for destination in known:
                for protocol, port in rng.sample(ports, 5):
                    opening = Opening(source, destination, protocol, port)
                    if source != destination:
                        assert told(desired, snapshot, opening) == wanted(snapshot, opening), opening


def doubled(snapshot: Snapshot) -> Snapshot:
    """Say everything twice: each policy again under another name, evaluated at the same place or later."""
    again = tuple(
        msgspec.structs.replace(item, ref=msgspec.structs.replace(item.ref, name=f"{item.ref.name}-again"))
        for item in snapshot.policies
    )
    return msgspec.structs.replace(snapshot, policies=(*snapshot.policies, *again))


def sides(snapshot: Snapshot, opening: Opening) -> list[tuple[Direction, End]]:
    ends = {Direction.EGRESS: opening.source, Direction.INGRESS: opening.destination}
    found = [(direction, end_of(snapshot, address)) for direction, address in ends.items()]
    source = found[0][1]
    return [
        (direction, end)
        for direction, end in found
        if is_governed(end) and end.pod is not None and end.pod.node == "n1"
        # What comes from the pod's own node never comes by.
        if direction is Direction.EGRESS or not is_own_node(source, end.pod)
    ]


def wanted(snapshot: Snapshot, opening: Opening) -> list[tuple[object, ...]]:
    ends = (end_of(snapshot, opening.source), end_of(snapshot, opening.destination))
    flow = Flow(*ends, opening.protocol, opening.port)
    found = [decide_side(snapshot, flow, direction) for direction, _ in sides(snapshot, opening)]
    return [
        (side.allowed, side.tier, side.policy and side.policy.ref, side.rule.path if side.rule else "")
        for side in found
    ]


def told(desired: Desired, snapshot: Snapshot, opening: Opening) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for direction, end in sides(snapshot, opening):
        maps = EGRESS if direction is Direction.EGRESS else INGRESS
        assert end.address is not None
        element = desired.elements[maps[family_of(end.address)]][format_address(end.address)]
        reason = decided(desired, element.verdict.removeprefix("jump "), opening)
        found.append((reason.allowed, reason.tier, reason.policy, reason.path))
    return found


def decided(desired: Desired, chain: str, opening: Opening) -> Reason:
    """Follow the rules until one logs a reason."""
    while not desired.chains[chain].reasons:
        rules = (_COMMENT.sub("", rule).strip() for rule in desired.chains[chain].rules)
        chain = next(target for target in (applied(desired, rule, opening) for rule in rules) if target)
    ((_, reason),) = desired.chains[chain].reasons
    return reason


def applied(desired: Desired, rule: str, opening: Opening) -> str:
    """Give the chain to which a rule sends a packet, nothing when it does not match."""
    while not rule.startswith("goto "):
        for pattern, matches in MATCHES:
            if match := pattern.match(rule):
                if not matches(desired, match, opening):
                    return ""
                rule = rule[match.end() :]
                break
        else:
            raise AssertionError(rule)
    return rule.removeprefix("goto ")


def address_matches(desired: Desired, match: re.Match[str], opening: Opening) -> bool:
    address = opening.source if match[1] == "original" else opening.destination
    texts = desired.elements[match[3]] if match[2] else (match[3],)
    return any(covers(text, address) for text in texts)


def covers(text: str, address: int) -> bool:
    first, _, last = text.partition("-")
    low, high = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
    wanted_address = ipaddress.ip_address(format_address(address))
    return low.version == wanted_address.version and int(low) <= int(wanted_address) <= int(high)


def itself_matches(desired: Desired, match: re.Match[str], opening: Opening) -> bool:
    return f"{format_address(opening.source)} . {format_address(opening.destination)}" in desired.elements[match[1]]


def named_matches(desired: Desired, match: re.Match[str], opening: Opening) -> bool:
    key = f"{format_address(opening.destination)} . {opening.protocol.value.lower()} . {opening.port}"
    return match[1] == "original" and key in desired.elements[match[2]]


def protocol_matches(desired: Desired, match: re.Match[str], opening: Opening) -> bool:
    del desired
    return match[1] == opening.protocol.value.lower()


def port_matches(desired: Desired, match: re.Match[str], opening: Opening) -> bool:
    texts = desired.elements[match[2]] if match[1] else (match[2],)
    pairs = (text.partition("-") for text in texts)
    return any(int(first) <= opening.port <= int(last or first) for first, _, last in pairs)


MATCHES = (
    (_ITSELF, itself_matches),
    (_ADDRESS, address_matches),
    (_NAMED, named_matches),
    (_PROTOCOL, protocol_matches),
    (_PORT, port_matches),
)
