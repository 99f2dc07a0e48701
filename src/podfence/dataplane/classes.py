"""A class: the pods that the same policies judge in one direction, and the chain that judges for all of them.

Falling off the end of a chain, or ``return``, means that this direction is satisfied; a denial goes to a chain of
its own, which is shared by whoever denies for the same reason. So egress and ingress compose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.dataplane.clauses import Needs, Numbers, clauses_of, contested_match, itself_match
from podfence.dataplane.logs import Logs, reason_text
from podfence.dataplane.naming import digest, quoted, sealed
from podfence.dataplane.objects import Chain, Clause, Element, NamedSet
from podfence.engine.decide import ITSELF, PERHAPS_PASSED
from podfence.engine.fail_closed import closed_rules
from podfence.model.net import Family, Protocol
from podfence.model.objects import NamedPort
from podfence.model.policy import Action, Direction, Policy, PortName, Rule, Tier
from podfence.model.reason import Reason
from podfence.model.verdict import DecidedIn

MOST_RULES = 32
"""Rules that a class holds in its own chain, which is written as a whole whenever one of them changes."""

TIERS = (Tier.ADMIN, Tier.NETWORK_POLICY, Tier.BASELINE)


class ClassKey(msgspec.Struct, frozen=True):
    """What makes pods one class in a family: the policies in their order and, entering, what port names mean there."""

    direction: Direction
    family: Family
    policies: tuple[tuple[str, str | None, str], ...]
    numbers: tuple[tuple[PortName, tuple[tuple[Protocol, int], ...]], ...] = ()

    @property
    def name(self) -> str:
        """Name the chain of the class."""
        parts = [part or "" for identity in self.policies for part in identity]
        ports = [f"{n.name} {n.protocol} {protocol} {port}" for n, found in self.numbers for protocol, port in found]
        # The name at which a number stands matters even when there is none.
        names = [f"{n.name} {n.protocol}" for n, _ in self.numbers]
        kind = f"{'eg' if self.direction is Direction.EGRESS else 'in'}{self.family.value}"
        return f"{kind}-{digest(kind, *parts, '', *names, '', *ports)}"


class CompiledClass(msgspec.Struct, frozen=True):
    """The chains of a class, its own first, and everything they need."""

    name: str
    chains: dict[str, Chain]
    clauses: tuple[Clause, ...]
    needs: Needs
    sets: dict[str, tuple[NamedSet, dict[str, Element]]]
    is_open: bool


class _Step(msgspec.Struct, frozen=True):
    """A clause with what it is logged as."""

    clause: Clause
    reason: Reason
    comment: str


def numbers_at(names: Iterable[PortName], ports: Iterable[NamedPort]) -> Numbers:
    """Tell what each port name means at a pod: every number that it declares under the name, the protocol matching."""
    listed = list(ports)
    return {
        name: tuple(
            sorted(
                {
                    (port.protocol, port.number)
                    for port in listed
                    if port.name == name.name and name.protocol in {None, port.protocol}
                }
            )
        )
        for name in names
    }


def port_names(policies: Iterable[Policy], direction: Direction) -> list[PortName]:
    """List the port names that the rules of some policies speak of, in an order of their own."""
    found = {
        port
        for policy in policies
        for rule in closed_rules(policy, direction) or ()
        for port in rule.ports or ()
        if isinstance(port, PortName)
    }
    return sorted(found, key=lambda name: (name.name, name.protocol or ""))


def compile_class(key: ClassKey, policies: Sequence[Policy], logs: Logs) -> CompiledClass:
    """Write the chains of a class; ``policies`` stand in the order of evaluation."""
    return _Writer(key, policies, logs).compiled()


def _match(clause: Clause) -> str:
    return " ".join(filter(None, (clause.addresses.expression, clause.ports.expression)))


def _reachable(steps: Iterable[_Step]) -> list[_Step]:
    """Leave out steps of one tier that match what an earlier one does: whatever they do, that one has done its own."""
    found: dict[str, _Step] = {}
    for step in steps:
        found.setdefault(_match(step.clause), step)
    return list(found.values())


class _Writer:
    def __init__(self, key: ClassKey, policies: Sequence[Policy], logs: Logs) -> None:
        self.key, self.logs = key, logs
        self.by_tier = {tier: [p for p in policies if p.tier is tier] for tier in TIERS}
        self.isolating = self.by_tier[Tier.NETWORK_POLICY]
        self.needs = Needs(key.family)
        self.chains: dict[str, Chain] = {}

    def compiled(self) -> CompiledClass:
        steps = {tier: _reachable(self._steps(tier)) for tier in TIERS}
        if self.isolating:
            steps[Tier.NETWORK_POLICY].insert(0, self._itself())
            del steps[Tier.BASELINE]
        clauses = tuple(step.clause for found in steps.values() for step in found)
        if self.isolating:
            clauses += (Clause(Tier.NETWORK_POLICY, Action.DENY),)
        name = self.key.name
        self._write(name, steps)
        return CompiledClass(
            name=name,
            chains=self.chains,
            clauses=clauses,
            needs=self.needs,
            sets=self.needs.sets(),
            is_open=not clauses,
        )

    def _write(self, name: str, steps: dict[Tier, list[_Step]]) -> None:
        """Write one chain, or two where a pass of the Admin tier must skip the rest of its own tier."""
        rest_name = f"{name}-np"
        admin = steps.pop(Tier.ADMIN)
        passes = any(step.clause.action is Action.PASS for step in admin)
        contested = contested_match(self.key.direction, self.key.family).expression
        head = [f"{contested} goto contested"] if self.isolating or admin or any(steps.values()) else []
        head += [self._rule(step, f"goto {rest_name}") for step in admin]
        rest = [self._rule(step, self._accept_default()) for found in steps.values() for step in found]
        rest.append(self._end())
        if passes:
            self._put_chain(name, self._comment(), [*head, f"goto {rest_name}"])
            self._put_chain(rest_name, f"after the Admin tier of {name}", rest, self._end_text())
        else:
            self._put_chain(name, self._comment(), [*head, *rest], self._end_text())

    def _put_chain(self, name: str, comment: str, rules: Sequence[str], end: str = "") -> None:
        """Put a chain, and many rules into one that is named by what it holds.

        Such a chain never changes: another can be made in any number of transactions before one rule leads to it.
        """
        if len(rules) > MOST_RULES:
            body = f"rules-{digest(*rules, end)}"
            self.chains[body] = Chain("the rules of a class", sealed(rules, end))
            rules = [f"goto {body}"]
        self.chains[name] = Chain(comment, sealed(rules, end))

    def _steps(self, tier: Tier) -> Iterator[_Step]:
        for policy in self.by_tier[tier]:
            for rule in closed_rules(policy, self.key.direction) or ():
                yield from self._steps_of(policy, rule)

    def _steps_of(self, policy: Policy, rule: Rule) -> Iterator[_Step]:
        numbers = dict(self.key.numbers)
        for clause in clauses_of(rule, policy.tier, self.key.direction, numbers, self.needs):
            doubtful = rule.action is Action.PASS and clause.action is Action.DENY
            reason = Reason(
                allowed=clause.action is not Action.DENY,
                direction=self.key.direction,
                tier=DecidedIn(policy.tier.value),
                policy=policy.ref,
                path=rule.path,
                rule_name=rule.name,
                note=PERHAPS_PASSED if doubtful else "",
            )
            name = f" {rule.name}" if rule.name else ""
            yield _Step(clause, reason, f"{policy.ref.kind} {policy.ref} {rule.path}{name}")

    def _itself(self) -> _Step:
        clause = Clause(Tier.NETWORK_POLICY, Action.ACCEPT, itself_match(self.key.family))
        return _Step(clause, self._default(allowed=True, note=ITSELF), "the pod itself, through a Service")

    def _rule(self, step: _Step, passing: str) -> str:
        clause = step.clause
        match = _match(clause)
        if clause.action is Action.PASS:
            verdict = passing
        elif clause.action is Action.DENY:
            verdict = f"goto {self._logged(step.reason)}"
        else:
            verdict = self._accept(step.reason)
        # No counter: it would take a third of all the memory, and denials are counted where they are logged.
        return f"{match} {verdict} comment {quoted(step.comment)}".lstrip()

    def _accept(self, reason: Reason) -> str:
        return f"goto {self._logged(reason)}" if self.logs.settings.log_allowed else "return"

    def _accept_default(self) -> str:
        return self._accept(self._default(allowed=True))

    def _end(self) -> str:
        if self.isolating:
            denied = self._default(allowed=False)
            return f"goto {self._logged(denied)}"
        return self._accept_default()

    def _end_text(self) -> str:
        return reason_text(self._default(allowed=False)) if self.isolating else "nothing denies it"

    def _default(self, *, allowed: bool, note: str = "") -> Reason:
        if allowed:
            return Reason(allowed, self.key.direction, DecidedIn.DEFAULT, note=note)
        isolated_by = tuple(policy.ref for policy in self.isolating)
        return Reason(allowed, self.key.direction, DecidedIn.NETWORK_POLICY, isolated_by=isolated_by)

    def _logged(self, reason: Reason) -> str:
        name, chain = self.logs.chain(reason)
        self.chains[name] = chain
        return name

    def _comment(self) -> str:
        what = "leaves" if self.key.direction is Direction.EGRESS else "enters"
        names = ", ".join(str(p.ref) for tier in TIERS for p in self.by_tier[tier])
        return f"what {what} the pods of {names}" if names else f"what {what} pods that no policy selects"
