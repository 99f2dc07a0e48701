"""``why`` for people: the answer in the first line, both sides, what nearly matched, and what to change."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from podfence.engine.explanation import Explanation
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.nearest import Fit, Miss, NearMiss
from podfence.engine.question import Asked
from podfence.model.net import Protocol, format_address
from podfence.model.objects import Node, Pod
from podfence.model.policy import Direction, Policy, Rule, Tier
from podfence.model.verdict import DecidedIn, SideVerdict
from podfence.report.patch import Insertion, Lines, patch_text
from podfence.report.term import Terminal

_MOST_NAMED = 4
_SIDE = {Direction.EGRESS: "leaving", Direction.INGRESS: "entering"}


class Remedy(msgspec.Struct, frozen=True):
    """What would allow a denied connection: a proved patch, or ``reason`` why there is none.

    ``besides`` names what else opens, ``manifests`` is the patch as whole objects.
    """

    insertions: tuple[Insertion, ...] = ()
    besides: tuple[str, ...] = ()
    manifests: str | None = None
    reason: str = ""


def why_text(found: Explanation, remedy: Remedy | None, lines: Lines, terminal: Terminal) -> str:
    """Write an explanation; ``remedy`` is ``None`` when the connection is allowed."""
    parts = [*_answer(found, terminal), "", *_sides(found, terminal)]
    parts.extend(["", *_notes(fine_print(found), terminal)])
    for side, misses in found.sides:
        parts.extend(_nearest(side, misses, terminal))
    if remedy is not None:
        parts.extend(["", *_remedy(found, remedy, lines, terminal)])
    return "\n".join(map(terminal.line, _without_repeated_gaps(parts))).rstrip("\n") + "\n"


def fine_print(found: Explanation) -> list[str]:
    """List what else to know: which pair is shown, how the port was translated, and the corners; no full stops."""
    return [*_shown(found), *_translated(found), *found.notes]


def question_text(found: Explanation) -> str:
    """Name the connection that was asked about."""
    return f"{found.source.display} → {found.destination.display} {found.port}"


def verdict_word(*, allowed: bool, loud: bool = True) -> str:
    """Say allowed or denied."""
    return "ALLOWED" if allowed and loud else "allowed" if allowed else "DENIED"


def _answer(found: Explanation, terminal: Terminal) -> Iterator[str]:
    allowed = found.verdict.allowed
    word = terminal.paint(verdict_word(allowed=allowed), "allowed" if allowed else "denied")
    yield f"{word}  {terminal.paint(question_text(found), 'name')}"


def _sides(found: Explanation, terminal: Terminal) -> Iterator[str]:
    sides = [side for side, _ in found.sides]
    parties = [found.answer.pair.source, found.answer.pair.destination]
    names = [_end_name(found, side.direction, party) for side, party in zip(sides, parties, strict=True)]
    width = max(map(len, names))
    for side, party, name in zip(sides, parties, names, strict=True):
        word = verdict_word(allowed=side.allowed, loud=False)
        painted = terminal.paint(f"{word:<7}", "allowed" if side.allowed else "denied")
        yield f"  {_SIDE[side.direction]:<8}  {name:<{width}}  {painted}  {because(side, party)}"
    if sides[0].allowed != sides[1].allowed:
        yield terminal.paint("  A connection needs both sides: one allows this, the other does not.", "context")
    elif not sides[0].allowed:
        yield terminal.paint("  A connection needs both sides: each denies this, so both must change.", "context")


def because(side: SideVerdict, party: Party) -> str:
    """Say in a few words why a side allows or denies."""
    if side.tier is DecidedIn.NOT_APPLICABLE:
        return _ungoverned(party)
    if side.policy is not None and side.rule is not None:
        return _by_rule(side, side.policy, side.rule)
    if side.tier is DecidedIn.NETWORK_POLICY:
        isolated = f"isolated by {_named(side.isolated_by)}"
        none = all(not policy.rules(side.direction) for policy in side.isolated_by)
        return f"{isolated}, {f'which has no rule for {side.direction.value}' if none else 'no rule matches'}"
    if side.reason:
        return side.reason
    if side.isolated_by:
        return f"isolated by {_named(side.isolated_by)}"
    return f"not isolated for {side.direction.value}"


def _by_rule(side: SideVerdict, policy: Policy, rule: Rule) -> str:
    if policy.tier is Tier.NETWORK_POLICY:
        return f"by {rule_text(policy, rule)}"
    action = "Accept" if side.allowed else "Deny"
    return f"by {policy.ref.kind} {rule_text(policy, rule)}: {action} in the {policy.tier.value} tier"


def _ungoverned(party: Party) -> str:
    match party:
        case Pod():
            return "on hostNetwork, which no policy selects"
        case Node():
            return "a node, which no policy selects"
        case _:
            return "outside the cluster, where no policy selects"


def _named(policies: Sequence[Policy]) -> str:
    names = [f"{policy.ref.name}{_at(policy)}" for policy in policies[:_MOST_NAMED]]
    more = len(policies) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _at(policy: Policy, path: str = "") -> str:
    if policy.ref.source is None:
        return ""
    position = policy.ref.source.position(path)
    return f" ({position.file}:{position.line})"


def rule_text(policy: Policy, rule: Rule) -> str:
    """Name a rule: its policy, its number from 1 as people count, its name if it has one, and where it stands."""
    number = rule.path.rpartition("[")[2].removesuffix("]")
    counted = f", rule {int(number) + 1}" if number.isdigit() else ""
    named = f' "{rule.name}"' if rule.name else ""
    return f"{policy.ref.name}{counted}{named}{_at(policy, rule.path)}"


def _notes(notes: Sequence[str], terminal: Terminal) -> Iterator[str]:
    for note in notes:
        first, *others = textwrap.wrap(f"{note}.", max(terminal.width - 9, 40), break_on_hyphens=False)
        yield f"  {terminal.paint('Note', 'info')}   {first}"
        yield from (f"         {line}" for line in others)


def _end_name(found: Explanation, direction: Direction, party: Party) -> str:
    end = found.end(direction)
    if len(end.parties) == 1 or len(found.answer.pairs) == 1:
        return end.display
    return party_text(party)


def party_text(party: Party) -> str:
    """Name one end."""
    match party:
        case Pod(namespace=namespace, name=name):
            return f"{namespace}/{name}"
        case Node(name=name):
            return f"node/{name}"
        case Domain(name=name):
            return name
        case Outside(ranges=ranges):
            return format_address(ranges[0].first) if ranges else "outside"


def _shown(found: Explanation) -> Iterator[str]:
    """Say which of several pairs is shown."""
    pairs = found.answer.pairs
    if len(pairs) <= 1:
        return
    pair = found.answer.pair
    shown = f"{party_text(pair.source)} → {party_text(pair.destination)}{_port_of(pair.protocol, pair.port)}"
    if found.verdict.allowed:
        yield f"all {len(pairs)} pairs that policies tell apart are allowed; shown is {shown}"
    else:
        yield f"shown is the first pair that is denied, {shown}, of {len(pairs)} that policies tell apart"


def _translated(found: Explanation) -> Iterator[str]:
    pair = found.answer.pair
    service = found.destination.service
    if service is not None and (found.port.name or found.port.number != pair.port):
        title, port = f"{service.namespace}/{service.name}", _port_of(pair.protocol, pair.port)
        yield f"Service {title} sends {_asked(found.port)} to{port} of its pods: policies see the pod's port"
    elif found.port.name and service is None:
        yield f'port "{found.port.name}" of {party_text(pair.destination)} is{_port_of(pair.protocol, pair.port)}'


def _asked(port: Asked) -> str:
    return f'port "{port.name}"' if port.name else f"port {port.number}"


def _port_of(protocol: Protocol, port: int) -> str:
    return " ICMP and others" if protocol is Protocol.OTHER else f" {protocol.value} {port}"


def _nearest(side: SideVerdict, misses: Sequence[NearMiss], terminal: Terminal) -> Iterator[str]:
    if not misses:
        return
    nearest = misses[0]
    yield ""
    yield f"  Nearest miss   {terminal.paint(rule_text(nearest.policy, nearest.rule), 'name')}"
    for fit in (nearest.peer, nearest.port):
        word = "differs" if fit.misses else "ok"
        painted = terminal.paint(f"{word:<7}", "denied" if fit.misses else "allowed")
        yield f"    {fit.part}   {painted}  {_fit_text(fit, side.direction)}"


def _fit_text(fit: Fit, direction: Direction) -> str:
    if not fit.misses:
        return fit.text
    return "; ".join(_miss_text(miss, direction) for miss in fit.misses)


_MISSES = {
    "port": "the rule allows {wanted}, you asked for {got}",
    "protocol": "the rule allows {wanted}, you asked for {got}",
    "name": "the rule allows {wanted}, you asked for {got}",
    "label": "the rule wants {wanted}, the {other} has {got}",
    "namespace": "the rule wants namespace {wanted}, the {other} is in {got}",
    "namespace label": "the rule wants a namespace with {wanted}, that of the {other} has {got}",
    "address": "{got} is not in {wanted}",
    "except": "{got} is taken out of {wanted}",
    "unreadable": "it cannot be read, so it matches nothing: {got}",
    "peer": "the rule wants {wanted}, the {other} is {got}",
}


def _miss_text(miss: Miss, direction: Direction) -> str:
    other = "source" if direction is Direction.INGRESS else "destination"
    if not miss.got:
        return f"the rule names {miss.wanted}"
    return _MISSES[miss.what].format(wanted=miss.wanted, got=miss.got, other=other)


def _remedy(found: Explanation, remedy: Remedy, lines: Lines, terminal: Terminal) -> Iterator[str]:
    if not remedy.insertions:
        yield f"  No patch       {remedy.reason}."
        return
    yield from patch_text(remedy.insertions, lines, terminal)
    if not remedy.besides:
        yield f"  Proved: this opens {question_text(found)} and changes nothing else."
        return
    yield f"  Proved: this opens {question_text(found)} and closes nothing."
    yield "  No smaller change was found, and this one also opens:"
    yield from (f"    {text}" for text in remedy.besides)


def _without_repeated_gaps(parts: Sequence[str]) -> Iterator[str]:
    for index, part in enumerate(parts):
        if part or (index and parts[index - 1]):
            yield part
