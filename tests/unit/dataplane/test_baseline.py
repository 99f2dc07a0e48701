"""A rule that somebody changes is seen although its comment stays, unless nobody has looked before."""

from __future__ import annotations

from podfence.dataplane.baseline import Baseline
from podfence.dataplane.listing import Listing
from podfence.dataplane.objects import Chain

OURS = {"c": Chain("", ('tcp dport 80 accept comment "x"',)), "d": Chain("", ("drop",))}


def listed(**bodies: bytes) -> Listing:
    return Listing(bodies=bodies)


def test_what_is_listed_as_before_has_not_changed_and_what_is_listed_otherwise_has() -> None:
    baseline = Baseline()
    assert list(baseline.changed(listed(c=b"1", d=b"2"), OURS)) == []
    baseline.keep(listed(c=b"1", d=b"2"), OURS)
    assert list(baseline.changed(listed(c=b"1", d=b"2"), OURS)) == []
    assert list(baseline.changed(listed(c=b"1", d=b"3"), OURS)) == ["d"]


def test_a_chain_that_we_wrote_anew_may_be_listed_otherwise() -> None:
    baseline = Baseline()
    baseline.keep(listed(c=b"1", d=b"2"), OURS)
    anew = {**OURS, "c": Chain("", ("accept",))}
    assert list(baseline.changed(listed(c=b"9", d=b"2"), anew)) == []
    baseline.keep(listed(c=b"9", d=b"2"), anew)
    assert list(baseline.changed(listed(c=b"1", d=b"2"), anew)) == ["c"]


def test_a_chain_that_is_gone_is_not_called_changed() -> None:
    baseline = Baseline()
    baseline.keep(listed(c=b"1", d=b"2"), OURS)
    assert list(baseline.changed(listed(d=b"2"), OURS)) == []
