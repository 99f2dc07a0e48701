"""``podfence flows``: what was dropped and allowed, by which policy, as the agents of this machine saw it."""

from __future__ import annotations

import gc
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from podfence.cli.options import talk
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.flows.record import FlowRecord, FlowsLost

    Line = FlowRecord | FlowsLost

LAST_BEFORE_FOLLOWING = 10

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@click.command(short_help="What was dropped and allowed on this node, by which policy.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("--all", "everything", is_flag=True, help="Newly accepted connections too, not drops alone.")
@click.option("--name", "lab", metavar="LAB", help="The nodes of a lab.")
@click.option("--socket", "sockets", multiple=True, metavar="PATH", help="The socket of an agent. May be repeated.")
@click.option("--since", metavar="DURATION", help="Only what is younger, such as 30s, 5m or 1h.")
@click.option(
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only the last N of what was before now (default: all; 10 with --follow).",
)
@click.option("-o", "--output", type=click.Choice(("text", "json", "csv")), default="text", help="Format.")
@talk
def command(
    *,
    follow: bool,
    everything: bool,
    lab: str | None,
    sockets: tuple[str, ...],
    since: str | None,
    last: int | None,
    output: str,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say what happened to packets: time, verdict, both ends, port, and the policy, rule or default that decided.

    Without --follow what the agents keep in memory is printed. JSON is one object on each line. A packet of a kind
    seen in the same second is counted, not printed. Exit codes: 0 told, 2 no agent answers.
    """
    del verbose
    from podfence.flows.client import read_flows
    from podfence.flows.request import FlowRequest

    if last is None and follow:
        last = LAST_BEFORE_FOLLOWING
    since_s = None if since is None else time.time() - _duration_s(since)
    paths = _paths(sockets, lab)
    lines = read_flows(paths, FlowRequest(everything, follow, last, since_s))
    write = _writer(output, color, quiet=quiet)
    gc.enable()  # switched off for commands that end soon
    for line in lines if follow else _in_order(lines, last):
        write(line)
    return 0


def _duration_s(text: str) -> int:
    match = _DURATION.match(text)
    if match is None:
        raise PodfenceError(f"--since {text}: no duration; write 30s, 5m or 1h")
    return int(match[1]) * _SECONDS[match[2]]


def _paths(sockets: tuple[str, ...], lab: str | None) -> list[Path]:
    from podfence.flows.place import find_sockets

    return [Path(path) for path in sockets] if sockets else find_sockets(lab)


def _in_order(lines: Iterable[Line], last: int | None) -> list[Line]:
    """Sort what several agents sent by time; each has sent its last, and the last of all are wanted."""
    from podfence.flows.record import FlowRecord

    found = sorted((line for line in lines if isinstance(line, FlowRecord)), key=lambda record: record.time)
    return [*found] if last is None else [*found[max(0, len(found) - last) :]]


def _writer(output: str, color: str, *, quiet: bool) -> Callable[[Line], None]:
    """Make what prints a line; the header of CSV is printed at once."""
    from podfence.flows.json_lines import to_json_line
    from podfence.flows.record import FlowsLost
    from podfence.flows.text import COLUMNS, csv_row, flow_csv, flow_text, lost_text
    from podfence.report.term import terminal_for

    terminal = terminal_for(sys.stdout, color)
    if output == "csv":
        _print(csv_row(COLUMNS))

    def write(line: Line) -> None:
        if output == "json":
            _print(to_json_line(line).decode())
        elif isinstance(line, FlowsLost):
            if not quiet:
                print(lost_text(line), file=sys.stderr)
        elif output == "csv":
            _print(flow_csv(line))
        else:
            _print(terminal.line(flow_text(line, terminal.paint)) + "\n")

    return write


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
