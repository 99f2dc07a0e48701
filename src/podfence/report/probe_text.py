"""What a probe found, for people: the verdict in the first line, then each node."""

from __future__ import annotations

from collections.abc import Iterator

from podfence.model.enforcement import Enforcement, NodeEnforcement, ProbeResult
from podfence.model.policy import Direction
from podfence.report.term import Terminal

RULE = "PF300"

_WORDS = {
    Enforcement.ENFORCED: ("enforced", "allowed"),
    Enforcement.NOT_ENFORCED: ("NOT ENFORCED", "denied"),
    Enforcement.UNKNOWN: ("unknown", "warning"),
}


def probe_text(result: ProbeResult, terminal: Terminal, *, quiet: bool = False) -> Iterator[str]:
    """Write the result as lines of text; ``quiet`` gives no advice."""
    return map(terminal.line, _lines(result, terminal, quiet=quiet))


def _lines(result: ProbeResult, terminal: Terminal, *, quiet: bool) -> Iterator[str]:
    yield _verdict(result, terminal)
    yield ""
    width = max((len(node.node) for node in result.nodes), default=0)
    for node in result.nodes:
        yield from _node(node, width, terminal)
    if result.with_worst(Enforcement.NOT_ENFORCED) and not quiet:
        yield ""
        yield terminal.paint(f"Explain: podfence rule {RULE}", "context")


def _verdict(result: ProbeResult, terminal: Terminal) -> str:
    total = len(result.nodes)
    failed, unknown = (result.with_worst(each) for each in (Enforcement.NOT_ENFORCED, Enforcement.UNKNOWN))
    if failed:
        return f"{terminal.paint('NOT ENFORCED', 'denied')}  on {_of(len(failed), total)}: {_names(failed)}"
    if unknown:
        return f"{terminal.paint('UNKNOWN', 'warning')}  on {_of(len(unknown), total)}: {_names(unknown)}"
    return f"{terminal.paint('ENFORCED', 'allowed')}  on {_of(total, total)} of {result.cluster}"


def _of(count: int, total: int) -> str:
    nodes = "node" if total == 1 else "nodes"
    return f"all {total} {nodes}" if count == total > 1 else f"{count} of {total} {nodes}"


def _names(nodes: tuple[NodeEnforcement, ...]) -> str:
    return ", ".join(node.node for node in nodes)


def _node(node: NodeEnforcement, width: int, terminal: Terminal) -> Iterator[str]:
    sides = "  ".join(f"{each.value} {_side(node, each, terminal)}" for each in Direction)
    yield f"  {terminal.paint(f'{node.node:<{width}}', 'name')}  {sides}".rstrip()
    yield from (f"  {'':<{width}}  {reason}" for reason in node.reasons)


def _side(node: NodeEnforcement, direction: Direction, terminal: Terminal) -> str:
    words, paint = _WORDS[node.of(direction)]
    return terminal.paint(f"{words:<12}", paint)
