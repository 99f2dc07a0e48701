"""The flowchart holds every connection, says nothing that a host could misread, and knows when it is too large."""

from __future__ import annotations

import re

from msgspec import structs

from podfence.engine.excerpt import Excerpt, around
from podfence.model.snapshot import Snapshot
from podfence.report.map_mermaid import map_mermaid
from tests.unit.report.maps import accept, app, deployment, excerpt, ingress, namespace, shop

NODE = re.compile(r' *(\w+)(\(\[|\[\[|\[)"([^"]*)"(\]\)|\]\]|\])')
ARROW = re.compile(r'  (\w+) -->\|"([^"]*)"\| (\w+)')


def read(lines: list[str]) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Read a flowchart: its nodes with their labels, and its arrows by label."""
    nodes = {match.group(1): match.group(3) for line in lines if (match := NODE.fullmatch(line))}
    arrows = [match.groups() for line in lines if (match := ARROW.fullmatch(line))]
    return nodes, [(nodes[source], ports, nodes[destination]) for source, ports, destination in arrows]


def lines_of(shown: Excerpt) -> list[str]:
    return "".join(map_mermaid(shown)).splitlines()


def test_each_line_is_a_node_a_subgraph_or_an_arrow() -> None:
    rest = [line for line in lines_of(excerpt()) if not NODE.fullmatch(line) and not ARROW.fullmatch(line)]
    assert rest == [
        "flowchart LR",
        *('  subgraph s1 ["ops"]', "  end"),
        *('  subgraph s2 ["shop"]', "  end"),
    ]


def test_what_anyone_may_do_is_one_arrow_and_the_rest_its_own() -> None:
    anyone = "anyone: the outside and the 4 workloads not isolated for egress"
    _, arrows = read(lines_of(excerpt()))
    assert (anyone, "all", "tools") in arrows
    assert ("the 4 workloads not isolated for egress", "all", "anywhere outside the cluster") in arrows
    assert [arrow for arrow in arrows if arrow[2] == "cart"] == [("front", "TCP 7070", "cart")]
    assert not [arrow for arrow in arrows if arrow[2] == "vault"]


def test_a_narrowed_map_draws_every_connection_of_its_own() -> None:
    whole = excerpt()
    numbers = [endpoint.id for endpoint in whole.connectivity.endpoints]
    narrow = Excerpt(whole.connectivity, [around(whole.connectivity, [numbers.index("shop/Deployment/cart")])])
    listed = sum(len(list(outgoing)) for _, outgoing in narrow.connections())
    assert len(read(lines_of(narrow))[1]) == listed


def test_signs_of_mermaid_and_markdown_in_names_are_written_as_numbers() -> None:
    bad = 'x"]; end --> <b>`{}|\n'
    cluster = structs.replace(shop(), pods=(deployment("shop", bad),), policies=())
    text = "".join(map_mermaid(excerpt(cluster)))
    assert "x#34;#93;#59; end --#62; #60;b#62;#96;#123;#125;#124;#92;n" in text
    assert bad.strip() not in text


def test_too_large_a_map_says_so_and_what_to_do() -> None:
    names = [f"app-{number}" for number in range(40)]
    cluster = Snapshot(
        namespaces=(namespace("shop"),),
        pods=tuple(deployment("shop", name) for name in names),
        policies=tuple(
            ingress("shop", name, *(accept(80, app("shop", other)) for other in names[:20])) for name in names
        ),
    )
    text = "".join(map_mermaid(excerpt(cluster)))
    assert text.count("\n") == 2
    assert "--focus" in text
    assert "-o html" in text
