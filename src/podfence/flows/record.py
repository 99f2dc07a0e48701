"""One line of what happened: a packet that was allowed, dropped, or would have been, between whom, and why.

A record is already in the form that others read (``kind: Flow``): JSON is these fields in this order, and reading
it back gives an equal record. It holds names and no labels, so that it says the same after a pod is gone.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from podfence.model.net import Protocol
from podfence.model.objects import ObjectRef
from podfence.model.policy import Direction
from podfence.model.verdict import DecidedIn

LostBy = Literal["kernel", "reader"]


class FlowVerdict(enum.StrEnum):
    """What was done: ``audit`` is a packet that passed and would have been dropped."""

    ALLOW = "allow"
    DROP = "drop"
    AUDIT = "audit"


class Ref(msgspec.Struct, frozen=True, gc=False):
    """The identity of an object and, where its text is known, where that stands."""

    kind: str
    namespace: str | None
    name: str
    file: str | UnsetType = UNSET
    line: int | UnsetType = UNSET
    column: int | UnsetType = UNSET

    def __str__(self) -> str:
        return self.name if self.namespace is None else f"{self.namespace}/{self.name}"


class Reference(msgspec.Struct, frozen=True, gc=False):
    """An object reference as all JSON of Podfence nests it: ``{"ref": {…}}``."""

    ref: Ref


class DecidedBy(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The rule that decided: its policy, its field, such as ``spec.egress[0]``, and its name if it has one."""

    ref: Ref
    path: str
    name: str = ""


class FlowPort(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The destination port; without one the protocol alone, as the number that IANA gives it where it has no ports."""

    protocol: Protocol
    port: int | UnsetType = UNSET
    ip_protocol: int | UnsetType = UNSET


class FlowEnd(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One end: its address and whose it was: a pod with workload and node, a node, a Service, or nobody known.

    ``host`` is the name by which the pod at the other end had looked it up.
    """

    address: str
    pod: Reference | None = None
    workload: Reference | None = None
    node: Reference | None = None
    service: Reference | None = None
    host: str = ""


class Carried(msgspec.Struct, frozen=True, gc=False):
    """What went one way: packets, and bytes with their IP headers."""

    packets: int
    bytes: int


class Ended(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What connections carried that have ended: sums of ``sent`` by who opened them and ``received`` in return.

    ``started`` is when the first of them began, ``duration_s`` how long the longest took to its last packet. What
    the kernel did not count or keep, of any of them, is left out.
    """

    sent: Carried | UnsetType = UNSET
    received: Carried | UnsetType = UNSET
    started: datetime | UnsetType = UNSET
    duration_s: float | UnsetType = msgspec.field(default=UNSET, name="durationSeconds")

    def __add__(self, other: Ended) -> Ended:
        return Ended(
            _sum(self.sent, other.sent),
            _sum(self.received, other.received),
            _first(self.started, other.started),
            _longest(self.duration_s, other.duration_s),
        )


class FlowRecord(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What happened to ``count`` equal packets within a second of ``time``; only their source port may differ.

    With ``ended`` it is about so many connections that have ended, all of which were allowed: nothing decides then.
    ``decided_by`` is ``None`` when no rule decided: then it is the default deny of ``isolated_by``, or what
    ``note`` says. ``verdict_id`` is what the rule in the kernel carries. ``source_port`` is ``None`` when the
    packets had several or none.
    """

    time: datetime
    node: str
    verdict: FlowVerdict
    direction: Direction | None
    tier: DecidedIn
    decided_by: DecidedBy | None
    isolated_by: tuple[Reference, ...]
    note: str
    source: FlowEnd
    destination: FlowEnd
    port: FlowPort
    source_port: int | None
    count: int
    verdict_id: str
    ended: Ended | UnsetType = UNSET
    api_version: Literal["podfence/v1"] = "podfence/v1"
    kind: Literal["Flow"] = "Flow"


class FlowsLost(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Told to a reader: so many records never reached it, because the kernel or the reader could not keep up."""

    count: int
    by: LostBy
    api_version: Literal["podfence/v1"] = "podfence/v1"
    kind: Literal["FlowsLost"] = "FlowsLost"


def _sum(one: Carried | UnsetType, other: Carried | UnsetType) -> Carried | UnsetType:
    if one is UNSET or other is UNSET:
        return UNSET
    return Carried(one.packets + other.packets, one.bytes + other.bytes)


def _first(one: datetime | UnsetType, other: datetime | UnsetType) -> datetime | UnsetType:
    return UNSET if one is UNSET or other is UNSET else min(one, other)


def _longest(one: float | UnsetType, other: float | UnsetType) -> float | UnsetType:
    return UNSET if one is UNSET or other is UNSET else max(one, other)


def ref_of(ref: ObjectRef) -> Ref:
    """Refer to an object of the model, with its position where its text is known."""
    if ref.source is None:
        return Ref(ref.kind, ref.namespace, ref.name)
    where = ref.source.position()
    return Ref(ref.kind, ref.namespace, ref.name, where.file, where.line, where.column)
