"""Every pair of ends of a snapshot, judged one by one and by rows, to hold the two evaluators against each other.

``judge`` answers a question as if nobody had ever asked it before. Here it is asked some thousand times about one
snapshot, so what it works out on the way is remembered (``remembering``): the same functions, each called once for
the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import msgspec

from podfence.engine import decide as decide_module
from podfence.engine import judge as judge_module
from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.reach import Reach
from podfence.model.net import Protocol
from podfence.model.objects import Node, Pod
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import Verdict


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One question with the answer of ``judge``."""

    source: Party
    destination: Party
    protocol: Protocol
    port: int
    verdict: Verdict

    def __str__(self) -> str:
        ends = f"{party_name(self.source)} -> {party_name(self.destination)}"
        return f"{ends} {self.protocol.value} {self.port}"


def party_name(party: Party) -> str:
    """Name a party for people."""
    match party:
        case Outside():
            return " ".join(map(str, party.ranges))
        case Domain():
            return f"domain {party.name}"
        case Node():
            return f"node {party.name}"
        case Pod():
            return f"{party.namespace}/{party.name}"


def parties(snapshot: Snapshot, program: Program) -> Iterator[tuple[Party, int]]:
    """Give every party of a snapshot with its class; an atom of addresses by one of its pieces, now this, now that."""
    classes = program.classes
    yield from zip(snapshot.pods, classes.of_pod, strict=True)
    yield from zip(snapshot.nodes, classes.of_node, strict=True)
    for number, atom in enumerate(classes.addresses.atoms.atoms):
        yield Outside((atom.ranges[number % len(atom.ranges)],)), classes.first_atom + number
    for name, number in classes.domains.items():
        yield Domain(name), number


def disagreements(snapshot: Snapshot) -> Iterator[str]:
    """Name every pair and port on which the two evaluators differ."""
    program = Program(Frame(snapshot))
    reach = Reach(program)
    class_of = dict(enumerate(parties(snapshot, program)))
    rows = {number: reach.row(number).reached for _, number in class_of.values()}
    for source, destination, found_verdicts in judged(program, [party for party, _ in class_of.values()], snapshot):
        row = rows[class_of[source][1]]
        reached = sum(ports for ports, classes in row.items() if classes >> class_of[destination][1] & 1)
        # A class cannot know the own node; whatever comes from there must be allowed.
        own = is_own_node(class_of[source][0], class_of[destination][0])
        for atom, asked in enumerate(found_verdicts):
            found = own or bool(reached >> atom & 1)
            if asked.verdict.allowed is not found:
                yield f"{asked}: rows say {found}"


def answers(snapshot: Snapshot) -> Iterator[Asked]:
    """Judge every pair of parties on every atom of ports."""
    program = Program(Frame(snapshot))
    everyone = [party for party, _ in parties(snapshot, program)]
    for _, _, found in judged(program, everyone, snapshot):
        yield from found


def judged(program: Program, everyone: Sequence[Party], snapshot: Snapshot) -> Iterator[tuple[int, int, list[Asked]]]:
    """Judge every pair of parties, by their positions, on one port of every atom: its first and its last in turn."""
    turn = 0
    with remembering():
        for a, source in enumerate(everyone):
            for b, destination in enumerate(everyone):
                if not isinstance(source, Pod) and not isinstance(destination, Pod):
                    continue
                found = []
                for protocol, *ends in program.ports.atoms:
                    turn += 1
                    port = ends[turn % 2]
                    verdict = judge_module.judge(snapshot, source, destination, protocol, port)
                    found.append(Asked(source, destination, protocol, port, verdict))
                # An even number of atoms would ask every pair for the same ends.
                turn += 1 - len(found) % 2
                yield a, b, found


def is_own_node(source: Party, destination: Party) -> bool:
    """Tell whether the source is, or is on the network of, the node that a governed pod runs on."""
    if not isinstance(destination, Pod) or destination.host_network or destination.node is None:
        return False
    if isinstance(source, Node):
        return source.name == destination.node
    return isinstance(source, Pod) and source.host_network and source.node == destination.node


_REMEMBERED: tuple[tuple[ModuleType, str], ...] = (
    (judge_module, "_only_policies_of"),
    (judge_module, "_cuts"),
    (judge_module, "_ends"),
    (decide_module, "policies_on"),
    (decide_module, "closed_rules"),
)
"""Pure functions that ``judge`` calls again and again with the same objects."""


@contextmanager
def remembering() -> Iterator[None]:
    """Let ``judge`` call each of its own functions once for the same objects."""
    patches = [patch.object(module, name, _once(getattr(module, name))) for module, name in _REMEMBERED]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[int, ...], tuple[tuple[object, ...], Any]] = {}

    def remembered(*arguments: object) -> object:
        key = tuple(map(id, arguments))
        try:
            return known[key][1]
        except KeyError:
            value = function(*arguments)
            # Kept with its arguments: were they forgotten, another object could get the same id.
            found = known[key] = (arguments, list(value) if isinstance(value, Iterator) else value)
            return found[1]

    return remembered
