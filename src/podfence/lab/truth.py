"""What the engine says of every connection that can be tried in a lab, and whether the packets agree."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from podfence.engine.decide import decide
from podfence.engine.directory import Directory
from podfence.engine.judge import Party
from podfence.model.net import Protocol, family_of, format_address
from podfence.model.objects import Node, Pod
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import End, Flow

Object = dict[str, Any]
Port = tuple[Protocol, int]

NOBODY_LISTENS: Final = (Protocol.TCP, 80)
"""What is tried at a pod that declares no port: a packet that arrives there is refused, which tells as much."""

_ARRIVED: Final = ("OK", "REFUSED")
_SERVED = re.compile(r"SERVE_(?:(TCP|UDP|SCTP)_)?PORT_([0-9]+)\Z")


class Question(msgspec.Struct, frozen=True):
    """One connection: from a place of the lab's network to an address and port, and whether it is to arrive.

    ``from_address`` chooses among the addresses of a place that stands for many.
    """

    place: str
    source: str
    destination: str
    address: str
    protocol: Protocol
    port: int
    expected: bool
    from_address: str = ""


class Cell(msgspec.Struct, frozen=True):
    """A question with what the packets said: ``OK``, ``REFUSED``, ``TIMEOUT`` or ``OTHER: …``."""

    question: Question
    outcome: str

    @property
    def arrived(self) -> bool:
        """Tell whether the packets got there, be anybody there or not."""
        return self.outcome in _ARRIVED

    @property
    def agrees(self) -> bool:
        """Tell whether the packets did what the engine says; what is neither here nor there does not."""
        return self.arrived is self.question.expected and (self.arrived or self.outcome == "TIMEOUT")


class Ends(msgspec.Struct, frozen=True):
    """Where connections come from and go to; ``places`` and ``ports`` are by namespace and name of the pod."""

    snapshot: Snapshot
    places: Mapping[tuple[str, str], str]
    ports: Mapping[tuple[str, str], tuple[Port, ...]]


def ends_of(snapshot: Snapshot, pods: Iterable[Object]) -> Ends:
    """Collect the ends of a lab out of its snapshot and its pods as the API has them."""
    places: dict[tuple[str, str], str] = {}
    ports: dict[tuple[str, str], tuple[Port, ...]] = {}
    for pod in pods:
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        places[key] = f"pod/{pod['metadata']['uid']}"
        ports[key] = tuple(dict.fromkeys(_ports(pod["spec"]))) or (NOBODY_LISTENS,)
    return Ends(snapshot, places, ports)


def _ports(spec: Object) -> Iterator[Port]:
    sidecars = (one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always")
    for container in (*(spec.get("containers") or ()), *sidecars):
        for port in container.get("ports") or ():
            yield Protocol(port.get("protocol") or "TCP"), port["containerPort"]
        for variable in container.get("env") or ():
            if found := _SERVED.match(variable["name"]):
                yield Protocol(found[1] or "TCP"), int(found[2])


def questions(ends: Ends) -> Iterator[Question]:
    """List every pair of ends with every port and address family, and what the engine says of it."""
    directory = Directory(ends.snapshot)
    near: dict[tuple[str | None, str], Snapshot] = {}
    running = [pod for pod in ends.snapshot.pods if not pod.host_network and (pod.namespace, pod.name) in ends.places]
    sources: list[Pod | Node] = [*running, *ends.snapshot.nodes]
    for source in sources:
        for destination in running:
            if source is destination:
                continue
            key = (source.namespace if isinstance(source, Pod) else None, destination.namespace)
            if key not in near:
                near[key] = _around(directory, key)
            for address in destination.addresses:
                yield from _asked(ends, near[key], source, destination, address)


def _around(directory: Directory, namespaces: tuple[str | None, str]) -> Snapshot:
    """Leave only the policies of two namespaces and those of the cluster; nodes and namespaces all stay."""
    wanted = (None, *namespaces)
    policies = (policy for policy in directory.snapshot.policies if policy.ref.namespace in wanted)
    return directory.snapshot.with_policies(policies)


def _asked(ends: Ends, near: Snapshot, source: Pod | Node, destination: Pod, address: int) -> Iterator[Question]:
    own = next((one for one in source.addresses if family_of(one) is family_of(address)), None)
    if own is None:
        return
    for protocol, port in ends.ports[destination.namespace, destination.name]:
        flow = Flow(_end(source, own), End(pod=destination, address=address), protocol, port)
        yield Question(
            place=_place(ends, source),
            source=name_of(source),
            destination=name_of(destination),
            address=format_address(address),
            protocol=protocol,
            port=port,
            expected=decide(near, flow).allowed,
        )


def _end(party: Pod | Node, address: int) -> End:
    return End(pod=party, address=address) if isinstance(party, Pod) else End(node=party, address=address)


def _place(ends: Ends, party: Pod | Node) -> str:
    return f"node/{party.name}" if isinstance(party, Node) else ends.places[party.namespace, party.name]


def name_of(party: Party) -> str:
    """Name an end as people do."""
    return f"{party.namespace}/{party.name}" if isinstance(party, Pod) else f"node/{getattr(party, 'name', '')}"


def by_source(asked: Sequence[Question]) -> dict[tuple[str, str], list[int]]:
    """Group questions by the place and address that they are tried from; gives their numbers."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, question in enumerate(asked):
        found[question.place, question.from_address].append(number)
    return found
