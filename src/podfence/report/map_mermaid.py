"""The map as a Mermaid flowchart for Markdown: namespaces as subgraphs, one arrow for each list of ports.

Hosts of Markdown stop drawing beyond some hundred arrows; a larger map says so instead and what to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from podfence.engine.endpoints import Endpoint
from podfence.engine.excerpt import Excerpt
from podfence.model.text import one_line
from podfence.report.ports import ports_text
from podfence.report.words import Words

MOST_ARROWS = 280
"""Arrows that are drawn; Mermaid refuses more than 500 edges, and people see nothing well before that."""

_SPECIAL = frozenset("\"#&;<>`|[]{}()\\*_~")


def map_mermaid(excerpt: Excerpt) -> Iterator[str]:
    """Write a map in chunks."""
    words = Words(excerpt.connectivity)
    arrows: list[tuple[int, int, int]] = []
    for source, outgoing in excerpt.connections():
        arrows += ((source, number, mask) for number, mask in outgoing)
        if len(arrows) > MOST_ARROWS:
            yield from _too_large()
            return
    yield "flowchart LR\n"
    by_namespace: dict[str, list[int]] = defaultdict(list)
    for number in excerpt.numbers():
        by_namespace[words.endpoints[number].namespace or ""].append(number)
    for count, (namespace, numbers) in enumerate(sorted(by_namespace.items())):
        yield from _subgraph(count, namespace, numbers, words)
    for source, number, mask in arrows:
        ports = _quoted(ports_text(excerpt.connectivity.ports(mask)))
        yield f"  n{source} -->|{ports}| n{number}\n"


def _too_large() -> Iterator[str]:
    yield "flowchart LR\n"
    text = (
        f"More than {MOST_ARROWS} connections: too many for a flowchart. "
        "Narrow it with --focus, -n or --exposed, take --by namespace, or use -o html."
    )
    yield f"  large[{_quoted(text)}]\n"


def _subgraph(count: int, namespace: str, numbers: list[int], words: Words) -> Iterator[str]:
    indent = "  "
    if namespace:
        yield f"  subgraph s{count} [{_quoted(namespace)}]\n"
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
