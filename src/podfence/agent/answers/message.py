"""What an answer of DNS says: the names that lead to addresses, within the one message.

The bytes come from whoever answered, and whatever they are, reading them does no more than fail (CVE-2025-23028).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from podfence.dataplane.lookups import Answer
from podfence.model.net import parse_address

if TYPE_CHECKING:
    import dns.message
    import dns.name

_HEADER_BYTES = 12
_POINTER = 64
"""What is no length of a label (RFC 1035)."""
_MOST_NAMES = 16
"""Names in a row that lead from one to the next; resolvers follow no more themselves."""
MOST_BYTES = 16_384
"""Octets of a message that is read: reading takes time in proportion, and some 500 addresses take no more."""
MOST_ADDRESSES = 512
"""Addresses of one answer that count; NPEP-133 asks for 100 of each name."""
_CLOUDS = frozenset(map(ipaddress.IPv6Address, ("fd00:ec2::254", "fd20:ce::254")))
"""Where clouds give out credentials over IPv6; over IPv4 they do so at an address of one link."""
_UNWRITABLE = frozenset(b'.\\ *"')
"""Octets that may stand in a label and would make its text another name's."""


class UnreadableError(Exception):
    """It is no message of DNS."""


def read_answer(data: bytes, asker: int) -> Answer | None:
    """Read a message; ``None`` when it tells no address. Raises ``UnreadableError``.

    Counted are the addresses to which the name that was asked for leads, over CNAMEs of the same message (facts:
    semantics 3.5). Names on the way are not: whoever owns the first could have said that it leads to any of them.
    """
    if len(data) >= _HEADER_BYTES and not int.from_bytes(data[6:8], "big"):
        return None
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"it is larger than {MOST_BYTES:,} bytes")
    import dns.message  # noqa: PLC0415 - 4 MiB that most nodes never need

    try:
        message = dns.message.from_wire(data, ignore_trailing=True, one_rr_per_rrset=False)
        return _answer(message, asker)
    except Exception as error:  # noqa: BLE001 (a library reads what a stranger wrote)
        raise UnreadableError(str(error)) from None


def asked_name(data: bytes) -> str:
    """Read the name that a message asks for, and nothing else of it; empty when that takes more than a glance."""
    labels, at = [], _HEADER_BYTES
    while at < len(data) and 0 < (length := data[at]) < _POINTER:
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    if at >= len(data) or data[at] != 0 or any(_UNWRITABLE.intersection(label) for label in labels):
        return ""
    return b".".join(labels).decode("ascii", "replace").lower()


def _answer(message: dns.message.Message, asker: int) -> Answer | None:
    import dns.flags  # noqa: PLC0415 - as above
    import dns.rcode  # noqa: PLC0415
    import dns.rdataclass  # noqa: PLC0415
    import dns.rdatatype  # noqa: PLC0415

    is_answer = bool(message.flags & dns.flags.QR) and message.rcode() == dns.rcode.NOERROR
    if not is_answer or len(message.question) != 1 or message.question[0].rdclass != dns.rdataclass.IN:
        return None
    aliases = {
        rrset.name: (rrset[0].target, rrset.ttl)
        for rrset in message.answer
        if rrset.rdtype == dns.rdatatype.CNAME and rrset.rdclass == dns.rdataclass.IN
    }
    asked = name = message.question[0].name
    names: list[dns.name.Name] = []
    ttl_s = (1 << 31) - 1
    while name not in names and len(names) < _MOST_NAMES:
        names.append(name)
        if name not in aliases:
            break
        name, ttl = aliases[name]
        ttl_s = min(ttl_s, ttl)
    found = [r for r in message.answer if r.name == names[-1] and r.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)]
    found = [rrset for rrset in found if rrset.rdclass == dns.rdataclass.IN]
    texts = [rdata.address for rrset in found for rdata in rrset]
    addresses = tuple(parse_address(text) for text in texts if _is_host(ipaddress.ip_address(text)))
    if not addresses or any(_UNWRITABLE.intersection(label) for label in asked.labels):
        return None
    return Answer(asker, _text(asked), addresses[:MOST_ADDRESSES], min(ttl_s, *(rrset.ttl for rrset in found)))


def _is_host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether somebody elsewhere can have an address: no answer opens loopback, or the metadata of a cloud."""
    if isinstance(address, ipaddress.IPv4Address):
        if address.is_reserved:
            return False
    elif address in _CLOUDS or address.ipv4_mapped is not None:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified)


def _text(name: dns.name.Name) -> str:
    """Write a name as policies do: without the dot of the root, in small letters."""
    return name.to_text(omit_final_dot=True).lower()
