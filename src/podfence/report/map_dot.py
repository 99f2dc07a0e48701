"""The map as a graph in Graphviz' language: namespaces as boxes, one arrow for each list of ports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from podfence.engine.endpoints import Endpoint
from podfence.engine.excerpt import Excerpt
from podfence.model.text import one_line
from podfence.report.ports import ports_text
from podfence.report.words import Words


def map_dot(excerpt: Excerpt) -> Iterator[str]:
    """Write a map in chunks; an end that connects with nothing is drawn all the same, outside ends are ellipses."""
    words = Words(excerpt.connectivity)
    yield 'digraph podfence {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname="sans-serif"];\n'
    yield '  edge [fontname="sans-serif", fontsize=10];\n'
    by_namespace: dict[str, list[int]] = defaultdict(list)
    for number in excerpt.numbers():
        by_namespace[words.endpoints[number].namespace or ""].append(number)
    for namespace, numbers in sorted(by_namespace.items()):
        yield from _cluster(namespace, numbers, words)
    for source, outgoing in excerpt.connections():
        start = _quoted(words.endpoints[source].id)
        for number, mask in outgoing:
            ports = _quoted(ports_text(excerpt.connectivity.ports(mask)))
            yield f"  {start} -> {_quoted(words.endpoints[number].id)} [label={ports}];\n"
    yield "}\n"


def _cluster(namespace: str, numbers: list[int], words: Words) -> Iterator[str]:
    indent = "  "
    if namespace:
        yield f"  subgraph {_quoted('cluster_' + namespace)} {{\n    label={_quoted(namespace)};\n"
        indent = "    "
    for number in numbers:
        endpoint = words.endpoints[number]
        yield f"{indent}{_quoted(endpoint.id)} [label={_quoted(_label(number, words))}{_shape(endpoint)}];\n"
    if namespace:
        yield "  }\n"


def _label(number: int, words: Words) -> str:
    endpoint = words.endpoints[number]
    if endpoint.kind == "External":
        return words.addresses([number])
    return words.name(number, endpoint.namespace)


def _shape(endpoint: Endpoint) -> str:
    if endpoint.is_outside:
        return ", shape=ellipse, style=solid"
    return ", penwidth=2" if endpoint.ingress_isolated else ""


def _quoted(text: str) -> str:
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
