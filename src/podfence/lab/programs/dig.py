"""``dig [@SERVER] NAME [TYPE] [+short] [+search] [+time=N]``: asks a DNS server and prints its answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore
from podfence.lab.programs.dns import STATUS, TYPES, Reply, ask, read_resolver

_NO_SERVER = 9
_TIMEOUT_S = 5.0


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Ask; 9 when no server answers, as dig has it."""
    ready()
    words = list(arguments[1:])
    resolver = read_resolver()
    servers = [word[1:] for word in words if word.startswith("@")] or list(resolver.servers)
    kinds = [word.upper() for word in words if word.upper() in TYPES]
    switches = {word[1:].partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("+")}
    names = [word for word in words if word[0] not in "@+-" and word.upper() not in TYPES]
    name, kind = names[0] if names else ".", kinds[0] if kinds else "A"
    if "-x" in words:
        name, kind = ipaddress.ip_address(name).reverse_pointer, "PTR"
    candidates = resolver.candidates(name) if "search" in switches else [name]
    timeout_s = float(switches.get("time") or _TIMEOUT_S)
    reply = None
    for candidate in candidates:
        try:
            reply = ask(servers[0], candidate, kind, timeout_s)
        except (OSError, ValueError, IndexError) as error:
            reason = "connection timed out" if isinstance(error, TimeoutError) else str(error)
            print(f";; {reason}; no servers could be reached")
            return _NO_SERVER
        name = candidate
        if reply.records:
            break
    _print(name, kind, reply, is_short="short" in switches)
    return 0


def _print(name: str, kind: str, reply: Reply | None, *, is_short: bool) -> None:
    if reply is None:
        return
    if is_short:
        print("".join(f"{record.data}\n" for record in reply.records), end="", flush=True)
        return
    print(f";; ->>HEADER<<- opcode: QUERY, status: {STATUS.get(reply.status, reply.status)}")
    print(f";; QUESTION SECTION:\n;{name.rstrip('.')}.\t\tIN\t{kind}\n")
    if reply.records:
        print(";; ANSWER SECTION:")
        print("\n".join(f"{one.name}\t{one.ttl_s}\tIN\t{one.type}\t{one.data}" for one in reply.records), flush=True)
