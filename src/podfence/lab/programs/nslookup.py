"""``nslookup NAME [SERVER]``: asks for the addresses of a name, or the name of an address."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.dns import STATUS, Record, ask, read_resolver

_TIMEOUT_S = 5.0


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Look a name up; 0 when it was found."""
    ready()
    options = [word.lstrip("-") for word in arguments[1:] if word.startswith("-")]
    operands = [word for word in arguments[1:] if not word.startswith("-")]
    if not operands:
        print("usage: nslookup [-type=TYPE] HOST [SERVER]", file=sys.stderr)
        return 1
    given = [value.upper() for name, _, value in (word.partition("=") for word in options) if name in {"type", "q"}]
    times = [float(value) for name, _, value in (word.partition("=") for word in options) if name == "timeout"]
    resolver = read_resolver()
    servers = operands[1:2] or list(resolver.servers)
    if not servers:
        print(";; no servers could be reached", flush=True)
        return 1
    print(f"Server:\t\t{servers[0]}\nAddress:\t{_join(servers[0])}\n", flush=True)
    return _look_up(operands[0], servers, given or ["A", "AAAA"], times[0] if times else _TIMEOUT_S)


def _look_up(name: str, servers: list[str], kinds: list[str], timeout_s: float) -> int:
    candidates = read_resolver().candidates(name)
    pointer = _pointer(name)
    if pointer:
        candidates, kinds = [pointer], ["PTR"]
    status = 3
    for candidate in candidates:
        records: list[Record] = []
        for kind in kinds:
            try:
                reply = ask(servers[0], candidate, kind, timeout_s)
            except (OSError, ValueError, KeyError) as error:
                reason = "timed out" if isinstance(error, TimeoutError) else str(error)
                print(f";; connection {reason}; no servers could be reached", flush=True)
                return 1
            status = reply.status
            records += reply.records
        if records:
            print("\n".join(_line(record) for record in records) + "\n", flush=True)
            return 0
    print(f"** server can't find {name}: {STATUS.get(status, status) if status else 'No answer'}\n", flush=True)
    return 1


def _line(record: Record) -> str:
    name = record.name.rstrip(".")
    match record.type:
        case "A" | "AAAA":
            return f"Name:\t{name}\nAddress: {record.data}"
        case "PTR":
            return f"{name}\tname = {record.data}"
        case "CNAME":
            return f"{name}\tcanonical name = {record.data}"
        case kind:
            return f"{name}\t{kind.lower()} = {record.data}"


def _pointer(name: str) -> str | None:
    try:
        return ipaddress.ip_address(name).reverse_pointer
    except ValueError:
        return None


def _join(server: str) -> str:
    return f"[{server}]:53" if ":" in server else f"{server}:53"
