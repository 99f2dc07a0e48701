"""Which labels a selector that matches nothing was probably meant for."""

from __future__ import annotations

import pytest

from podfence.lint.labels import is_opt_in, nearest
from podfence.model.labels import Operator, Requirement, label_set
from podfence.model.labels import selector as make


@pytest.mark.parametrize(
    ("wanted", "there", "meant"),
    [
        ({"app": "webb"}, {"app": "web"}, ("app", "web")),
        ({"app": "prometheus"}, {"app.kubernetes.io/name": "prometheus"}, ("app.kubernetes.io/name", "prometheus")),
        ({"app": "web", "tier": "frnt"}, {"app": "web", "tier": "front"}, ("tier", "front")),
    ],
)
def test_the_closest_label_is_found(wanted: dict[str, str], there: dict[str, str], meant: tuple[str, str]) -> None:
    found = nearest(make(wanted), [label_set({"app": "other"}), label_set(there)])
    assert found is not None
    assert (found.key, found.value) == meant
    assert found.selector.matches(there)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ({"app": "ledger"}, {"app": "web"}),
        ({"app": "x", "tier": "y"}, {"app": "web", "tier": "front"}),
        ({"db-client": "true"}, {"sidecar": "true"}),
        ({"app": "v2"}, {"version": "v2"}),
    ],
)
def test_what_is_not_close_is_not_suggested(wanted: dict[str, str], there: dict[str, str]) -> None:
    assert nearest(make(wanted), [label_set(there)]) is None


def test_an_exclusion_is_never_taken_for_a_slip() -> None:
    assert nearest(make({}, Requirement("app", Operator.NOT_IN, ("web",))), [label_set({"app": "web"})]) is None


def test_labels_that_pods_are_given_on_purpose_later_are_known_by_their_values() -> None:
    assert is_opt_in(make({"release-postgresql-client": "true"}))
    assert is_opt_in(make({}, Requirement("may-scrape", Operator.EXISTS)))
    assert not is_opt_in(make({"app": "web"}))
