"""Ports of nodes that lead to a pod (``hostPort``), as rules of a table of their own. Pure.

As the portmap plugin of CNI has it: what comes to any address of the node, or to the one that the pod names, goes to
the pod with its source kept, but for a pod that reaches itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from podfence.lab.interface import Object

TABLE: Final = "inet podfence-lab-host-ports"

_WORDS = {4: "ip", 6: "ip6"}
_LOOPBACKS = {4: "127.0.0.0/8", 6: "::1"}


class HostPortMapping(msgspec.Struct, frozen=True, order=True):
    """One port of a node in one address family, and where it leads; ``host_address`` is empty for all addresses."""

    pod: str
    protocol: str
    host_address: str
    host_port: int
    address: str
    port: int

    @property
    def family(self) -> Literal[4, 6]:
        """Give the version of IP."""
        return ipaddress.ip_address(self.address).version


def host_port_mappings(pod: Object, addresses: Sequence[str]) -> tuple[HostPortMapping, ...]:
    """Give what a pod with these addresses takes of its node; one in the node's network needs nothing."""
    return () if pod["spec"].get("hostNetwork") else tuple(sorted(_mappings(pod, addresses)))


def _mappings(pod: Object, addresses: Sequence[str]) -> Iterator[HostPortMapping]:
    metadata, spec = pod["metadata"], pod["spec"]
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in (*spec["containers"], *sidecars):
        for port in container.get("ports") or ():
            if not port.get("hostPort"):
                continue
            wanted = ipaddress.ip_address(port.get("hostIP") or "0.0.0.0")  # noqa: S104 (the API's word for all)
            for address in addresses:
                is_any = wanted.is_unspecified
                if is_any or ipaddress.ip_address(address).version == wanted.version:
                    yield HostPortMapping(
                        f"{metadata['namespace']}/{metadata['name']}",
                        (port.get("protocol") or "TCP").lower(),
                        "" if is_any else str(wanted),
                        port["hostPort"],
                        address,
                        port["containerPort"],
                    )


def host_port_rules(mappings: Iterable[HostPortMapping], node_addresses: Sequence[str]) -> str:
    """Write the transaction that brings a node's table to these mappings, whatever it held; hooks stay as they are."""
    own = {ipaddress.ip_address(one).version: one for one in node_addresses}
    wanted = [one for one in sorted(set(mappings)) if one.family in own]
    to_pods = "".join(f"    {_to_pod(one)}\n" for one in wanted)
    hairpins = "".join(f"    {_hairpin(one.address, own)}\n" for one in sorted(wanted, key=lambda one: one.address))
    return (
        f"table {TABLE} {{\n"
        "  chain ports { }\n"
        "  chain prerouting { type nat hook prerouting priority dstnat; }\n"
        "  chain output { type nat hook output priority -100; }\n"
        "  chain postrouting { type nat hook postrouting priority srcnat; }\n"
        f"}}\nflush table {TABLE}\n"
        f"table {TABLE} {{\n"
        f"  chain ports {{\n{to_pods}  }}\n"
        "  chain prerouting { fib daddr type local jump ports; }\n"
        "  chain output { fib daddr type local jump ports; }\n"
        f"  chain postrouting {{\n{hairpins}  }}\n"
        "}\n"
    )


def _to_pod(one: HostPortMapping) -> str:
    word = _WORDS[one.family]
    where = one.host_address or f"!= {_LOOPBACKS[one.family]}"
    target = f"[{one.address}]:{one.port}" if one.family == 6 else f"{one.address}:{one.port}"
    return f'{word} daddr {where} {one.protocol} dport {one.host_port} dnat {word} to {target} comment "{one.pod}"'


def _hairpin(address: str, own: Mapping[Literal[4, 6], str]) -> str:
    family = ipaddress.ip_address(address).version
    word = _WORDS[family]
    return f"{word} saddr {address} {word} daddr {address} ct status dnat snat {word} to {own[family]}"
