"""Pods and the parts that they share with the templates of workloads: wire to what the snapshot needs.

A pod is converted twice: here to a ``PodRecord`` when it is read, and to a model ``Pod`` once everything has
been read, for only then its workload and the owner of its address are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from podfence.manifests import wire
from podfence.manifests.convert.fields import FieldProblem, FieldProblems, note_missing
from podfence.manifests.convert.sharing import Owner, Shared
from podfence.model.labels import Labels
from podfence.model.net import MAX_PORT, MIN_PORT, Protocol, parse_address
from podfence.model.objects import NamedPort

_PROTOCOLS = {None: Protocol.TCP, "TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}
_OCTETS = {str(number): number for number in range(256)}
_ENDED = ("Succeeded", "Failed")


class PodRecord(msgspec.Struct, frozen=True, gc=False):
    """A pod as it was read; ``ended`` pods have Succeeded or Failed and are no endpoints.

    One that is being deleted is not ``running``: its address may be another's already.
    """

    labels: Labels
    named_ports: tuple[NamedPort, ...]
    addresses: tuple[int, ...]
    node: str | None
    host_network: bool
    owner: Owner | None
    running: bool
    ended: bool
    file: str


def pod_record(pod: wire.Pod, file: str, shared: Shared, problems: FieldProblems) -> PodRecord:
    """Convert a pod that stands in ``file``; what makes no sense is left out and added to ``problems``."""
    meta, spec, status = pod.metadata or _NO_META, pod.spec or _NO_SPEC, pod.status or _NO_STATUS
    phase = status.phase
    return PodRecord(
        labels=shared.labels(meta.labels),
        named_ports=named_ports(spec, "spec", shared, problems),
        addresses=_addresses(status, problems),
        node=shared.one(spec.node_name) if spec.node_name else None,
        host_network=bool(spec.host_network),
        owner=owner_of(meta, shared),
        running=phase == "Running" and not meta.deletion_timestamp,
        ended=phase in _ENDED,
        file=file,
    )


_NO_META = wire.ObjectMeta()
_NO_SPEC = wire.PodSpec()
_NO_STATUS = wire.PodStatus()


def owner_of(meta: wire.ObjectMeta, shared: Shared) -> Owner | None:
    """Give the controller of an object; owners that do not control it tell nothing about its workload."""
    for reference in meta.owner_references or ():
        if reference is not None and reference.controller and reference.kind and reference.name:
            return shared.owner(reference)
    return None


def named_ports(spec: wire.PodSpec, path: str, shared: Shared, problems: FieldProblems) -> tuple[NamedPort, ...]:
    """List the ports that have a name, of containers and of init containers that keep running (row N11)."""
    containers, sidecars = spec.containers or (), _sidecars(spec)
    key = tuple(
        [
            (port.name, port.protocol, port.container_port)
            for group in (containers, sidecars)
            for container in group
            if container is not None and container.ports
            for port in container.ports
            if port is not None and port.name
        ]
    )
    if not key:
        return ()
    known = shared.ports.get(key)
    if known is None:
        before = len(problems)
        known = (
            *_readable_ports(containers, f"{path}.containers", problems),
            *_readable_ports(sidecars, f"{path}.initContainers", problems),
        )
        if len(problems) == before:
            shared.ports[key] = known
    return known


def _sidecars(spec: wire.PodSpec) -> Sequence[wire.Container | None]:
    """Give the init containers at their places, ``None`` in the place of one that ends before the pod starts."""
    return [
        container if container is not None and container.restart_policy == "Always" else None
        for container in spec.init_containers or ()
    ]


def _readable_ports(
    containers: Sequence[wire.Container | None], path: str, problems: FieldProblems
) -> Iterator[NamedPort]:
    for number, container in enumerate(containers):
        for index, port in enumerate((container and container.ports) or ()):
            if port is not None and port.name:
                yield from _readable_port(port, f"{path}[{number}].ports[{index}]", problems)


def _readable_port(port: wire.ContainerPort, path: str, problems: FieldProblems) -> Iterator[NamedPort]:
    protocol, number = _PROTOCOLS.get(port.protocol), port.container_port
    if protocol is None:
        message = f'"{port.protocol}" is not a protocol: TCP, UDP or SCTP'
        problems.append(FieldProblem(f"{path}.protocol", message))
    elif number is None:
        note_missing(f"{path}.containerPort", "a port number", problems)
    elif not MIN_PORT <= number <= MAX_PORT:
        message = f"{number} is not a port: {MIN_PORT} to {MAX_PORT}"
        problems.append(FieldProblem(f"{path}.containerPort", message))
    else:
        yield NamedPort(port.name or "", protocol, number)


def _addresses(status: wire.PodStatus, problems: FieldProblems) -> tuple[int, ...]:
    """Read ``podIPs``, all families; ``podIP`` repeats their first and counts where they are missing."""
    listed = status.pod_ips
    if not listed:
        return read_addresses((status.pod_ip,), "status.podIP", problems)
    if len(listed) == 1 and listed[0] is not None and (quick := _ipv4(listed[0].ip)) is not None:
        return (quick,)
    return read_addresses([ip.ip for ip in listed if ip is not None], "status.podIPs", problems)


def read_addresses(texts: Iterable[str | None], path: str, problems: FieldProblems) -> tuple[int, ...]:
    """Put addresses on the address line; a text that is none is added to ``problems`` at ``path``."""
    found: list[int] = []
    for text in texts:
        address = read_address(text, path, problems) if text else None
        if address is not None and address not in found:
            found.append(address)
    return tuple(found)


def read_address(text: str, path: str, problems: FieldProblems) -> int | None:
    """Put an address on the address line; ``None``, and a problem, when the text is no address."""
    quick = _ipv4(text)
    if quick is not None:
        return quick
    try:
        return parse_address(text)
    except ValueError:
        problems.append(FieldProblem(path, f'"{text}" is not an IP address'))
        return None


def _ipv4(text: str | None) -> int | None:
    """Read a plain dotted address, four times faster than ``ipaddress`` does; ``None`` for anything else."""
    try:
        a, b, c, d = (text or "").split(".")
        return _OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d]
    except (ValueError, KeyError):
        return None
