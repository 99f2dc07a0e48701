"""Holds assertions against the packets of a lab: which connections each speaks of, and what became of them.

The engine has judged them before; here the same ends connect for real. An end that nobody in the lab stands for is
said to be untried, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.engine.assertions import Flaw, Outcome
from podfence.engine.decide import is_own_node
from podfence.engine.directory import Directory
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.question import Asked, parse_port, ports_at
from podfence.engine.resolve import Resolved, resolve
from podfence.lab.comparing import read_ends, try_patiently
from podfence.lab.folder import LabFolder
from podfence.lab.outside import HOSTS, addresses
from podfence.lab.truth import NOBODY_LISTENS, OUTSIDE, Cell, Ends, Port, Question, name_of
from podfence.model.assertion import Assertion
from podfence.model.net import family_of, format_address, parse_address
from podfence.model.objects import Node, Pod, ServicePort
from podfence.model.verdict import End


class Spot(msgspec.Struct, frozen=True):
    """Where packets can be sent from or to: a place of the lab's network, its name for people, and an address."""

    party: Party
    place: str
    name: str
    address: int


class Attempted(msgspec.Struct, frozen=True):
    """What an assertion makes of the lab: connections to try, and ends of it that cannot be."""

    questions: tuple[Question, ...]
    untried: tuple[str, ...]


class Assertions:
    """Turns assertions about a lab into connections; ``namespace`` is that of ends that name none."""

    def __init__(self, ends: Ends, namespace: str | None) -> None:
        self._ends = ends
        self._directory = Directory(ends.snapshot)
        self._namespace = namespace

    def attempted(self, assertion: Assertion) -> Attempted:
        """List the connections of an assertion; what it expects of each is ``Question.expected``."""
        resolved = [resolve(self._directory, text, self._namespace) for text in assertion.sources]
        sources = [spot for one in resolved for party in one.parties for spot in self._spots(party)]
        questions: list[Question] = []
        untried = [one.display for one in resolved if not any(map(self._has_spots, one.parties))]
        for text in assertion.destinations:
            destination = resolve(self._directory, text, self._namespace)
            if not any(map(self._has_spots, destination.parties)):
                untried.append(destination.display)
            questions += self._asked(assertion, destination, sources, expected=assertion.allowed)
            if assertion.only:
                questions += self._asked(assertion, destination, self._others(sources), expected=False)
        return Attempted(tuple(dict.fromkeys(questions)), tuple(untried))

    def _asked(
        self, assertion: Assertion, destination: Resolved, sources: Sequence[Spot], *, expected: bool
    ) -> Iterator[Question]:
        for party in destination.parties:
            ports = self._ports(assertion, destination, party)
            for target in self._spots(party):
                for source in sources:
                    if _differ(source, target, expected=expected):
                        yield from (_question(source, target, port, expected=expected) for port in ports)
        yield from self._through_service(assertion, destination, sources, expected=expected)

    def _through_service(
        self, assertion: Assertion, destination: Resolved, sources: Sequence[Spot], *, expected: bool
    ) -> Iterator[Question]:
        """Go through the address of a Service as well; nobody outside the cluster finds it."""
        service = destination.service
        inside = [source for source in sources if source.place != OUTSIDE and source.party not in destination.parties]
        if service is None or service.headless or not destination.parties:
            return
        asked = [parse_port(text) for text in assertion.ports]
        meant = [item for item in service.ports if not asked or any(_means(one, item) for one in asked)]
        for address in service.addresses:
            behind = [Spot(party, "", destination.display, address) for party in destination.parties]
            for source in inside:
                if all(_differ(source, target, expected=expected) for target in behind):
                    for item in meant:
                        yield _question(source, behind[0], (item.protocol, item.port), expected=expected)

    def _ports(self, assertion: Assertion, destination: Resolved, party: Party) -> list[Port]:
        """Give the ports to try at one end; without any those that it declares stand for all traffic."""
        asked = [parse_port(text) for text in assertion.ports]
        if not asked and destination.service is not None:
            asked = [parse_port(f"{port.port}/{port.protocol.value}") for port in destination.service.ports]
        if asked:
            found = [port for one in asked for port in ports_at(self._directory, destination, party, one)]
            return [port for port in found if port[1]]
        if isinstance(party, Pod):
            return list(self._ends.ports.get((party.namespace or "", party.name), (NOBODY_LISTENS,)))
        return [NOBODY_LISTENS]

    def _others(self, sources: Sequence[Spot]) -> list[Spot]:
        known = {(source.place, source.address) for source in sources}
        parties: list[Party] = [*self._ends.snapshot.pods, *self._ends.snapshot.nodes]
        spots = (spot for party in parties for spot in self._spots(party))
        return [spot for spot in spots if (spot.place, spot.address) not in known]

    def _has_spots(self, party: Party) -> bool:
        return next(self._spots(party), None) is not None

    def _spots(self, party: Party) -> Iterator[Spot]:
        """Give the addresses by which a party takes part in the lab."""
        if isinstance(party, Node):
            yield from (Spot(party, f"node/{party.name}", name_of(party), address) for address in party.addresses)
        elif isinstance(party, Pod):
            place = self._ends.places.get((party.namespace, party.name))
            if place is not None:
                on = f"node/{party.node}" if party.host_network else place
                yield from (Spot(party, on, name_of(party), address) for address in party.addresses)
        else:
            yield from (Spot(party, OUTSIDE, format_address(one), one) for one in _hosts(party))


def _means(asked: Asked, item: ServicePort) -> bool:
    is_it = asked.name == item.name if asked.name else asked.number == item.port
    return is_it and asked.protocol in (None, item.protocol)


def _hosts(party: Outside | Domain) -> list[int]:
    """Give the addresses of the lab's outside that are among a party's."""
    if isinstance(party, Domain):
        named = {name: host for host in HOSTS for name in host.names}
        found = named.get(party.name)
        return [parse_address(address) for address in found.addresses] if found is not None else []
    known = map(parse_address, addresses())
    return [one for one in known if any(piece.first <= one <= piece.last for piece in party.ranges)]


def _differ(source: Spot, target: Spot, *, expected: bool) -> bool:
    """Tell whether packets between two ends say anything of policies: not from a place to itself.

    A pod's own node always reaches it (specification of ``NetworkPolicySpec``), whatever is expected of others.
    """
    if source.place == target.place or family_of(source.address) is not family_of(target.address):
        return False
    if expected or not isinstance(target.party, Pod) or not isinstance(source.party, Node | Pod):
        return True
    end = End(node=source.party) if isinstance(source.party, Node) else End(pod=source.party)
    return not is_own_node(end, target.party)


def _question(source: Spot, target: Spot, port: Port, *, expected: bool) -> Question:
    return Question(
        place=source.place,
        source=source.name,
        destination=target.name,
        address=format_address(target.address),
        protocol=port[0],
        port=port[1],
        expected=expected,
        from_address=format_address(source.address) if source.place == OUTSIDE else "",
        hosts=(target.party.name,) if isinstance(target.party, Domain) and isinstance(source.party, Pod) else (),
    )


def hold(folder: LabFolder, outcomes: Sequence[Outcome], namespace: str | None, timeout_s: float) -> list[Outcome]:
    """Try what some assertions speak of with packets, and add what they said to what the engine says.

    Those that could not be judged are left as they are. Raises ``PodfenceError`` when nothing can be tried.
    """
    assertions = Assertions(read_ends(folder), namespace)
    attempted = [Attempted((), ()) if one.error else assertions.attempted(one.assertion) for one in outcomes]
    asked = list(dict.fromkeys(question for one in attempted for question in one.questions))
    cells = dict(zip(asked, try_patiently(folder, asked, timeout_s), strict=True))
    return [
        _with_packets(outcome, one.untried, [cells[question] for question in one.questions])
        for outcome, one in zip(outcomes, attempted, strict=True)
    ]


def _with_packets(outcome: Outcome, untried: tuple[str, ...], cells: Sequence[Cell]) -> Outcome:
    flaws = tuple(_flaw(cell) for cell in _one_each(cell for cell in cells if not cell.agrees))
    return msgspec.structs.replace(outcome, flaws=(*outcome.flaws, *flaws), tried=len(cells), untried=untried)


def _one_each(cells: Iterable[Cell]) -> list[Cell]:
    """Leave one of the connections between two ends on one port: both address families say the same."""
    found = {(c.question.source, c.question.destination, c.question.protocol, c.question.port): c for c in cells}
    return [found[key] for key in sorted(found)]


def _flaw(cell: Cell) -> Flaw:
    asked = cell.question
    came = "arrived, expected denied" if cell.arrived else f"did not arrive ({cell.outcome}), expected allowed"
    port = f"{asked.protocol.value} {asked.port}"
    return Flaw(asked.source, f"{asked.destination} ({asked.address})", port, packets=f"packets {came}")
