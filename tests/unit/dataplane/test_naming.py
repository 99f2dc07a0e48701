"""Names are the same for the same content alone, and comments always fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podfence.dataplane.naming import digest, pod_peer_parts, quoted
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector
from podfence.model.policy import PodPeer


@given(st.lists(st.text()), st.lists(st.text()))
def test_lists_have_one_name_only_if_they_are_equal(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_parts_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("1:a") != digest("1", "a")


def test_peers_that_mean_others_have_other_parts() -> None:
    exists = Requirement("a", Operator.EXISTS)
    two = Requirement("a", Operator.IN, ("b", "c"))
    peers = [
        PodPeer("shop", None, EVERYTHING),
        PodPeer(None, EVERYTHING, EVERYTHING),
        PodPeer(None, Selector((exists,)), EVERYTHING),
        PodPeer(None, EVERYTHING, Selector((exists,))),
        PodPeer(None, EVERYTHING, Selector((two,))),
        PodPeer(None, EVERYTHING, Selector((Requirement("a", Operator.IN, ("b",)), Requirement("c", Operator.EXISTS)))),
    ]
    assert len({pod_peer_parts(peer) for peer in peers}) == len(peers)


@given(st.text())
def test_a_comment_is_one_line_without_quotes_that_nft_takes(text: str) -> None:
    comment = quoted(text)
    assert comment[0] == comment[-1] == '"'
    assert len(comment[1:-1].encode()) <= 127
    assert not set('"\n\\') & set(comment[1:-1])
