"""The map for people answers first, says nothing untrue when it is narrowed, and stays readable when it is large."""

from __future__ import annotations

import re

import pytest

from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt, around, of_namespace, of_outside
from podfence.model.snapshot import Snapshot
from podfence.report.map_dot import map_dot
from podfence.report.map_md import map_md
from podfence.report.map_text import Asked, map_text
from podfence.report.term import Terminal
from tests.unit.report.maps import accept, app, deployment, excerpt, ingress, namespace, shop


def text(shown: Excerpt, asked: Asked | None = None, terminal: Terminal | None = None) -> list[str]:
    return list(map_text(shown, terminal or Terminal(), asked))


def large(namespaces: int, each: int) -> Snapshot:
    places = [f"ns-{number:03}" for number in range(namespaces)]
    return Snapshot(
        namespaces=tuple(map(namespace, places)),
        pods=tuple(deployment(place, f"app-{number:03}") for place in places for number in range(each)),
        policies=tuple(ingress(place, "app-000", accept(80, app(place, "app-001"))) for place in places),
    )


def test_the_first_line_counts_endpoints_isolation_and_pairs() -> None:
    # tools is open to 3; cart to front; front to 3; vault to nobody.
    answer = "4 workloads in 2 namespaces; 3 isolated for ingress, 0 for egress. 7 of 12 pairs connect."
    assert text(excerpt())[0] == answer


def test_each_destination_has_its_ports_and_whom_it_lets_in() -> None:
    lines = [" ".join(line.split()) for line in text(excerpt(), terminal=Terminal(width=200))]
    assert "→ cart TCP 7070 from front" in lines
    assert "→ vault nothing isolated, and nobody reaches it" in lines
    assert "→ tools all from anywhere (outside the cluster included); not isolated for ingress" in lines
    assert "TCP 8080, 9090 from outside 203.0.113.0/24" in " ".join(lines)


def test_without_policies_the_first_line_says_so() -> None:
    free = shop().with_policies(())
    assert text(excerpt(free))[0] == "4 workloads in 2 namespaces. No policy: everything reaches everything."


def test_without_pods_one_sentence_says_so() -> None:
    assert len(text(excerpt(Snapshot()))) == 1


def test_a_narrowed_map_never_says_nothing_of_an_endpoint_it_does_not_show_whole() -> None:
    shown = excerpt()
    narrow = Excerpt(shown.connectivity, [of_namespace(shown.connectivity, "ops")])
    assert not [line for line in text(narrow) if "nothing" in line and "Leaving" not in line]
    assert "vault" not in "".join(map_md(narrow))


def test_focus_answers_for_the_endpoint_in_the_first_line() -> None:
    connectivity = excerpt().connectivity
    numbers = frozenset(n for n, e in enumerate(connectivity.endpoints) if e.id == "shop/Deployment/cart")
    shown = Excerpt(connectivity, [around(connectivity, numbers)])
    first = text(shown, Asked(focus=("shop/cart",), focused=numbers))[0]
    assert first.startswith("shop/cart reaches 2 of 3 other workloads and is reached from 1;")
    assert "not reached from outside the cluster and can leave it" in first


def test_exposed_answers_how_many_can_be_reached_from_outside() -> None:
    connectivity = excerpt().connectivity
    shown = Excerpt(connectivity, [of_outside(connectivity)])
    lines = text(shown, Asked(exposed=True))
    assert lines[0] == "2 of 4 workloads can be reached from outside the cluster; 4 can leave it."
    assert not [line for line in lines if "cart" in line and "→ cart" in line]


@pytest.mark.parametrize(("namespaces", "each"), [(10, 10), (100, 2), (5, 200)])
def test_a_large_map_is_summed_up_by_namespace_and_says_how_to_look_closer(namespaces: int, each: int) -> None:
    lines = text(excerpt(large(namespaces, each)))
    total = namespaces * each
    pairs = total * (total - 1) - namespaces * (total - 2)
    assert f"{pairs:,} of {total * (total - 1):,} pairs connect." in lines[0]
    assert len(lines) <= 200
    assert lines[-1].startswith("Look closer: -n ns-000")


def test_a_piped_map_has_no_colour_and_keeps_to_its_width() -> None:
    for shown in (excerpt(), excerpt(large(10, 10))):
        lines = text(shown)
        assert not [line for line in lines if "\x1b" in line]
        assert max(map(len, lines[1:])) <= 100


def test_colour_changes_nothing_but_colour() -> None:
    painted = text(excerpt(), terminal=Terminal(colour=True))
    assert [re.sub(r"\x1b\[[0-9]*m", "", line) for line in painted] == text(excerpt())
    assert painted != text(excerpt())


@pytest.mark.parametrize("grouping", Grouping)
def test_markdown_rows_have_one_number_of_cells(grouping: Grouping) -> None:
    rows = [line for line in "".join(map_md(excerpt(grouping=grouping))).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}


def test_dot_draws_every_connection_between_nodes_that_it_declares() -> None:
    lines = [line.strip() for line in "".join(map_dot(excerpt())).splitlines()]
    declared = {line.split(" [")[0] for line in lines if line.startswith('"') and "->" not in line}
    arrows = [line.split(" [")[0].split(" -> ") for line in lines if "->" in line]
    assert len(arrows) == sum(len(list(outgoing)) for _, outgoing in excerpt().connections())
    assert {end for arrow in arrows for end in arrow} <= declared
    assert lines.count("}") == 3
