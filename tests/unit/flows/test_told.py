"""Names that pods have heard, in what is told of their flows."""

from __future__ import annotations

import pytest

from podfence.flows import told
from podfence.flows.told import Told

WEB, API = ("shop", "web", (1,)), ("shop", "api", (2,))


def test_a_pod_knows_an_address_by_the_name_that_it_heard_last() -> None:
    found = Told()
    found.hear(WEB, "a.example.com", [1, 2])
    found.hear(WEB, "b.example.com", [2])
    assert (found.name(WEB, 1), found.name(WEB, 2)) == ("a.example.com", "b.example.com")
    assert found.name(API, 1) == ""


def test_of_too_many_what_was_heard_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_MOST", 2)
    found = Told()
    found.hear(WEB, "a.example.com", [1, 2])
    found.hear(WEB, "a.example.com", [1])
    found.hear(API, "b.example.com", [3])
    assert [found.name(WEB, 1), found.name(WEB, 2), found.name(API, 3)] == ["a.example.com", "", "b.example.com"]
