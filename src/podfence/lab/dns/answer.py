"""Answers DNS messages from a zone: bytes in, bytes out, no I/O. Nothing that comes in can make it raise.

Messages are dnspython's business; what a zone holds is the zone's. What the zone is no authority over is handed back
to be asked elsewhere.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Sequence
from typing import Final

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import msgspec

from podfence.lab.dns.zone import TTL_S, Found, Record, Zone

UDP_BYTES: Final = 1232
"""The most that goes into one datagram even if the client would take more: no fragment is ever needed."""
PLAIN_UDP_BYTES: Final = 512
_TCP_BYTES: Final = 65_535
_HEADER_BYTES: Final = 12
_MOST_ALIASES: Final = 8


class Question(msgspec.Struct, frozen=True):
    """A query that can be answered: the message, the name as asked and in lower case, and the type."""

    message: dns.message.Message
    name: dns.name.Name
    text: str
    kind: dns.rdatatype.RdataType


class Answer(msgspec.Struct, frozen=True):
    """A response so far; ``alias`` is a name that others must resolve to complete it."""

    message: dns.message.Message
    alias: dns.name.Name | None = None


def read(data: bytes) -> Question | bytes | None:
    """Read a query; else give the error to send back, ``None`` where silence is the answer."""
    if len(data) < _HEADER_BYTES or data[2] & 0x80:  # no message, or an answer: answering those would loop
        return None
    try:
        message = dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError, struct.error, IndexError):
        return _bare(data, dns.rcode.FORMERR)
    if (code := _objection(message)) is not None:
        return _bare(data, code)
    (asked,) = message.question
    if message.edns > 0:
        response = _response(message)
        response.set_rcode(dns.rcode.BADVERS)
        return response.to_wire()
    text = asked.name.to_text(omit_final_dot=True).lower()
    return Question(message, asked.name, "" if text == "." else text, asked.rdtype)


def answer(question: Question, zone: Zone) -> Answer | None:
    """Answer from the zone; ``None`` when it has no authority over the name."""
    origin = zone.origin_of(question.text)
    if origin is None:
        return None
    response = _response(question.message)
    response.flags |= dns.flags.AA
    name, text = question.name, question.text
    for _ in range(_MOST_ALIASES):
        found = zone.find(text)
        if found is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            break
        alias = _alias(found, question.kind)
        if alias is None:
            _add(response, name, found, question.kind, zone)
            break
        response.answer.append(_rrset(name, [alias]))
        name = dns.name.from_text(alias.data)
        text = name.to_text(omit_final_dot=True).lower()
        if zone.origin_of(text) is None:
            return Answer(response, name)
    if not response.answer:
        response.authority.append(_start_of_authority(origin))
    return Answer(response)


def complete(answered: Answer, upstream: dns.message.Message) -> dns.message.Message:
    """Add what another server said of an alias."""
    answered.message.answer.extend(upstream.answer)
    answered.message.set_rcode(upstream.rcode())
    return answered.message


def failure(question: Question, code: dns.rcode.Rcode = dns.rcode.SERVFAIL) -> dns.message.Message:
    """Say that a question could not be answered."""
    response = _response(question.message)
    response.set_rcode(code)
    return response


def write(response: dns.message.Message, question: Question, *, over_udp: bool) -> bytes:
    """Write a response within what the client takes; too long a one becomes a short one that says so."""
    limit = _TCP_BYTES
    if over_udp:
        query = question.message
        limit = PLAIN_UDP_BYTES if query.edns < 0 else min(max(query.payload, PLAIN_UDP_BYTES), UDP_BYTES)
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        short = failure(question, response.rcode())
        short.flags |= dns.flags.TC | response.flags & dns.flags.AA
        return short.to_wire()


def _objection(message: dns.message.Message) -> dns.rcode.Rcode | None:
    """Say why a message that can be read is no question for us."""
    if message.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if len(message.question) != 1:
        return dns.rcode.FORMERR
    (asked,) = message.question
    if asked.rdclass != dns.rdataclass.IN or asked.rdtype in {dns.rdatatype.AXFR, dns.rdatatype.IXFR}:
        return dns.rcode.REFUSED
    return None


def _response(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True)
    if query.edns >= 0:
        response.use_edns(0, payload=UDP_BYTES)
    return response


def _bare(data: bytes, code: dns.rcode.Rcode) -> bytes:
    """Answer what cannot be read by its header alone."""
    flags = 0x8000 | (data[2] & 0x79) << 8 | code
    return data[:2] + struct.pack("!H4H", flags, 0, 0, 0, 0)


def _alias(found: Found, kind: dns.rdatatype.RdataType) -> Record | None:
    if kind in {dns.rdatatype.CNAME, dns.rdatatype.ANY}:
        return None
    return next((one for one in found.records if one.kind == "CNAME"), None)


def _add(
    response: dns.message.Message, name: dns.name.Name, found: Found, kind: dns.rdatatype.RdataType, zone: Zone
) -> None:
    if kind == dns.rdatatype.ANY:  # RFC 8482: few words instead of everything
        if found.records:
            response.answer.append(_rrset(name, [Record("HINFO", '"RFC8482" ""')]))
        return
    fit = [one for one in found.records if one.kind == dns.rdatatype.to_text(kind)]
    if fit:
        response.answer.append(_rrset(name, fit))
    if kind == dns.rdatatype.SRV:
        for target in sorted({one.data.split()[-1] for one in fit}):
            response.additional.extend(_addresses(target, zone))


def _addresses(target: str, zone: Zone) -> Iterable[dns.rrset.RRset]:
    found = zone.find(target.rstrip(".").lower())
    for kind in ("A", "AAAA"):
        fit = [one for one in (found.records if found is not None else ()) if one.kind == kind]
        if fit:
            yield _rrset(dns.name.from_text(target), fit)


def _start_of_authority(origin: str) -> dns.rrset.RRset:
    below = f"{origin}." if origin else ""
    data = f"ns.dns.{below or '.'} hostmaster.{below or '.'} 1 7200 1800 86400 {TTL_S}".replace("..", ".")
    return _rrset(dns.name.from_text(f"{origin}."), [Record("SOA", data)])


def _rrset(name: dns.name.Name, fit: Sequence[Record]) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, TTL_S, [_rdata(one) for one in fit])


@functools.lru_cache(maxsize=65_536)
def _rdata(record: Record) -> dns.rdata.Rdata:
    return dns.rdata.from_text(dns.rdataclass.IN, record.kind, record.data)
