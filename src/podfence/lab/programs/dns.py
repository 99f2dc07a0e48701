"""DNS questions for ``nslookup`` and ``dig``: one UDP datagram each way, as much of the format as they print.

The lab's server side uses a hardened library; programs in pods have the standard library only, and read answers of
the lab's own server. Whatever is malformed is a ``ValueError``.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "ANY": 255}
_NAMES = {number: name for name, number in TYPES.items()}
STATUS = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_INTERNET = 1
_RECURSION_DESIRED = 0x0100
_MOST_JUMPS = 64


class Record(NamedTuple):
    """One answer: owner name, time to live, type, and its data as text."""

    name: str
    ttl_s: int
    type: str
    data: str


class Reply(NamedTuple):
    """What a server said: the status as a number, and its answers."""

    status: int
    records: tuple[Record, ...]


class Resolver(NamedTuple):
    """What /etc/resolv.conf says."""

    servers: tuple[str, ...]
    searches: tuple[str, ...]
    dots: int

    def candidates(self, name: str) -> list[str]:
        """Give the full names to try, in the resolver's order."""
        if name.endswith("."):
            return [name.rstrip(".")]
        searched = [f"{name}.{search}" for search in self.searches]
        return [name, *searched] if name.count(".") >= self.dots else [*searched, name]


def read_resolver(text: str | None = None) -> Resolver:
    """Read the resolver's configuration."""
    servers, searches, dots = [], [], 1
    for line in (Path("/etc/resolv.conf").read_text(encoding="utf-8") if text is None else text).splitlines():
        words = line.split()
        if not words or words[0].startswith(("#", ";")):
            continue
        if words[0] == "nameserver":
            servers += words[1:2]
        elif words[0] in {"search", "domain"}:
            searches = words[1:]
        elif words[0] == "options":
            values = [word.removeprefix("ndots:") for word in words[1:] if word.startswith("ndots:")]
            dots = int(values[-1]) if values and values[-1].isdecimal() else dots
    return Resolver(tuple(servers), tuple(searches), dots)


def ask(server: str, name: str, kind: str, timeout_s: float, port: int = 53) -> Reply:
    """Ask a server; raises ``OSError`` (also for a timeout) and ``ValueError`` for an answer that makes no sense."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    question = write_question(int.from_bytes(os.urandom(2), "big"), name, kind)
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(timeout_s)
        datagrams.connect((server, port))
        datagrams.send(question)
        data = datagrams.recv(65536)
    if data[:2] != question[:2]:
        raise ValueError("the answer belongs to another question")
    return read_reply(data)


def write_question(number: int, name: str, kind: str) -> bytes:
    """Write a question; raises ``ValueError`` for a name that has no wire form."""
    head = struct.pack("!HHHHHH", number, _RECURSION_DESIRED, 1, 0, 0, 0)
    labels = [
        label.encode("idna" if not label.isascii() else "ascii") for label in name.rstrip(".").split(".") if label
    ]
    if any(len(label) > 63 for label in labels):
        raise ValueError("a label of the name is longer than 63 octets")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return head + encoded + struct.pack("!HH", TYPES[kind], _INTERNET)


def read_reply(data: bytes) -> Reply:
    """Read an answer; raises ``ValueError`` when it is malformed."""
    try:
        _, flags, questions, answers = struct.unpack_from("!HHHH", data)
        at = 12
        for _ in range(questions):
            at = _read_name(data, at)[1] + 4
        records = []
        for _ in range(answers):
            name, at = _read_name(data, at)
            kind, _, ttl_s, size = struct.unpack_from("!HHIH", data, at)
            at += 10
            data[at + size - 1]  # there must be as much as the record claims
            text = _data_text(data, at, size, kind)
            records.append(Record(name, ttl_s, _NAMES.get(kind, f"TYPE{kind}"), text))
            at += size
    except (struct.error, IndexError, OSError) as error:
        raise ValueError("the answer is cut off") from error
    return Reply(flags & 15, tuple(records))


def _data_text(data: bytes, at: int, size: int, kind: int) -> str:
    read = _READERS.get(_NAMES.get(kind, ""))
    return data[at : at + size].hex() if read is None else read(data, at, size)


def _read_address(data: bytes, at: int, size: int) -> str:
    return socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, data[at : at + size])


def _read_target(data: bytes, at: int, _: int) -> str:
    return _read_name(data, at)[0]


def _read_exchange(data: bytes, at: int, _: int) -> str:
    return f"{struct.unpack_from('!H', data, at)[0]} {_read_name(data, at + 2)[0]}"


def _read_service(data: bytes, at: int, _: int) -> str:
    priority, weight, port = struct.unpack_from("!HHH", data, at)
    return f"{priority} {weight} {port} {_read_name(data, at + 6)[0]}"


def _read_text(data: bytes, at: int, size: int) -> str:
    return '"' + data[at + 1 : at + size].decode(errors="replace") + '"'


def _read_authority(data: bytes, at: int, _: int) -> str:
    primary, end = _read_name(data, at)
    mail, end = _read_name(data, end)
    return " ".join([primary, mail, *(str(number) for number in struct.unpack_from("!IIIII", data, end))])


_READERS: dict[str, Callable[[bytes, int, int], str]] = {
    "A": _read_address,
    "AAAA": _read_address,
    "NS": _read_target,
    "CNAME": _read_target,
    "PTR": _read_target,
    "MX": _read_exchange,
    "SRV": _read_service,
    "TXT": _read_text,
    "SOA": _read_authority,
}


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    """Read a name, following pointers; gives it with a final dot, and where the text goes on."""
    labels: list[str] = []
    end = -1
    for _ in range(_MOST_JUMPS):
        size = data[at]
        if size == 0:
            return ".".join(labels) + ".", at + 1 if end < 0 else end
        if size >= 0xC0:
            end = at + 2 if end < 0 else end
            at = struct.unpack_from("!H", data, at)[0] & 0x3FFF
            continue
        labels.append(data[at + 1 : at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    raise ValueError("a name in the answer has no end")
