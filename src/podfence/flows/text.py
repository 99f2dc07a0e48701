"""A record as one line for people, and as a row of CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from podfence.flows.packet import ICMP, ICMPV6
from podfence.flows.record import Carried, DecidedBy, Ended, FlowEnd, FlowPort, FlowRecord, FlowsLost, FlowVerdict
from podfence.model.net import Protocol

COLUMNS = (
    "time", "node", "verdict", "direction", "source", "sourceAddress", "destination", "destinationAddress",
    "protocol", "port", "count", "tier", "policy", "rule", "isolatedBy", "note",
    "ended", "packetsSent", "bytesSent", "packetsReceived", "bytesReceived", "started", "durationSeconds",
)  # fmt: skip

_NARROWEST, _WIDEST = 20, 44
_PORT_WIDTH = 10
_DIRECTION_WIDTH = 7
_ENDED = "END"
_ROLES = {FlowVerdict.ALLOW: "allowed", FlowVerdict.DROP: "denied", FlowVerdict.AUDIT: "warning"}

_WHOSE = {
    "kernel": "the kernel told more than the agent could read",
    "reader": "this reader was too slow",
}

_PATH = re.compile(r"spec\.(ingress|egress)\[([0-9]{1,9})\]")

_NAMES = {ICMP: "ICMP", ICMPV6: "ICMPv6"}

Paint = Callable[[str, str], str]
"""Colours a text by its role: allowed, denied, warning."""


class Widths(NamedTuple):
    """How wide the two ends of a line are, so that what stands behind them lines up."""

    source: int = _NARROWEST
    destination: int = _NARROWEST

    def including(self, record: FlowRecord) -> Widths:
        """Give widths in which a record fits as well, unless its names are very long."""
        source, destination = len(end_name(record.source)), len(end_name(record.destination))
        return Widths(max(self.source, min(source, _WIDEST)), max(self.destination, min(destination, _WIDEST)))


def flow_text(
    record: FlowRecord,
    paint: Paint = lambda text, _: text,
    zone: tzinfo | None = None,
    widths: Widths = Widths(),  # noqa: B008 (a tuple)
) -> str:
    """Write a record as a line: time, verdict, whose rules decided, ends, port, what decided, how many more.

    Of connections that have ended it says what they carried instead of what decided.

    ``zone`` is that of the time, the machine's own by default.
    """
    time = record.time.astimezone(zone).isoformat(timespec="milliseconds")[11:23]
    word = record.verdict.upper() if record.ended is UNSET else _ENDED
    verdict = paint(f"{word:<5}", _ROLES[record.verdict])
    direction = f"{record.direction or '':<{_DIRECTION_WIDTH}}"
    ends = f"{end_name(record.source):<{widths.source}} → {end_name(record.destination):<{widths.destination}}"
    told = why(record) if record.ended is UNSET else ended_text(record.ended)
    port = f"{port_text(record.port):<{_PORT_WIDTH}}"
    return f"{time}  {verdict}  {direction}  {ends}  {port}  {told}{_more(record.count)}"


def lost_text(lost: FlowsLost) -> str:
    """Say how many records are missing, and why."""
    records = "1 record is" if lost.count == 1 else f"{lost.count} records are"
    return f"{records} missing here: {_WHOSE[lost.by]}"


def ended_text(ended: Ended) -> str:
    """Say what connections carried both ways, and how long the longest took."""
    if ended.sent is UNSET or ended.received is UNSET:
        carried = "bytes not counted (net.netfilter.nf_conntrack_acct)"
    else:
        carried = f"sent {_carried(ended.sent)}, received {_carried(ended.received)}"
    return carried if ended.duration_s is UNSET else f"{carried}, {ended.duration_s:.3f} s"


def why(record: FlowRecord) -> str:
    """Name what decided: policy and rule, the policies whose default it was, or what the note says."""
    if record.decided_by is not None:
        return _joined(_rule(record.decided_by), record.note)
    if not record.isolated_by:
        return record.note or "no policy is about it"
    policies = ", ".join(str(item.ref) for item in record.isolated_by)
    return _joined(f"default deny of {policies}", record.note)


def end_name(end: FlowEnd) -> str:
    """Name an end as people know it: pod, Service, node, host with its address, or address."""
    if end.pod is not None:
        return str(end.pod.ref)
    if end.service is not None:
        return f"service {end.service.ref}"
    if end.host:
        return f"{end.host} ({end.address})"
    return end.address if end.node is None else f"node/{end.node.ref}"


def port_text(port: FlowPort) -> str:
    """Write protocol and port: ``TCP 80``, ``ICMP``, ``protocol 47``."""
    if port.port is not UNSET:
        return f"{port.protocol} {port.port}"
    if port.protocol is not Protocol.OTHER or port.ip_protocol is UNSET:
        return str(port.protocol)
    return _NAMES.get(port.ip_protocol, f"protocol {port.ip_protocol}")


def csv_row(cells: Sequence[str]) -> str:
    """Write one row, its line break included."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def flow_csv(record: FlowRecord) -> str:
    """Write a record as a row under ``COLUMNS``."""
    return csv_row(
        (
            record.time.isoformat(timespec="milliseconds"),
            record.node,
            record.verdict,
            record.direction or "",
            end_name(record.source),
            record.source.address,
            end_name(record.destination),
            record.destination.address,
            str(record.port.protocol) if record.port.port is not UNSET else port_text(record.port),
            "" if record.port.port is UNSET else str(record.port.port),
            str(record.count),
            record.tier,
            "" if record.decided_by is None else str(record.decided_by.ref),
            "" if record.decided_by is None else record.decided_by.path,
            " ".join(str(item.ref) for item in record.isolated_by),
            record.note,
            *_ended_cells(record.ended),
        )
    )


def _ended_cells(ended: Ended | UnsetType) -> Sequence[str]:
    if ended is UNSET:
        return ("false", *[""] * 6)
    started = "" if ended.started is UNSET else ended.started.isoformat(timespec="milliseconds")
    duration = "" if ended.duration_s is UNSET else f"{ended.duration_s:.3f}"
    return ("true", *_amounts(ended.sent), *_amounts(ended.received), started, duration)


def _amounts(carried: Carried | UnsetType) -> tuple[str, str]:
    return ("", "") if carried is UNSET else (str(carried.packets), str(carried.bytes))


def _carried(carried: Carried) -> str:
    packets = "1 packet" if carried.packets == 1 else f"{carried.packets:,} packets"
    return f"{carried.bytes:,} B in {packets}"


def _rule(decided_by: DecidedBy) -> str:
    """Name a rule as ``why`` does: ``shop/cart, ingress rule 1 (cart.yaml:14)``, rules counted from 1."""
    match = _PATH.fullmatch(decided_by.path)
    rule = decided_by.path if match is None else f"{match[1]} rule {int(match[2]) + 1}"
    name = f' "{decided_by.name}"' if decided_by.name else ""
    ref = decided_by.ref
    where = f" ({ref.file}:{ref.line})" if ref.file is not UNSET and ref.line is not UNSET else ""
    return f"{ref}, {rule}{name}{where}"


def _more(count: int) -> str:
    return "" if count <= 1 else f" ({count - 1} more like it per second)"


def _joined(text: str, note: str) -> str:
    return f"{text}; {note}" if note else text
