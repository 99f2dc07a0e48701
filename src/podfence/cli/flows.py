"""``podfence flows``: what was dropped and allowed, by which policy, as the agents of this machine saw it."""

from __future__ import annotations

import gc
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from podfence.cli.options import talk
from podfence.model.error import PodfenceError
from podfence.model.source import Position

if TYPE_CHECKING:
    from podfence.flows.record import FlowRecord, FlowsLost
    from podfence.flows.request import FlowRequest

    Line = FlowRecord | FlowsLost

LAST_BEFORE_FOLLOWING = 10

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@click.command(short_help="What was dropped and allowed on this node, by which policy.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("--all", "everything", is_flag=True, help="Newly accepted connections too, not drops alone.")
@click.option("--ended", is_flag=True, help="Allowed connections too as they end: bytes, packets, duration.")
@click.option("--name", "lab", metavar="LAB", help="The nodes of a lab.")
@click.option("--socket", "sockets", multiple=True, metavar="PATH", help="The socket of an agent. May be repeated.")
@click.option("--read", metavar="FILE", help="Records that -o json wrote, - for standard input, instead of an agent's.")
@click.option("--since", metavar="DURATION", help="Only what is younger, such as 30s, 5m or 1h.")
@click.option(
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only the last N of what was before now (default: all; 10 with --follow).",
)
@click.option("-o", "--output", type=click.Choice(("text", "json", "csv")), default="text", help="Format.")
@click.option("--utc", is_flag=True, help="Show times in UTC (default: the machine's own zone; json and csv always).")
@talk
def command(
    *,
    follow: bool,
    everything: bool,
    ended: bool,
    lab: str | None,
    sockets: tuple[str, ...],
    read: str | None,
    since: str | None,
    last: int | None,
    output: str,
    utc: bool,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say what happened to packets: time, verdict, direction, both ends, port, and the policy, rule or default.

    The direction is whose rules decided: egress those about the source, ingress those about the destination; a
    connection needs both. Without --follow what the agents keep in memory is printed. JSON is one object on each line.
    A packet of a kind seen in the same second is counted, not printed. Newly accepted and ended connections are
    recorded only while somebody follows them, with --all and --ended. Exit codes: 0 told, 2 no agent answers or no
    record is read.
    """
    del verbose
    from podfence.flows.request import FlowRequest

    if last is None and follow:
        last = LAST_BEFORE_FOLLOWING
    since_s = None if since is None else time.time() - _duration_s(since)
    request = FlowRequest(everything=everything, ended=ended, follow=follow, last=last, since_s=since_s)
    lines = _from_agents(sockets, lab, request) if read is None else _from_file(read, request)
    kept = [] if follow else [*lines]
    write = _writer(output, color, kept, utc=utc, quiet=quiet)
    gc.enable()  # switched off for commands that end soon
    for line in kept or lines:
        write(line)
    return 0


def _duration_s(text: str) -> int:
    match = _DURATION.match(text)
    if match is None:
        raise PodfenceError(f"--since {text}: no duration; write 30s, 5m or 1h")
    return int(match[1]) * _SECONDS[match[2]]


def _from_agents(sockets: tuple[str, ...], lab: str | None, request: FlowRequest) -> Iterable[Line]:
    from podfence.flows.client import read_flows
    from podfence.flows.place import find_sockets

    lines = read_flows([Path(path) for path in sockets] if sockets else find_sockets(lab), request)
    return lines if request.follow else _in_order(lines, request.last)


def _from_file(name: str, request: FlowRequest) -> Iterable[Line]:
    from podfence.flows.json_lines import from_json_line
    from podfence.flows.recent import Recent
    from podfence.flows.record import FlowRecord

    if request.follow:
        raise PodfenceError("--read and --follow exclude each other: a file ends")
    recent = Recent(kept=None)
    for number, text in enumerate(_lines_of(name), start=1):
        try:
            line = from_json_line(text)
        except PodfenceError as error:
            raise PodfenceError(error.message, Position(name, number, 1)) from None
        if isinstance(line, FlowRecord):
            recent.add(line)
    return recent.read(request)


def _lines_of(name: str) -> list[bytes]:
    if name == "-":
        return sys.stdin.buffer.read().splitlines()
    try:
        return Path(name).read_bytes().splitlines()
    except OSError as error:
        raise PodfenceError(f"{name}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def _in_order(lines: Iterable[Line], last: int | None) -> list[Line]:
    """Sort what several agents sent by time; each has sent its last, and the last of all are wanted."""
    from podfence.flows.record import FlowRecord

    found = sorted((line for line in lines if isinstance(line, FlowRecord)), key=lambda record: record.time)
    return [*found] if last is None else [*found[max(0, len(found) - last) :]]


def _writer(output: str, color: str, kept: Iterable[Line], *, utc: bool, quiet: bool) -> Callable[[Line], None]:
    """Make what prints a line, wide enough for those that are known; the header of CSV is printed at once."""
    from podfence.flows.json_lines import to_json_line
    from podfence.flows.record import FlowRecord, FlowsLost
    from podfence.flows.text import COLUMNS, Widths, csv_row, flow_csv, flow_text, lost_text
    from podfence.report.term import terminal_for

    terminal = terminal_for(sys.stdout, color)
    if output == "csv":
        _print(csv_row(COLUMNS))

    widths = Widths()
    for known in kept:
        widths = widths.including(known) if isinstance(known, FlowRecord) else widths

    def write(line: Line) -> None:
        nonlocal widths
        if output == "json":
            _print(to_json_line(line).decode())
        elif isinstance(line, FlowsLost):
            if not quiet:
                print(lost_text(line), file=sys.stderr)
        elif output == "csv":
            _print(flow_csv(line))
        else:
            widths = widths.including(line)
            _print(terminal.line(flow_text(line, terminal.paint, UTC if utc else None, widths)) + "\n")

    return write


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
