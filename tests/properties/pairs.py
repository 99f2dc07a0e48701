"""Every pair of ends of a snapshot, judged one by one and by rows, to hold the two evaluators against each other."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.engine.compile import Program
from podfence.engine.frame import Frame
from podfence.engine.decide import is_own_node
from podfence.engine.judge import Domain, Outside, Party, judge
from podfence.engine.reach import Reach
from podfence.model.net import Protocol
from podfence.model.objects import Node, Pod
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End


def parties(snapshot: Snapshot, program: Program) -> Iterator[tuple[Party, int]]:
    """Give every party of a snapshot with its class."""
    classes = program.classes
    yield from zip(snapshot.pods, classes.of_pod, strict=True)
    yield from zip(snapshot.nodes, classes.of_node, strict=True)
    for number, atom in enumerate(classes.addresses.atoms.atoms):
        yield Outside(atom.ranges[:1]), classes.first_atom + number
    for name, number in classes.domains.items():
        yield Domain(name), number


def disagreements(snapshot: Snapshot) -> Iterator[str]:
    """Name every pair and port on which the two evaluators differ."""
    program = Program(Frame(snapshot))
    reach = Reach(program)
    everyone = list(parties(snapshot, program))
    rows = {number: reach.row(number).reached for _, number in everyone}
    for source, source_class in everyone:
        for destination, destination_class in everyone:
            if not isinstance(source, Pod) and not isinstance(destination, Pod):
                continue
            if source is destination or (is_own(source, destination)):
                continue
            for atom, (protocol, first, last) in enumerate(program.ports.atoms):
                expected = judge(snapshot, source, destination, protocol, first).allowed
                edge = judge(snapshot, source, destination, protocol, last).allowed
                found = any(
                    mask >> atom & 1 and classes >> destination_class & 1
                    for mask, classes in rows[source_class].items()
                )
                if not expected == edge == found:
                    yield f"{source} -> {destination} {protocol.value} {first}-{last}: {expected}, {edge}, {found}"


def is_own(source: Party, destination: Party) -> bool:
    """Tell whether the own-node rule decides, which classes cannot know."""
    if not isinstance(destination, Pod) or destination.host_network:
        return False
    if isinstance(source, Node):
        return is_own_node(End(node=source), destination)
    return isinstance(source, Pod) and is_own_node(End(pod=source), destination)


__all__ = ["Protocol", "disagreements", "parties"]
