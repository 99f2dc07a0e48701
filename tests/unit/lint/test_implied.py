"""Whether one peer covers another: an answer of yes holds for all objects that can be drawn."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from podfence.lint.implied import excludes, peer_covers, ports_cover, selector_covers
from podfence.model.labels import EVERYTHING, Operator, Requirement, Selector
from podfence.model.net import Protocol, parse_cidr
from podfence.model.policy import AddressPeer, PodPeer, PortName, PortRange

KEYS = ("app", "env")
VALUES = ("a", "b", "c")

requirements = st.one_of(
    st.builds(
        Requirement,
        st.sampled_from(KEYS),
        st.sampled_from((Operator.IN, Operator.NOT_IN)),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True).map(lambda v: tuple(sorted(v))),
    ),
    st.builds(Requirement, st.sampled_from(KEYS), st.sampled_from((Operator.EXISTS, Operator.DOES_NOT_EXIST))),
)
selectors = st.lists(requirements, max_size=3).map(lambda items: Selector(tuple(items)))
labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from((*VALUES, "d")), max_size=2)


@given(selectors, selectors, labels)
def test_what_a_covered_selector_matches_the_covering_one_matches_too(
    wide: Selector, narrow: Selector, pod: dict[str, str]
) -> None:
    assume(selector_covers(wide, narrow))
    assert wide.matches(pod) or not narrow.matches(pod)


@given(selectors)
def test_a_selector_covers_itself_and_is_covered_by_the_empty_one(selector: Selector) -> None:
    assert selector_covers(selector, selector)
    assert selector_covers(Selector(), selector)


def pods(namespace: str | None, spaces: Selector | None = None, selector: Selector = EVERYTHING) -> PodPeer:
    return PodPeer(namespace, spaces, selector)


def test_every_namespace_covers_one_namespace_and_not_the_other_way_round() -> None:
    assert peer_covers(pods(None, Selector()), pods("shop"))
    assert not peer_covers(pods("shop"), pods(None, Selector()))
    assert not peer_covers(pods("shop"), pods("store"))


def test_a_namespace_is_covered_by_its_name_label_and_by_no_other() -> None:
    by_name = Selector((Requirement("kubernetes.io/metadata.name", Operator.IN, ("shop",)),))
    by_label = Selector((Requirement("name", Operator.IN, ("shop",)),))
    assert peer_covers(pods(None, by_name), pods("shop"))
    assert not peer_covers(pods(None, by_label), pods("shop"))


def test_blocks_cover_by_their_addresses() -> None:
    wide, narrow = (AddressPeer((parse_cidr(text),), text) for text in ("10.0.0.0/8", "10.1.0.0/16"))
    assert peer_covers(wide, narrow)
    assert not peer_covers(narrow, wide)


def test_ports_cover_by_range_and_names_only_themselves() -> None:
    http, some = PortRange(Protocol.TCP, 80, 80), PortRange(Protocol.TCP, 1, 1024)
    name = PortName("http", Protocol.TCP)
    assert ports_cover((some,), (http,))
    assert ports_cover(None, (http, name))
    assert not ports_cover((http,), None)
    assert not ports_cover((some,), (name,))
    assert ports_cover((name,), (name,))


def test_leaving_somebody_out_is_seen_in_selectors_and_blocks() -> None:
    not_testing = Selector((Requirement("env", Operator.NOT_IN, ("testing",)),))
    assert excludes(pods(None, not_testing))
    assert excludes(pods("shop", None, Selector((Requirement("env", Operator.DOES_NOT_EXIST),))))
    assert excludes(AddressPeer((parse_cidr("10.0.0.0/9"),), "10.0.0.0/8 except 10.128.0.0/9"))
    assert not excludes(pods("shop"))
