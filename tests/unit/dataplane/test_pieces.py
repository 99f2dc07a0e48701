"""Commands are cut between lines, in their order, into transactions that are sure to fit; unbounded, into one."""

from __future__ import annotations

import itertools

import pytest

from podfence.dataplane.pieces import cut, fits, weight

END = 'return comment "NetworkPolicy default/allow-1 spec.ingress[0]"'
PORTS = "meta l4proto tcp ct reply proto-src @ports-e7de6be0264b32fe0966"
LINES = [f"add rule inet t c tcp dport {number} return" for number in range(50)]


def test_without_a_bound_all_is_one_transaction() -> None:
    assert list(cut(LINES, None)) == ["\n".join(LINES) + "\n"]
    assert fits("\n" * 10_000_000, None)


def test_no_commands_are_no_transaction() -> None:
    assert list(cut([], None)) == list(cut([], 100)) == []


@pytest.mark.parametrize("most", [1, 1000, 5000, 1_000_000])
def test_pieces_hold_every_line_once_and_in_order_and_as_many_as_fit(most: int) -> None:
    pieces = list(cut(LINES, most))
    assert "".join(pieces).splitlines() == LINES
    assert all(fits(piece, most) or piece.count("\n") == 1 for piece in pieces)
    for piece, after in itertools.pairwise(pieces):
        assert not fits(piece + after.splitlines()[0], most)


@pytest.mark.parametrize(
    ("line", "measured"),
    [
        ("add rule inet t c return", 88),
        (
            f"add rule inet t c ct original ip saddr @sel4-f941c262a770780f2db4 {PORTS} {END}",
            436,
        ),
        ("add rule inet t c ct original ip6 saddr ::1-::2 meta l4proto tcp ct reply proto-src 1-2 return", 448),
        ("add rule inet t c icmpv6 type { 133, 134, 135, 136, 137 } ip6 hoplimit 255 accept", 692),
        ("\t\ticmpv6 type { 133, 134, 135, 136, 137 } ip6 hoplimit 255 accept", 692),
        ("add set inet t s1 { type ipv4_addr . inet_proto . inet_service; }", 92),
        ("add element inet t i6 { ::a1 }", 177),
        (f"add element inet t i6 {{ {', '.join(f'::{n}:1' for n in range(50))} }}", 6495),
        ('\t\t\t10.1.1.1 comment "a" : jump in4-f941c262a770780f2db4-np,', 120),
    ],
)
def test_no_line_is_taken_for_less_than_was_measured_in_the_kernel(line: str, measured: int) -> None:
    assert measured <= weight(line) <= 6 * measured


def test_a_comment_counts_for_what_it_is() -> None:
    plain, said = 'add rule inet t c return comment ""', 'add rule inet t c return comment "a, b, c"'
    assert weight(said) - weight(plain) == len("a, b, c")
