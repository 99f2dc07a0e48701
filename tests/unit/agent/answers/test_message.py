"""What an answer of DNS says, and that whatever it is, reading it does no more than fail."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.agent.answers.message import MOST_ADDRESSES, UnreadableError, asked_name, read_answer
from podfence.dataplane.lookups import Answer
from podfence.model.net import parse_address

ASKER = parse_address("10.9.0.1")


def wire(question: str, *records: str, kind: str = "A", rcode: int = 0, is_answer: bool = True) -> bytes:
    message = dns.message.make_query(question, kind)
    if is_answer:
        message.flags |= dns.flags.QR
    message.set_rcode(rcode)  # type: ignore[arg-type]
    for record in records:
        name, ttl, rdtype, data = record.split()
        message.answer.append(dns.rrset.from_text(name, int(ttl), "IN", rdtype, data))
    return message.to_wire()


def read(question: str, *records: str, **changes: int) -> tuple[str, set[int], int] | None:
    found = read_answer(wire(question, *records, **changes), ASKER)  # type: ignore[arg-type]
    return None if found is None else (found.name, set(found.addresses), found.ttl_s)


def test_a_name_has_the_addresses_of_its_answer() -> None:
    found = read("www.example.com.", "www.example.com. 300 A 203.0.113.9", "www.example.com. 300 A 203.0.113.10")
    assert found == ("www.example.com", {parse_address("203.0.113.9"), parse_address("203.0.113.10")}, 300)


def test_capital_letters_mean_the_same() -> None:
    assert read("wWw.EXAMPLE.com.", "WWW.example.com. 60 AAAA 2001:db8::9") == (
        "www.example.com",
        {parse_address("2001:db8::9")},
        60,
    )


def test_the_name_that_was_asked_for_has_the_addresses_to_which_it_leads_and_the_shortest_time_counts() -> None:
    found = read(
        "a.example.com.",
        "b.example.net. 40 CNAME c.example.org.",
        "a.example.com. 300 CNAME b.example.net.",
        "c.example.org. 900 A 203.0.113.9",
    )
    assert found == ("a.example.com", {parse_address("203.0.113.9")}, 40)


def test_what_nobody_asked_for_is_not_learnt() -> None:
    assert read("a.example.com.", "www.google.com. 300 A 203.0.113.9") is None
    found = read("a.example.com.", "a.example.com. 9 A 203.0.113.1", "www.google.com. 300 A 203.0.113.9")
    assert found == ("a.example.com", {parse_address("203.0.113.1")}, 9)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::", "fd00:ec2::254", "::ffff:203.0.113.9"],
)
def test_an_answer_opens_neither_loopback_nor_the_metadata_of_a_cloud(host: str) -> None:
    kind = "AAAA" if ":" in host else "A"
    assert read("a.example.com.", f"a.example.com. 300 {kind} {host}") is None


def test_questions_failures_and_loops_tell_no_address() -> None:
    record = "a.example.com. 300 A 203.0.113.9"
    assert read_answer(wire("a.example.com.", record, is_answer=False), ASKER) is None
    assert read("a.example.com.", record, rcode=3) is None
    assert (
        read("a.example.com.", "a.example.com. 1 CNAME b.example.com.", "b.example.com. 1 CNAME a.example.com.") is None
    )


@pytest.mark.parametrize("name", [r"x\.example.com.", r"\092.example.com.", "*.example.com.", r"a\032b.example.com."])
def test_a_name_whose_text_would_be_another_names_is_not_learnt(name: str) -> None:
    assert read(name, f"{name} 300 A 203.0.113.9") is None


def test_of_very_many_addresses_the_first_count() -> None:
    message = dns.message.make_query("a.example.com.", "A")
    message.flags |= dns.flags.QR
    texts = [f"203.0.{number // 256}.{number % 256}" for number in range(MOST_ADDRESSES + 100)]
    message.answer.append(dns.rrset.from_text("a.example.com.", 60, "IN", "A", *texts))
    found = read_answer(message.to_wire(), ASKER)
    assert found is not None
    assert len(found.addresses) == MOST_ADDRESSES


@given(st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_none_or_unreadable(data: bytes) -> None:
    try:
        found = read_answer(data, ASKER)
    except UnreadableError:
        return
    assert found is None or isinstance(found, Answer)


@given(st.data())
def test_an_answer_that_is_bent_anywhere_does_no_more_than_fail(data: st.DataObject) -> None:
    whole = bytearray(wire("a.example.com.", "a.example.com. 1 CNAME b.example.com.", "b.example.com. 1 A 203.0.113.9"))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_answer(bytes(whole[: data.draw(st.integers(0, len(whole)))]), ASKER)
    except UnreadableError:
        return


@pytest.mark.parametrize("name", ["a.example.com.", "WWW.Example.COM.", "com."])
def test_the_name_that_is_asked_for_can_be_read_alone(name: str) -> None:
    assert asked_name(wire(name, is_answer=False)) == name.lower().rstrip(".")


@given(st.binary(max_size=80))
def test_of_any_bytes_the_name_is_read_as_the_whole_message_has_it_or_not_at_all(data: bytes) -> None:
    name = asked_name(data)
    try:
        found = read_answer(data, ASKER)
    except UnreadableError:
        return
    assert found is None or name in {found.name, ""}


def test_a_message_that_would_take_long_to_read_is_not() -> None:
    with pytest.raises(UnreadableError, match="larger than 16,384 bytes"):
        read_answer(wire("a.example.com.", "a.example.com. 300 A 203.0.113.9") + bytes(16_384), ASKER)
