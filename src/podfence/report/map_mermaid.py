"""The map as a Mermaid flowchart for Markdown: namespaces as subgraphs, one arrow for each list of ports.

What anyone may do is one arrow from or to a node of its own, so that the arrows that policies single out stay
readable. Hosts of Markdown stop drawing beyond some hundred arrows; a larger map says so instead and what to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from podfence.engine.endpoints import Endpoint
from podfence.engine.excerpt import Excerpt
from podfence.model.text import one_line
from podfence.report.ports import ports_text
from podfence.report.words import Words, count

MOST_ARROWS = 280
"""Arrows that are drawn; Mermaid refuses more than 500 edges, and people see nothing well before that."""

_MOST_PAIRS = 200_000
_SPECIAL = frozenset('"#&;<>`|[]{}()\\*_~')

ANYONE, FREE, ANYWHERE = "anyone", "free", "anywhere"
"""The outside with all that is not isolated for egress; the latter alone; every address outside the cluster."""

Arrow = tuple[str, str, int]
"""The names of two nodes, and the port atoms of their connection."""


def map_mermaid(excerpt: Excerpt) -> Iterator[str]:
    """Write a map in chunks."""
    words = Words(excerpt.connectivity)
    arrows = _arrows(excerpt, words)
    if arrows is None or len(arrows) > MOST_ARROWS:
        yield from _too_large()
        return
    yield "flowchart LR\n"
    used = {name for arrow in arrows for name in arrow[:2]}
    yield from (f"  {name}([{_quoted(text)}])\n" for name, text in _special_nodes(words).items() if name in used)
    by_namespace: dict[str, list[int]] = defaultdict(list)
    for number in excerpt.numbers():
        if number not in words.outside or f"n{number}" in used:
            by_namespace[words.endpoints[number].namespace or ""].append(number)
    for position, (namespace, numbers) in enumerate(sorted(by_namespace.items())):
        yield from _subgraph(position, namespace, numbers, words)
    for source, destination, mask in arrows:
        yield f"  {source} -->|{_quoted(ports_text(excerpt.connectivity.ports(mask)))}| {destination}\n"


def _arrows(excerpt: Excerpt, words: Words) -> list[Arrow] | None:
    """List what is drawn; ``None`` when there is too much to look at."""
    ports: dict[tuple[int, int], int] = {}
    for source, outgoing in excerpt.connections():
        ports |= {(source, number): mask for number, mask in outgoing}
        if len(ports) > _MOST_PAIRS:
            return None
    arrows = list(_for_anyone(ports, words)) if excerpt.is_whole else []
    return arrows + [(f"n{source}", f"n{number}", mask) for (source, number), mask in ports.items()]


def _for_anyone(ports: dict[tuple[int, int], int], words: Words) -> Iterator[Arrow]:
    """Take out of some connections what anyone has alike, and give it as arrows of its own."""
    anyone = words.outside | words.free
    for number in sorted(words.inside):
        pairs = [(source, number) for source in sorted(anyone - {number})]
        if mask := _shared(pairs, ports):
            yield ANYONE, f"n{number}", mask
    leaving = {
        source: mask
        for source in sorted(words.inside)
        if (mask := _shared([(source, place) for place in sorted(words.outside)], ports))
    }
    masks = {leaving.get(source, 0) for source in words.free}
    if len(words.free) > 1 and len(masks) == 1 and 0 not in masks:
        yield FREE, ANYWHERE, masks.pop()
        leaving = {source: mask for source, mask in leaving.items() if source not in words.free}
    yield from ((f"n{source}", ANYWHERE, mask) for source, mask in leaving.items())


def _shared(pairs: list[tuple[int, int]], ports: dict[tuple[int, int], int]) -> int:
    """Take some pairs out when there are several and all have the same ports, which are given; else nothing."""
    masks = {ports.get(pair, 0) for pair in pairs}
    if len(pairs) < 2 or len(masks) != 1 or masks == {0}:
        return 0
    for pair in pairs:
        del ports[pair]
    return masks.pop()


def _special_nodes(words: Words) -> dict[str, str]:
    free = f"{count(len(words.free), words.noun)} not isolated for egress"
    return {
        ANYONE: f"anyone: the outside and the {free}",
        FREE: f"the {free}",
        ANYWHERE: "anywhere outside the cluster",
    }


def _too_large() -> Iterator[str]:
    text = (
        f"More than {MOST_ARROWS} arrows: too many for a flowchart. "
        "Narrow it with --focus, -n or --exposed, take --by namespace, or use -o html."
    )
    yield f"flowchart LR\n  large[{_quoted(text)}]\n"


def _subgraph(position: int, namespace: str, numbers: list[int], words: Words) -> Iterator[str]:
    indent = "  "
    if namespace:
        yield f"  subgraph s{position} [{_quoted(namespace)}]\n"
        indent = "    "
    for number in numbers:
        opening, closing = _shape(words.endpoints[number])
        yield f"{indent}n{number}{opening}{_quoted(_label(number, words))}{closing}\n"
    if namespace:
        yield "  end\n"


def _label(number: int, words: Words) -> str:
    endpoint = words.endpoints[number]
    if endpoint.kind == "External":
        return words.addresses([number])
    return words.name(number, endpoint.namespace)


def _shape(endpoint: Endpoint) -> tuple[str, str]:
    if endpoint.is_outside:
        return "([", "])"
    return ("[[", "]]") if endpoint.ingress_isolated else ("[", "]")


def _quoted(text: str) -> str:
    """Quote a label; what Mermaid or Markdown could take for a sign of theirs is written as a character's number."""
    escaped = "".join(f"#{ord(char)};" if char in _SPECIAL else char for char in one_line(text))
    return f'"{escaped}"'
