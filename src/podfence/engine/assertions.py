"""Whether a cluster is as somebody expects it to be.

``expect: allow`` holds when every pair of ends may connect on every port, ``expect: deny`` when none may on any.
Everything is asked of the evaluator that answers ``why``; only who else may connect is read from the whole map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from itertools import islice
from operator import or_

import msgspec

from podfence.engine.atoms import AddressAtoms, PortAtoms
from podfence.engine.connectivity import Connectivity
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Endpoint, Grouping
from podfence.engine.explanation import Explanation, explain_answer
from podfence.engine.focus import Focus
from podfence.engine.judge import Outside, Party
from podfence.engine.question import Answer, Asked, about, judge_pair, may_connect, pairs_of, parse_port, ports_at
from podfence.engine.resolve import Resolved, resolve
from podfence.engine.vocabulary import Vocabulary
from podfence.model.assertion import Assertion
from podfence.model.error import PodfenceError
from podfence.model.net import AddressRange, Protocol, format_address, intersect, subtract
from podfence.model.snapshot import Snapshot


class Flaw(msgspec.Struct, frozen=True):
    """One connection that is not as expected, with the reason; or ``others``, who may connect and should not.

    The reason is then that of the first of them who can be asked for.

    ``packets`` says what real ones did, where they were sent and did something else.
    """

    source: str
    destination: str
    port: str
    explanation: Explanation | None = None
    others: tuple[Endpoint, ...] = ()
    packets: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What became of an assertion: it holds without flaws; ``error`` says why it could not be judged.

    ``tried`` counts the connections that were made for it with packets, ``untried`` names ends that were not to be had.
    """

    assertion: Assertion
    flaws: tuple[Flaw, ...] = ()
    error: str = ""
    tried: int = 0
    untried: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Tell whether everything is as expected."""
        return not self.flaws and not self.error


class Examiner:
    """Judges assertions about one snapshot; ``searched`` says in errors where was looked."""

    def __init__(self, snapshot: Snapshot, namespace: str | None = None, searched: str = "the manifests") -> None:
        self._directory = Directory(snapshot, searched)
        self._namespace = namespace
        self._searched = searched

    def examine(self, assertion: Assertion) -> Outcome:
        """Judge one assertion; a name that resolves to nothing ends in ``Outcome.error``."""
        try:
            return Outcome(assertion, tuple(self._flaws(assertion)))
        except PodfenceError as error:
            return Outcome(assertion, error=str(error))

    def _flaws(self, assertion: Assertion) -> Iterator[Flaw]:
        sources = [resolve(self._directory, text, self._namespace) for text in assertion.sources]
        for text in assertion.destinations:
            destination = resolve(self._directory, text, self._namespace)
            for source in sources:
                asked = self._ports(assertion, source, destination)
                flaws = (self._flaw(source, destination, port, expected=assertion.allowed) for port in asked)
                yield from islice((flaw for flaw in flaws if flaw is not None), 1)
            if assertion.only:
                yield from self._others(assertion, sources, text, destination)

    def _ports(self, assertion: Assertion, source: Resolved, destination: Resolved) -> Sequence[Asked]:
        """Give the ports to ask for; all traffic is one port out of each piece that no policy cuts."""
        if assertion.ports:
            return [parse_port(text) for text in assertion.ports]
        if destination.service is not None:
            return [Asked(port.protocol, port.port) for port in destination.service.ports]
        near = self._directory.near((*source.parties, *destination.parties))
        declared = {(p.protocol, p.number, p.number) for pod in destination.pods for p in pod.named_ports}
        atoms = PortAtoms([*Vocabulary(near.policies).port_ranges, *declared]).atoms
        return [Asked(protocol, first) for protocol, first, _ in atoms]

    def _flaw(self, source: Resolved, destination: Resolved, port: Asked, *, expected: bool) -> Flaw | None:
        """Find the first pair that is not as expected; a block is denied only if every address in it is."""
        near = self._directory.near((*source.parties, *destination.parties))
        if not expected:
            source, destination = (_cut(end, near) for end in (source, destination))
        pairs = tuple(pairs_of(self._directory, near, source, destination, port))
        for pair in pairs:
            narrow = about(near, pair)
            verdict = judge_pair(narrow, pair)
            if verdict.allowed is not expected or (not expected and may_connect(narrow, pair)):
                told = pairs if expected else (pair,)  # of the others nothing is known when one is allowed
                found = explain_answer(source, destination, port, Answer(verdict, pair, told, narrow))
                return Flaw(source.display, destination.display, str(port), found)
        return None

    def _others(
        self, assertion: Assertion, sources: Sequence[Resolved], text: str, destination: Resolved
    ) -> Iterator[Flaw]:
        """Find who else may connect; a pod itself and the node that it runs on always may."""
        expected = {number for source in assertion.sources for number in self._map.find(source, self._namespace)}
        blocks = [piece for source in sources for party in source.parties for piece in _ranges(party)]
        mask = self._mask(assertion, destination)
        found: dict[str, Endpoint] = {}
        for other, number, ports in self._map.reaching(self._map.find(text, self._namespace)):
            endpoint = self._map.endpoints[other]
            left = subtract(endpoint.ranges, blocks)
            is_own = set(endpoint.host_nodes).intersection(self._map.endpoints[number].runs_on)
            if ports & mask and not is_own and (left or other not in expected):
                found[endpoint.id] = msgspec.structs.replace(endpoint, ranges=left)
        if found:
            port = ", ".join(assertion.ports) or "any port"
            others = tuple(found[name] for name in sorted(found))
            reasons = (self._reason(other, assertion, destination) for other in others)
            reason = next((reason for reason in reasons if reason is not None), None)
            yield Flaw("others", destination.display, port, reason, others)

    def _reason(self, other: Endpoint, assertion: Assertion, destination: Resolved) -> Explanation | None:
        """Tell why somebody may connect; ``None`` for who has no name that can be asked for."""
        text = format_address(other.ranges[0].first) if other.ranges else other.id
        try:
            source = resolve(self._directory, text, self._namespace)
            asked = self._ports(assertion, source, destination)
            flaws = (self._flaw(source, destination, port, expected=False) for port in asked)
            return next((flaw.explanation for flaw in flaws if flaw is not None), None)
        except PodfenceError:
            return None

    def _mask(self, assertion: Assertion, destination: Resolved) -> int:
        """Give the port atoms that are asked about, at any pod of a destination."""
        service = destination.service
        asked = [parse_port(text) for text in assertion.ports]
        if not asked and service is None:
            return self._map.all_ports
        if not asked and service is not None:
            asked = [Asked(port.protocol, port.port) for port in service.ports]
        numbers = (
            item
            for port in asked
            for party in destination.parties
            for item in ports_at(self._directory, destination, party, port)
        )
        return reduce(or_, (self._map.port(protocol, number) for protocol, number in numbers), 0)

    @cached_property
    def _map(self) -> _Map:
        return _Map(self._directory.snapshot, self._searched)


class _Map:
    """Who reaches whom by pod, asked from the destination's side."""

    def __init__(self, snapshot: Snapshot, searched: str) -> None:
        self._connectivity = Connectivity(snapshot, Grouping.POD)
        self._focus = Focus(self._connectivity, searched)
        self._ports = self._connectivity.program.ports
        self.endpoints = self._connectivity.endpoints
        self.all_ports = self._ports.everything
        self._found: dict[tuple[str, str | None], frozenset[int]] = {}

    def find(self, text: str, namespace: str | None) -> frozenset[int]:
        """Find the endpoints that a text means, none where the map knows nobody there."""
        key = (text, namespace)
        if key not in self._found:
            try:
                self._found[key] = self._focus.find(text, namespace)
            except PodfenceError:
                self._found[key] = frozenset()
        return self._found[key]

    def port(self, protocol: Protocol, number: int) -> int:
        """Give the atom of a port as a set."""
        return 1 << self._ports.find(protocol, number)

    def reaching(self, numbers: frozenset[int]) -> Iterator[tuple[int, int, int]]:
        """List who reaches some endpoints: source, destination and port atoms; nobody reaches himself."""
        for source, outgoing in self._connectivity.connections():
            for number, mask in outgoing:
                if number in numbers and number != source:
                    yield source, number, mask


def _cut(end: Resolved, near: Snapshot) -> Resolved:
    """Cut blocks of addresses into pieces that every policy takes for one."""
    if not any(isinstance(party, Outside) for party in end.parties):
        return end
    pieces = AddressAtoms(list(Vocabulary(near.policies).blocks)).atoms
    parties: list[Party] = []
    for party in end.parties:
        if isinstance(party, Outside):
            found = (intersect(party.ranges, piece.ranges) for piece in pieces)
            parties.extend(Outside(ranges) for ranges in found if ranges)
        else:
            parties.append(party)
    return msgspec.structs.replace(end, parties=tuple(parties))


def _ranges(party: Party) -> tuple[AddressRange, ...]:
    return party.ranges if isinstance(party, Outside) else ()
