"""Ports by relation to what containers declare and what Services translate."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator

from podfence.engine import bitset
from podfence.lint.found import Check, Found, rule_number
from podfence.lint.inspection import Inspection, Placed, speaks_of, target_ports
from podfence.lint.manual.ports import NAMED_PORT_AMBIGUOUS, NAMED_PORT_UNKNOWN, SERVICE_PORT
from podfence.lint.mend import Mend, Put
from podfence.lint.names import and_more, pods_text
from podfence.model.net import Protocol
from podfence.model.objects import NamedPort, Pod, Service
from podfence.model.policy import Action, AddressPeer, Direction, PortName, PortRange

_DNS_PORT = 53
"""Left to the rules about DNS, which know more about it."""


def destinations(inspection: Inspection, placed: Placed) -> int:
    """Give the classes of known pods whose ports a rule speaks of: subjects for ingress, peers for egress."""
    if placed.direction is Direction.INGRESS:
        return inspection.subjects(placed.policy) & inspection.known
    return inspection.peers(placed.rule) & inspection.known if placed.rule.peers is not None else 0


def _sees_all(inspection: Inspection, placed: Placed) -> bool:
    """Tell whether the input shows every pod that a rule's destination may be."""
    if placed.direction is Direction.INGRESS:
        namespace = placed.policy.ref.namespace
        return namespace is None or namespace not in inspection.surroundings.made_elsewhere
    return not _is_to_addresses(placed)


def _is_to_addresses(placed: Placed) -> bool:
    """Tell whether a rule's destination holds a block: more than the pods in it may listen on the port."""
    egress = placed.direction is Direction.EGRESS
    return egress and any(isinstance(peer, AddressPeer) for peer in placed.rule.peers or ())


def named_port_unknown(inspection: Inspection) -> Iterator[Found]:
    """Find port names that no destination pod declares."""
    for placed in inspection.rules():
        names = [(index, item) for index, item in enumerate(placed.rule.ports or ()) if isinstance(item, PortName)]
        if not names or not _sees_all(inspection, placed):
            continue
        pods = inspection.pods(destinations(inspection, placed))
        declared = [port for pod in pods for port in pod.named_ports]
        for index, item in names:
            if pods and not any(port.name == item.name and item.protocol in (None, port.protocol) for port in declared):
                yield _unknown(placed, index, item, pods, declared)


def _unknown(placed: Placed, index: int, item: PortName, pods: list[Pod], declared: list[NamedPort]) -> Found:
    path = f"{placed.rule.path}.{placed.rule.ports_field}[{index}]"
    other = next((port for port in declared if port.name == item.name), None)
    known = list(dict.fromkeys(f"{port.name} ({_protocol(port)}{port.number})" for port in declared))
    names = [port.name for port in declared]
    close = difflib.get_close_matches(item.name, names, n=1, cutoff=0.6)
    numbers = {port.number for port in declared}
    meant = close[0] if close else names[0] if len(numbers) == 1 else ""
    count = sum(pod.count for pod in pods)
    said = f" as {item.protocol.value} (it is declared as {other.protocol.value})" if other and item.protocol else ""
    message = (
        f'{rule_number(placed)} allows port "{item.name}", but no container of {pods_text(pods)} declares that name'
        f"{said}: {'it' if count == 1 else 'on these pods it'} allows nothing."
    )
    mends: tuple[Mend, ...] = ()
    field = "port" if placed.policy.ref.kind == "NetworkPolicy" else "destinationNamedPort"
    if other is not None and item.protocol is not None and field == "port":
        mends = (Mend(placed.policy.ref, (Put(f"{path}.protocol", other.protocol.value),)),)
    elif meant:
        mends = (Mend(placed.policy.ref, (Put(f"{path}.{field}", meant),)),)
    return Found(
        NAMED_PORT_UNKNOWN,
        placed.policy.ref,
        f"{path}.{field}",
        message,
        felt=f"connections to {_workloads(pods)} on that port time out.",
        hint=f"declared: {and_more(known, 6)}" if known else "these containers declare no port by name",
        mends=mends,
    )


def _protocol(port: NamedPort) -> str:
    return "" if port.protocol is Protocol.TCP else f"{port.protocol.value} "


def _workloads(pods: list[Pod]) -> str:
    return and_more(list(dict.fromkeys(f"{pod.namespace}/{pod.workload[1] or pod.name}" for pod in pods)))


def named_port_ambiguous(inspection: Inspection) -> Iterator[Found]:
    """Find port names that stand for different numbers in different destination pods."""
    for placed in inspection.rules():
        for index, item in enumerate(placed.rule.ports or ()):
            if not isinstance(item, PortName):
                continue
            numbers: dict[int, list[Pod]] = defaultdict(list)
            for pod in inspection.pods(destinations(inspection, placed)):
                for port in pod.named_ports:
                    if port.name == item.name and item.protocol in (None, port.protocol):
                        numbers[port.number].append(pod)
            if len(numbers) > 1:
                told = [f"{number} on {_workloads(pods)}" for number, pods in sorted(numbers.items())]
                yield Found(
                    NAMED_PORT_AMBIGUOUS,
                    placed.policy.ref,
                    f"{placed.rule.path}.{placed.rule.ports_field}[{index}]",
                    f'Port "{item.name}" is {and_more(told)}; each pod\'s own number is meant.',
                    hint="plugins differ: some open every one of these numbers on all of the pods; numbers are safer",
                )


def service_port(inspection: Inspection) -> Iterator[Found]:
    """Find rules that allow a Service's port where the pods listen on another, which the rules forget."""
    for placed in inspection.rules():
        if placed.rule.action is not Action.ACCEPT or placed.rule.ports is None or _is_to_addresses(placed):
            continue
        numbers = [
            (index, item)
            for index, item in enumerate(placed.rule.ports)
            if isinstance(item, PortRange) and item.first == item.last and item.first != _DNS_PORT
        ]
        classes = destinations(inspection, placed) if numbers else 0
        pods = inspection.pods(classes)
        for index, item in numbers if pods else ():
            found = _translated(inspection, placed, item, pods)
            if found is not None:
                yield _service_finding(inspection, placed, index, item, pods, *found)


def _translated(inspection: Inspection, placed: Placed, item: PortRange, pods: list[Pod]) -> tuple[Service, int] | None:
    """Find the Service whose port a rule gives for its pods', if none of these pods has a use for the number."""
    meant: tuple[Service, int] | None = None
    for pod in {(pod.namespace, pod.workload, pod.labels): pod for pod in pods}.values():
        if (item.protocol, item.first) in _listening(inspection, pod):
            return None
        found = _behind(inspection, item, pod)
        if found is None:
            return None
        meant = meant or found
    if meant is None or _lets_target_through(inspection, placed, item.protocol, meant[1], pods):
        return None
    return meant


def _behind(inspection: Inspection, item: PortRange, pod: Pod) -> tuple[Service, int] | None:
    """Find the Service that sends a port to another one of a pod, ``None`` when one sends something to that port."""
    meant: tuple[Service, int] | None = None
    for service in inspection.services_of(pod):
        for port in service.ports:
            targets = target_ports(port, [pod])
            if (item.protocol, item.first) in targets:
                return None
            same = port.protocol is item.protocol and port.port == item.first
            if same and targets and not service.headless:
                meant = meant or (service, next(iter(targets))[1])
    return meant


def _listening(inspection: Inspection, pod: Pod) -> set[tuple[Protocol, int]]:
    details = inspection.details(pod)
    declared = {(port.protocol, port.number) for port in pod.named_ports}
    return declared | set(details.ports if details is not None else ())


def _lets_target_through(
    inspection: Inspection, placed: Placed, protocol: Protocol, port: int, pods: list[Pod]
) -> bool:
    """Tell whether the policy, or another one for the same peers, speaks of the pods' real port."""
    return any(
        (other.policy is placed.policy or _same_peers(inspection, placed, other))
        and speaks_of(other.rule, protocol, port, pods)
        for number in bitset.members(inspection.subjects(placed.policy) & inspection.known)
        for other in inspection.accepts(number, placed.direction)
    )


def _same_peers(inspection: Inspection, placed: Placed, other: Placed) -> bool:
    return inspection.peers(placed.rule) & ~inspection.peers(other.rule) == 0


def _service_finding(
    inspection: Inspection, placed: Placed, index: int, item: PortRange, pods: list[Pod], service: Service, port: int
) -> Found:
    path = f"{placed.rule.path}.{placed.rule.ports_field}[{index}].port"
    listens = sorted(
        {number for pod in pods for protocol, number in _listening(inspection, pod) if protocol is item.protocol}
    )
    listen = f"whose containers listen on {and_more([str(number) for number in listens])}" if listens else "behind it"
    name = f"{service.namespace}/{service.name}"
    message = (
        f"{rule_number(placed)} allows {item.protocol.value} {item.first} to {pods_text(pods)}, {listen}: {item.first} "
        f"is the port of Service {name}, which sends it to {port}, and policies see the pod's port."
    )
    mends = (
        (Mend(placed.policy.ref, (Put(path, port),), closes=True),) if placed.policy.ref.kind == "NetworkPolicy" else ()
    )
    return Found(
        SERVICE_PORT,
        placed.policy.ref,
        path,
        message,
        felt=f"connections to {name}:{item.first} time out.",
        hint="this depends on the plugin: a few also look before translation",
        mends=mends,
    )


CHECKS = (
    Check(NAMED_PORT_UNKNOWN, named_port_unknown),
    Check(NAMED_PORT_AMBIGUOUS, named_port_ambiguous),
    Check(SERVICE_PORT, service_port),
)
