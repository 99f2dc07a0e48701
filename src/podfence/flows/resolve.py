"""From what the kernel logged to a record: whose addresses these are, and what the verdict id stands for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from podfence.flows.nflog import Logged
from podfence.flows.owners import Owner, Owners
from podfence.flows.packet import PROTOCOLS, Packet, parse_packet
from podfence.flows.record import DecidedBy, Ended, FlowEnd, FlowPort, FlowRecord, FlowVerdict, Ref, Reference, ref_of
from podfence.flows.told import Told
from podfence.model.net import Protocol, format_address
from podfence.model.objects import Node, ObjectRef, Pod, Service
from podfence.model.policy import Direction
from podfence.model.reason import Reason
from podfence.model.verdict import DecidedIn

DNS_PORT = 53

_COMMITS_REMEMBERED = 8
"""The kernel holds logged packets back for 100 ms, in which there are at most five commits."""

UNKNOWN_ID = "a rule that is no longer there"

NO_DNS = "a DNS query that no rule allows"

_Why = tuple[DecidedBy | None, tuple[Reference, ...], str]


class Resolver:
    """Makes records for one node; ``audit`` says that the node's rules drop nothing.

    Every commit brings its reasons; a packet may have been logged by rules of some commits before.
    """

    def __init__(self, node: str, owners: Owners, *, audit: bool = False) -> None:
        self.owners = owners
        self._node = node
        self._audit = audit
        self._reasons: deque[Mapping[str, Reason]] = deque(maxlen=_COMMITS_REMEMBERED)
        self._told = Told()

    def follow(self, reasons: Mapping[str, Reason]) -> None:
        """Use the reasons of a new commit; those of the last few are still known."""
        self._reasons.appendleft(reasons)

    def hear(self, asker: int, name: str, addresses: Iterable[int]) -> None:
        """Take in what a resolver told the pod at an address; it counts for all addresses of the pod."""
        owner = self.owners.owner(asker)
        if isinstance(owner, Pod):
            self._told.hear((owner.namespace, owner.name, owner.addresses), name, addresses)

    def record(self, logged: Logged, now_s: float) -> FlowRecord | None:
        """Make the record of one packet, ``None`` when its bytes are no IP packet.

        ``now_s`` (seconds since the epoch) is its time where the kernel told none.
        """
        packet = parse_packet(logged.payload)
        if packet is None:
            return None
        reason = self._reason(logged.prefix)
        if self._is_reply(packet, reason, logged.is_reply):
            packet = packet.reversed()
        decided_by, isolated_by, note = _why(reason)
        source, destination = (self.owners.owner(end) for end in (packet.source, packet.destination))
        return FlowRecord(
            time=datetime.fromtimestamp(now_s if logged.time_s is None else logged.time_s, UTC),
            node=self._node,
            verdict=self._verdict(reason),
            direction=reason.direction,
            tier=reason.tier,
            decided_by=decided_by,
            isolated_by=isolated_by,
            note=_with_hint(note, packet, reason),
            source=_end_of(packet.source, source),
            destination=self._known_by_name(_end_of(packet.destination, destination), packet.destination, source),
            port=_port(packet),
            source_port=packet.source_port,
            count=1,
            verdict_id=logged.prefix,
        )

    def ended(self, packet: Packet, ended: Ended, last_s: float, now_s: float) -> FlowRecord | None:
        """Make the record of an allowed connection that has ended, ``None`` when no pod of this node was at an end.

        ``packet`` is one from who opened it, after Service translation; ``last_s`` is when it was last heard of,
        ``now_s`` when its end was told (seconds since the epoch).
        """
        source, destination = (self.owners.owner_at(end, last_s) for end in (packet.source, packet.destination))
        if not (self._is_here(source) or self._is_here(destination)):
            return None
        return FlowRecord(
            time=datetime.fromtimestamp(now_s, UTC),
            node=self._node,
            verdict=FlowVerdict.ALLOW,
            direction=None,
            tier=DecidedIn.NOT_APPLICABLE,
            decided_by=None,
            isolated_by=(),
            note="",
            source=_end_of(packet.source, source),
            destination=self._known_by_name(_end_of(packet.destination, destination), packet.destination, source),
            port=_port(packet),
            source_port=packet.source_port,
            count=1,
            verdict_id="",
            ended=ended,
        )

    def _reason(self, verdict_id: str) -> Reason:
        for reasons in self._reasons:
            if (found := reasons.get(verdict_id)) is not None:
                return found
        # Taken for a drop: nobody looks for a packet that passed.
        return Reason(allowed=False, direction=None, tier=DecidedIn.NOT_APPLICABLE, note=UNKNOWN_ID)

    def _verdict(self, reason: Reason) -> FlowVerdict:
        if reason.allowed:
            return FlowVerdict.ALLOW
        return FlowVerdict.AUDIT if self._audit else FlowVerdict.DROP

    def _is_reply(self, packet: Packet, reason: Reason, told: bool | None) -> bool:  # noqa: FBT001 (three values)
        """Tell whether the packet answers the connection that was judged.

        Where the kernel does not tell: rules of a direction are met only by connections that a pod of this node
        opened (egress) or accepts (ingress); if that end is not where it should be, the packet goes backwards.
        """
        if told is not None or reason.direction is None:
            return bool(told)
        here, there = packet.source, packet.destination
        if reason.direction is Direction.INGRESS:
            here, there = there, here
        return self._is_local(there) and not self._is_local(here)

    def _is_local(self, address: int) -> bool:
        return self._is_here(self.owners.owner(address))

    def _is_here(self, owner: Owner | None) -> bool:
        return isinstance(owner, Pod) and owner.node == self._node

    def _known_by_name(self, end: FlowEnd, address: int, source: Owner | None) -> FlowEnd:
        """Add the name by which the source knows an end that nobody in the cluster is."""
        if not isinstance(source, Pod) or end.pod or end.node or end.service:
            return end
        name = self._told.name((source.namespace, source.name, source.addresses), address)
        return msgspec.structs.replace(end, host=name) if name else end


@lru_cache(maxsize=4096)
def _why(reason: Reason) -> _Why:
    decided_by = None if reason.policy is None else _decided_by(reason.policy, reason)
    return decided_by, tuple(Reference(ref_of(ref)) for ref in reason.isolated_by), reason.note


def _decided_by(policy: ObjectRef, reason: Reason) -> DecidedBy:
    ref = ref_of(policy)
    if policy.source is not None:
        where = policy.source.position(reason.path)
        ref = msgspec.structs.replace(ref, line=where.line, column=where.column)
    return DecidedBy(ref, reason.path, reason.rule_name)


@lru_cache(maxsize=4096)
def _end_of(address: int, owner: Owner | None) -> FlowEnd:
    text = format_address(address)
    match owner:
        case Pod():
            return FlowEnd(
                text,
                pod=_reference("Pod", owner.namespace, owner.name),
                workload=_workload(owner),
                node=None if owner.node is None else _reference("Node", None, owner.node),
            )
        case Node():
            return FlowEnd(text, node=_reference("Node", None, owner.name))
        case Service():
            return FlowEnd(text, service=_reference("Service", owner.namespace, owner.name))
    return FlowEnd(text)


def _workload(pod: Pod) -> Reference | None:
    kind, name = pod.workload
    return _reference(kind, pod.namespace, name) if name else None


def _reference(kind: str, namespace: str | None, name: str) -> Reference:
    return Reference(Ref(kind, namespace, name))


def _port(packet: Packet) -> FlowPort:
    if packet.number not in PROTOCOLS:
        return FlowPort(Protocol.OTHER, ip_protocol=packet.number)
    return FlowPort(packet.protocol) if packet.port is None else FlowPort(packet.protocol, packet.port)


def _with_hint(note: str, packet: Packet, reason: Reason) -> str:
    """Say so when it is a DNS question that found no rule: the most usual thing to forget."""
    forgot_dns = (
        not reason.allowed
        and reason.policy is None
        and reason.isolated_by
        and reason.direction is Direction.EGRESS
        and packet.port == DNS_PORT
        and packet.number in PROTOCOLS
    )
    return "; ".join(filter(None, (note, NO_DNS))) if forgot_dns else note
