"""A narrowed map shows exactly the connections of the whole map that were asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt, Scope, around, of_namespace, of_outside
from podfence.engine.focus import Focus
from podfence.model.error import PodfenceError
from podfence.model.snapshot import Snapshot
from tests.properties.clusters import random_cluster
from tests.unit.report.maps import accept, app, deployment, excerpt, ingress, namespace, shop

Edge = tuple[int, int, int]


def edges(shown: Excerpt) -> set[Edge]:
    return {(source, target, mask) for source, outgoing in shown.connections() for target, mask in outgoing}


@pytest.mark.parametrize("seed", range(30))
def test_a_scope_keeps_the_connections_that_touch_it_and_the_endpoints_that_they_need(seed: int) -> None:
    whole = excerpt(random_cluster(seed), Grouping.POD)
    connectivity = whole.connectivity
    for scopes in (
        [of_namespace(connectivity, "one")],
        [of_outside(connectivity)],
        [of_namespace(connectivity, "one"), of_outside(connectivity)],
        [around(connectivity, [0])],
    ):
        shown = Excerpt(connectivity, scopes)
        expected = {edge for edge in edges(whole) if all(touches(scope, edge) for scope in scopes)}
        assert edges(shown) == expected
        assert {end for a, b, _ in expected for end in (a, b)} <= set(shown.numbers())


def touches(scope: Scope, edge: Edge) -> bool:
    return edge[0] in scope.sources or edge[1] in scope.destinations


def chain() -> Snapshot:
    """Make a -> b -> c -> d, each isolated but from the one before; nobody else may enter."""
    names = ("a", "b", "c", "d")
    rules = [ingress("s", "a")] + [ingress("s", b, accept(80, app("s", a))) for a, b in pairwise(names)]
    return Snapshot((namespace("s"),), tuple(deployment("s", name) for name in names), policies=tuple(rules))


@pytest.mark.parametrize(("depth", "expected"), [(1, "ab"), (2, "abc"), (3, "abcd"), (9, "abcd")])
def test_depth_follows_connections_in_a_row(depth: int, expected: str) -> None:
    connectivity = excerpt(chain()).connectivity
    start = Focus(connectivity).find("s/a")
    shown = Excerpt(connectivity, [around(connectivity, start, depth)])
    assert [e.name for e in shown.endpoints() if e.has_pods] == list(expected)


def test_no_path_leads_through_the_outside() -> None:
    connectivity = excerpt().connectivity
    start = Focus(connectivity).find("shop/vault")
    shown = Excerpt(connectivity, [around(connectivity, start, 2)])
    outside = {n for n, e in enumerate(connectivity.endpoints) if e.is_outside}
    # The front can be reached from outside too, but what enters it there is not the vault's.
    front = next(n for n, e in enumerate(connectivity.endpoints) if e.name == "front")
    assert not [edge for edge in edges(shown) if edge[0] in outside and edge[1] == front]


def test_a_focus_may_be_an_id_a_short_name_a_pod_an_address_or_a_namespace() -> None:
    connectivity = excerpt().connectivity

    def found(text: str, place: str | None = None) -> set[str]:
        return {connectivity.endpoints[number].id for number in Focus(connectivity).find(text, place)}

    cart = {"shop/Deployment/cart"}
    for text in ("shop/Deployment/cart", "shop/cart", "shop/deploy/cart", "shop/cart-1"):
        assert found(text) == cart
    assert found("cart", "shop") == cart
    assert found("203.0.113.9") == {"external/203.0.113.0-203.0.113.255"}
    assert found("namespace/ops") == {"ops/Deployment/tools"}


def test_a_focus_by_pod_on_a_workload_means_all_of_its_pods() -> None:
    connectivity = excerpt(shop(), Grouping.POD).connectivity
    found = Focus(connectivity).find("shop/cart")
    assert {connectivity.endpoints[number].id for number in found} == {"shop/Pod/cart-0", "shop/Pod/cart-1"}


def test_a_focus_that_names_nothing_is_an_error() -> None:
    with pytest.raises(PodfenceError, match="shop/crt"):
        Focus(excerpt().connectivity).find("shop/crt")
