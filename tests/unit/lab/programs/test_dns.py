"""The small resolver of nslookup and dig, checked against a library that knows the format."""

from __future__ import annotations

import contextlib

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podfence.lab.programs.dns import Record, read_reply, read_resolver, write_question

NAME = "web.shop.svc.cluster.local."


def answer(*records: str) -> bytes:
    question = dns.message.from_wire(write_question(7, NAME, "A"))
    reply = dns.message.make_response(question)
    for record in records:
        name, ttl_s, *rest = record.split(maxsplit=4)
        reply.answer.append(dns.rrset.from_text(name, int(ttl_s), *rest))
    return reply.to_wire()


def test_a_question_is_read_by_others_as_it_was_meant() -> None:
    question = dns.message.from_wire(write_question(7, "web.shop", "AAAA"))
    assert question.id == 7
    assert str(question.question[0]) == "web.shop. IN AAAA"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("A", "10.96.0.1"),
        ("AAAA", "fd00:96::1"),
        ("CNAME", "other.shop.svc.cluster.local."),
        ("PTR", NAME),
        ("SRV", "0 100 80 web.shop.svc.cluster.local."),
        ("MX", "10 mail.example.com."),
        ("TXT", '"some text"'),
        ("SOA", "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"),
    ],
)
def test_records_are_read_with_their_compressed_names(kind: str, data: str) -> None:
    assert read_reply(answer(f"{NAME} 30 IN {kind} {data}")).records == (Record(NAME, 30, kind, data),)


def test_a_cut_answer_is_an_error_and_never_anything_else() -> None:
    whole = answer(f"{NAME} 30 IN A 10.96.0.1")
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=r"cut off|no end"):
            read_reply(whole[:size])


@given(st.binary(max_size=120))
def test_whatever_a_server_sends_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= read_reply(data).status < 16


def test_a_name_that_points_at_itself_is_refused() -> None:
    head = bytes.fromhex("000781800000000100000000")
    with pytest.raises(ValueError, match="no end"):
        read_reply(head + b"\xc0\x0c" + bytes(10))


def test_names_are_tried_in_the_order_of_the_resolver() -> None:
    resolver = read_resolver("search shop.svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n")
    assert resolver.servers == ("10.96.0.10",)
    assert resolver.candidates("web") == ["web.shop.svc.cluster.local", "web.cluster.local", "web"]
    assert resolver.candidates("a.b.c.d.e.f")[0] == "a.b.c.d.e.f"
    assert resolver.candidates("www.google.com.") == ["www.google.com"]
