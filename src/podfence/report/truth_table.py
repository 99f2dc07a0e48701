"""What a lab's packets did, as a table of sources and destinations, and as JSON.

Cells are words of one letter: ``.`` arrived, ``X`` dropped; ``!`` stands beside those of which the policies say
something else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from podfence.model.net import Protocol
from podfence.model.policy import PortRange
from podfence.report.ports import ports_text
from podfence.report.term import Terminal


class Tried(msgspec.Struct, frozen=True):
    """One connection that was tried: where from, where to, what the policies say and what the packets did."""

    source: str
    destination: str
    address: str
    protocol: Protocol
    port: int
    expected: bool
    arrived: bool
    outcome: str
    agrees: bool


def truth_text(tried: Sequence[Tried], terminal: Terminal) -> Iterator[str]:
    """Write the table as lines of text, the verdict first."""
    wrong = [one for one in tried if not one.agrees]
    if wrong:
        head = f"{terminal.paint('DIFFERENT', 'denied')}  {len(wrong):,} of {len(tried):,} connections are not"
        yield terminal.line(f"{head} as the policies say.")
    else:
        yield terminal.line(
            f"{terminal.paint('EQUAL', 'allowed')}  {len(tried):,} connections, all as the policies say."
        )
    for one in wrong:
        said = "allowed" if one.expected else "denied"
        port = ports_text([PortRange(one.protocol, one.port, one.port)])
        yield terminal.line(f"  {one.source} → {one.destination} ({one.address}) {port}: {said}, but {one.outcome}")
    yield ""
    yield from map(terminal.line, _table(tried, terminal))


def _table(tried: Sequence[Tried], terminal: Terminal) -> Iterator[str]:
    columns = list(dict.fromkeys((one.destination, one.protocol, one.port) for one in tried))
    numbers = {column: number for number, column in enumerate(columns)}
    rows: dict[str, dict[int, list[Tried]]] = defaultdict(lambda: defaultdict(list))
    for one in tried:
        rows[one.source][numbers[one.destination, one.protocol, one.port]].append(one)
    for number, (destination, protocol, port) in enumerate(columns, 1):
        yield f"  {number:>3}  {destination} {ports_text([PortRange(protocol, port, port)])}"
    yield ""
    margin = max((len(source) for source in rows), default=0)
    at_once = max((terminal.width - margin - 4) // 4, 1)
    for start in range(0, len(columns), at_once):
        shown = range(start, min(start + at_once, len(columns)))
        yield terminal.paint(f"  {'':<{margin}}{''.join(f'{number + 1:>4}' for number in shown)}", "context")
        for source, cells in rows.items():
            yield f"  {source:<{margin}}{''.join(f'{_cell(cells.get(number, ())):>4}' for number in shown)}"
        yield ""


def _cell(tried: Sequence[Tried]) -> str:
    """Write one cell; both address families must agree to be one letter."""
    if not tried:
        return ""
    letters = "".join(dict.fromkeys("." if one.arrived else "X" for one in tried))
    return letters if all(one.agrees for one in tried) else f"{letters}!"


def truth_json(tried: Sequence[Tried]) -> str:
    """Write every connection that was tried."""
    value: dict[str, Any] = {
        "apiVersion": "podfence/v1",
        "kind": "LabProbe",
        "connections": [
            {
                "source": one.source,
                "destination": one.destination,
                "address": one.address,
                "port": {"protocol": one.protocol.value, "port": one.port},
                "expected": _word(allowed=one.expected),
                "got": _word(allowed=one.arrived),
                "outcome": one.outcome,
            }
            for one in tried
        ],
        "summary": {"tried": len(tried), "different": sum(not one.agrees for one in tried)},
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _word(*, allowed: bool) -> str:
    return "allow" if allowed else "deny"
