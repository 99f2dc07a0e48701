"""The map for people answers first, says nothing untrue when it is narrowed, and stays readable when it is large."""

from __future__ import annotations

import re

import pytest
from msgspec import structs

from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt, around, of_namespace, of_outside
from podfence.model.objects import Node
from podfence.model.snapshot import Snapshot
from podfence.report.map_dot import map_dot
from podfence.report.map_md import map_md
from podfence.report.map_text import map_text
from podfence.report.overview import Asked
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


def focus_on(shown: Excerpt, *ids: str) -> frozenset[int]:
    return frozenset(number for number, endpoint in enumerate(shown.connectivity.endpoints) if endpoint.id in ids)


def focused(whole: Excerpt, *ids: str, namespace: str | None = None, exposed: bool = False) -> list[str]:
    connectivity, numbers = whole.connectivity, focus_on(whole, *ids)
    scopes = [around(connectivity, numbers)]
    scopes += [of_namespace(connectivity, namespace)] if namespace else []
    scopes += [of_outside(connectivity)] if exposed else []
    names = tuple(dict.fromkeys("internet" if "external" in identity else identity for identity in ids))
    asked = Asked(names, numbers, exposed, namespace)
    return [" ".join(line.split()) for line in text(Excerpt(connectivity, scopes), asked, Terminal(width=300))]


def in_namespace(whole: Excerpt, namespace: str, *, exposed: bool = False) -> list[str]:
    connectivity = whole.connectivity
    scopes = [of_namespace(connectivity, namespace), *([of_outside(connectivity)] if exposed else [])]
    asked = Asked(namespace=namespace, exposed=exposed)
    return [" ".join(line.split()) for line in text(Excerpt(connectivity, scopes), asked, Terminal(width=300))]


def with_node() -> Snapshot:
    """Put the shop's vault, which lets nobody in, and its cart on a node."""
    pods = tuple(structs.replace(pod, node="n1") if pod.name in ("vault", "cart") else pod for pod in shop().pods)
    return structs.replace(shop(), pods=pods, nodes=(Node("n1"), Node("n2")))


def test_a_summary_of_one_namespace_denies_nothing_of_the_others() -> None:
    lines = in_namespace(excerpt(large(2, 80)), "ns-000")
    assert lines[0].startswith("80 workloads in ns-000; 1 isolated for ingress, 0 for egress.")
    rows = [line for line in lines if line.startswith("ns-00")]
    assert rows[0].startswith("ns-000 80 workloads 1 isolated within 6,242 (all); from ns-001 6,320 (all)")
    assert rows[0].endswith("leaves the cluster")
    assert rows[1:] == ["ns-001 shown: from ns-000 6,320 (all)"]


def test_the_pairs_of_a_namespace_are_those_with_an_end_in_it() -> None:
    # tools reaches front alone; front, cart and vault reach tools.
    assert in_namespace(excerpt(), "ops")[0] == (
        "1 workload in ops; 0 isolated for ingress, 0 for egress. 4 pairs with an end in ops connect."
    )


def test_no_exception_is_made_of_a_source_that_is_only_not_shown() -> None:
    # Everybody reaches the one in ns-001; only those of ns-000 are shown, all but one of all.
    snapshot = Snapshot(
        namespaces=(namespace("ns-000"), namespace("ns-001")),
        pods=(*(deployment("ns-000", f"a{n}") for n in range(9)), deployment("ns-001", "b"), deployment("ns-001", "c")),
        policies=(ingress("ns-000", "a0"),),
    )
    assert not [line for line in in_namespace(excerpt(snapshot), "ns-000") if "except" in line]


@pytest.mark.parametrize(
    ("ids", "answer"),
    [
        (["shop/Deployment/cart"], "shop/cart reaches 2 of 3 other workloads and is reached from 1; it is not reached"),
        (
            ["shop/Deployment/cart", "ops/Deployment/tools"],
            "ops/tools, shop/cart reach 1 of 2 other workloads and are reached from 2; 1 of these 2 is reached",
        ),
        (["node/n1"], "node/n1 reaches 4 of 4 workloads and is reached from 4."),
        (["node/n2"], "node/n2 reaches 2 of 4 workloads and is reached from 4."),
        (
            ["external/0.0.0.0-203.0.112.255", "external/203.0.113.0-203.0.113.255"],
            "internet reaches 2 of 4 workloads and is reached from 4.",
        ),
        (["external/0.0.0.0-203.0.112.255"], "internet reaches 2 of 4 workloads and is reached from 4."),
    ],
)
def test_focus_counts_workloads_and_names_what_was_asked(ids: list[str], answer: str) -> None:
    assert focused(excerpt(with_node()), *ids)[0].startswith(answer)


def test_focus_on_several_endpoints_by_one_name_keeps_that_name() -> None:
    whole = excerpt()
    numbers = focus_on(whole, "shop/Deployment/cart", "shop/Deployment/front", "shop/Deployment/vault")
    shown = Excerpt(whole.connectivity, [around(whole.connectivity, numbers)])
    first = text(shown, Asked(("namespace/shop",), numbers))[0]
    assert first.startswith(
        "namespace/shop reaches 1 of 1 other workload and is reached from 1; 1 of these 3 is reached"
    )


def test_focus_answers_from_the_whole_map_whatever_else_narrows_it() -> None:
    alone = focused(excerpt(), "shop/Deployment/front")[0]
    assert alone.endswith("; it is reached from outside the cluster and can leave it.")
    assert focused(excerpt(), "shop/Deployment/front", namespace="ops")[0] == (
        f"{alone} Shown: only connections with an end in ops."
    )
    assert focused(excerpt(), "shop/Deployment/front", exposed=True)[0] == (
        f"{alone} Shown: only connections between the cluster and the outside."
    )


def test_exposed_counts_the_workloads_of_the_namespace_asked_for() -> None:
    answers = [in_namespace(excerpt(), place, exposed=True)[0] for place in ("ops", "shop")]
    assert answers == [
        "1 of 1 workload in ops can be reached from outside the cluster; 1 can leave it.",
        "1 of 3 workloads in shop can be reached from outside the cluster; 3 can leave it.",
    ]


def test_a_namespace_says_how_many_of_its_pods_are_isolated() -> None:
    lines = [
        " ".join(line.split()) for line in text(excerpt(grouping=Grouping.NAMESPACE), terminal=Terminal(width=300))
    ]
    assert lines[0] == "2 namespaces; 4 of 5 pods isolated for ingress, 0 for egress. 2 of 2 pairs connect."
    open_ = excerpt(shop().with_policies(shop().policies[2:]), Grouping.NAMESPACE)
    rows = [" ".join(line.split()) for line in text(open_, terminal=Terminal(width=300))]
    assert [row.rpartition("; ")[2] for row in rows if row.startswith("→")] == [
        "not isolated for ingress",
        "1 of 4 pods isolated for ingress",
    ]


def test_focus_on_a_node_lists_the_pods_that_only_run_on_it() -> None:
    assert "→ vault all from node/n1" in focused(excerpt(with_node()), "node/n1")


def test_traffic_from_the_own_node_is_left_out_with_a_word() -> None:
    lines = [" ".join(line.split()) for line in text(excerpt(with_node()))]
    assert lines.count("Pods are always reached from the node that they run on; that is not listed.") == 1
    assert "→ vault nothing isolated, and nobody but its own node reaches it" in lines
    assert "| shop/Deployment/vault | nothing | nobody but its own node |" in "".join(map_md(excerpt(with_node())))
    assert not [line for line in text(excerpt()) if "node" in line]


def test_focus_in_a_large_map_lists_the_peers_by_namespace() -> None:
    lines = focused(excerpt(large(2, 80)), "ns-000/Deployment/app-000")
    assert lines[0].startswith("ns-000/app-000 reaches 158 of 159 other workloads and is reached from 1; it is not")
    assert lines[1:10] == [
        "",
        "Reached from",
        "ns-000 TCP 80 app-001",
        "",
        "Reaching",
        "ns-000 all 79 of 80 workloads: app-001, app-002, app-003, app-004 and 75 more",
        "ns-001 all 79 of 80 workloads: app-001, app-002, app-003, app-004 and 75 more",
        "outside the cluster all anywhere",
        "",
    ]


def test_what_is_exposed_in_a_large_map_is_named_by_namespace() -> None:
    connectivity = excerpt(large(2, 80)).connectivity
    lines = text(Excerpt(connectivity, [of_outside(connectivity)]), Asked(exposed=True), Terminal(width=300))
    assert lines[0] == "158 of 160 workloads can be reached from outside the cluster; 160 can leave it."
    rows = [" ".join(line.split()) for line in lines]
    expected = "all from anywhere 79 of 80 workloads: app-001, app-002, app-003, app-004 and 75 more"
    assert rows[rows.index("Reached from outside the cluster") + 1] == f"ns-000 {expected}"
    assert rows[rows.index("Leaving the cluster") + 1] == "ns-000 all to anywhere all 80 workloads"


def test_lists_of_peers_in_many_namespaces_are_cut_with_a_word() -> None:
    connectivity = excerpt(large(60, 3)).connectivity
    lines = text(Excerpt(connectivity, [of_outside(connectivity)]), Asked(exposed=True))
    assert len([line for line in lines if line.endswith("more; -o csv has them all")]) == 2
    assert len(lines) < 120


def test_markdown_names_sources_with_their_namespace() -> None:
    assert "| shop/Deployment/cart | TCP 7070 | shop/front |" in "".join(map_md(excerpt()))
