"""Service ports as nftables rules for one node, after kube-proxy's own nftables mode (``pkg/proxy/nftables``). Pure.

A port's address is looked up in a map and leads to a chain that translates to one of the endpoints. Source addresses
are kept unless the answer would not come back this way: a pod that reaches itself, and what comes in from outside
with ``externalTrafficPolicy: Cluster``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from podfence.lab.services.ruleset import TABLE, Chain, Ruleset
from podfence.lab.services.view import Endpoint, ServicePort

MASQUERADE_MARK: Final = "0x4000"
"""Of a packet, not of a connection; kube-proxy's own bit, and none that policy uses."""

_WORDS = {4: "ip", 6: "ip6"}
_TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}
_MASQUERADE = f"meta mark set meta mark or {MASQUERADE_MARK}"


class ProxyNode(msgspec.Struct, frozen=True):
    """The node that the rules are for; one address per family, the networks of all pods, and those of its own pods."""

    name: str
    addresses: tuple[str, ...]
    pod_networks: tuple[str, ...]
    own_pod_networks: tuple[str, ...]

    def address(self, family: int) -> str | None:
        """Give the node's address of a family."""
        return next((one for one in self.addresses if _family(one) == family), None)

    def pods(self, family: int) -> str:
        """Give the networks of all pods of a family as an anonymous set."""
        return _anonymous(self.pod_networks, family)

    def own_pods(self, family: int) -> str:
        """Give the networks of this node's pods of a family as an anonymous set."""
        return _anonymous(self.own_pod_networks, family)


def skeleton(node: ProxyNode) -> str:
    """Write the part of the table that never changes."""
    families = [family for family in (4, 6) if node.address(family)]
    maps = "".join(_maps(family) for family in families)
    lookups = "".join(_lookups(family, str(node.address(family))) for family in families)
    refusals = "".join(_refusals(family) for family in families)
    node_refusals = "".join(_node_refusals(family, str(node.address(family))) for family in families)
    sources = "".join(
        f"    meta mark and {MASQUERADE_MARK} == {MASQUERADE_MARK} "
        f"meta nfproto ipv{family} snat {_WORDS[family]} to {node.address(family)}\n"
        f"    {_WORDS[family]} saddr . {_WORDS[family]} daddr @hairpin{family} ct status dnat "
        f"snat {_WORDS[family]} to {node.address(family)}\n"
        for family in families
    )
    return (
        f'table {TABLE} {{\n  comment "Services of the lab, node {node.name}"\n{maps}'
        f"  chain services {{\n{lookups}  }}\n"
        # Not ICMPv6 alone: a connection over IPv6 that is being opened does not end by it (measured, Linux 6.18).
        "  chain refuse { meta l4proto tcp reject with tcp reset; reject; }\n"
        f"  chain refused {{\n{refusals}  }}\n"
        f"  chain refused-here {{\n{node_refusals}  }}\n"
        "  chain prerouting { type nat hook prerouting priority dstnat; jump services; }\n"
        "  chain output { type nat hook output priority -100; jump services; }\n"
        f"  chain postrouting {{ type nat hook postrouting priority srcnat;\n{sources}  }}\n"
        # Before the policies' chains, as in a real cluster: nobody is behind such an address whoever asks.
        "  chain forward { type filter hook forward priority -110; ct state new jump refused; }\n"
        "  chain from-node { type filter hook output priority -110; ct state new jump refused; }\n"
        "  chain to-node { type filter hook input priority -110; ct state new jump refused-here; }\n"
        "}\n"
    )


def ruleset(ports: Iterable[ServicePort], node: ProxyNode) -> Ruleset:
    """Write all service ports for a node; of two that claim one address and port, the first by name gets it."""
    chains: dict[str, Chain] = {}
    sets: dict[str, str] = {}
    elements: dict[tuple[str, str], str] = {}
    for port in sorted(ports):
        if node.address(port.family) is None:
            continue
        written = _Port(port, node)
        chains |= written.chains
        sets |= written.sets
        for key, value in written.elements.items():
            elements.setdefault(key, value)
    return Ruleset(chains, sets, elements)


class _Port:
    """One service port, written."""

    def __init__(self, port: ServicePort, node: ProxyNode) -> None:
        self.port, self.node = port, node
        self.word = _WORDS[port.family]
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, str] = {}
        self.elements: dict[tuple[str, str], str] = {}
        self._suffix = _short(port.namespace, port.name, port.port_name, port.protocol, str(port.family))
        self._local = tuple(one for one in port.endpoints if one.node == node.name)
        internal = self._local if port.internal_is_local else port.endpoints
        self._address(port.cluster_ip, self._internal() if internal else self._refusal())
        external = self._external() if port.external_addresses or port.node_port else ""
        for address in port.external_addresses:
            self._address(address, external)
        if port.node_port:
            key = f"{port.protocol.lower()} . {port.node_port}"
            self._element(external, f"node-ports{port.family}", f"refused-ports{port.family}", key)
        for one in self._local:
            self.elements[f"hairpin{port.family}", f"{one.address} . {one.address}"] = ""

    def _address(self, address: str, target: str) -> None:
        key = f"{address} . {self.port.protocol.lower()} . {self.port.port}"
        self._element(target, f"services{self.port.family}", f"refused{self.port.family}", key)

    def _element(self, target: str, services: str, refused: str, key: str) -> None:
        where = refused if target in {"drop", "goto refuse"} else services
        self.elements[where, key] = f' comment "{self.port.title}" : {target}'

    def _refusal(self) -> str:
        """Say what happens to a connection that finds nobody: refused, or dropped where only this node has nobody."""
        return "drop" if self.port.endpoints else "goto refuse"

    def _internal(self) -> str:
        """Write the chain behind the cluster address: the source is kept, unless it is no pod's."""
        if self.port.internal_is_local:
            return f"goto {self._local_chain()}"
        masquerade = f"{self.word} saddr != {self.node.pods(self.port.family)} {_MASQUERADE}"
        return self._chain("svc", "cluster address", (masquerade, f"goto {self._everyone()}"))

    def _external(self) -> str:
        """Write the chain behind load balancers, external addresses and node ports."""
        if not self.port.endpoints:
            return self._refusal()
        if not self.port.external_is_local:
            return self._chain("ext", "from outside", (_MASQUERADE, f"goto {self._everyone()}"))
        # This node and its pods reach all endpoints: they need no load balancer to choose the node for them. Pods of
        # other nodes have chosen this one, and an endpoint elsewhere would answer them without coming back this way.
        here = (
            f"{self.word} saddr {self.node.own_pods(self.port.family)} goto {self._everyone()}",
            f"fib saddr type local {_MASQUERADE} goto {self._everyone()}",
        )
        return self._chain("ext", "from outside", (*here, f"goto {self._local_chain()}" if self._local else "drop"))

    def _everyone(self) -> str:
        """Give the name of the chain with all endpoints."""
        return self._chain("all", "all endpoints", self._balance(self.port.endpoints)).removeprefix("goto ")

    def _local_chain(self) -> str:
        """Give the name of the chain with the endpoints on this node."""
        return self._chain("own", "this node's endpoints", self._balance(self._local)).removeprefix("goto ")

    def _chain(self, kind: str, what: str, rules: tuple[str, ...]) -> str:
        """Write a chain and give the verdict that leads there."""
        name = f"{kind}-{self._suffix}"
        self.chains[name] = Chain(self._comment(what), rules)
        return f"goto {name}"

    def _balance(self, endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
        if self.port.affinity_s:
            return tuple(self._sticky(endpoints))
        protocol = f"meta nfproto ipv{self.port.family} meta l4proto {self.port.protocol.lower()}"
        if len(endpoints) == 1:
            return (f"{protocol} dnat {self.word} to {_socket(endpoints[0])}",)
        choices = ", ".join(f"{number} : {one.address} . {one.port}" for number, one in enumerate(endpoints))
        return (f"{protocol} dnat {self.word} addr . port to numgen random mod {len(endpoints)} map {{ {choices} }}",)

    def _sticky(self, endpoints: Sequence[Endpoint]) -> Iterator[str]:
        """Write a set of clients for each endpoint: who is in it goes there again, and stays in it."""
        names = [self._endpoint(one) for one in endpoints]
        for name in names:
            yield f"{self.word} saddr @of-{name} goto {name}"
        choices = ", ".join(f"{number} : goto {name}" for number, name in enumerate(names))
        yield f"numgen random mod {len(names)} vmap {{ {choices} }}"

    def _endpoint(self, endpoint: Endpoint) -> str:
        port, seconds = self.port, self.port.affinity_s
        name = f"ep-{_short(self._suffix, endpoint.address, str(endpoint.port))}"
        self.sets[f"of-{name}"] = f"type {_TYPES[port.family]}; flags dynamic,timeout; timeout {seconds}s; size 65535;"
        where = _socket(endpoint)
        rules = (
            f"update @of-{name} {{ {self.word} saddr timeout {seconds}s }}",
            f"meta nfproto ipv{port.family} meta l4proto {port.protocol.lower()} dnat {self.word} to {where}",
        )
        self.chains[name] = Chain(self._comment(f"endpoint {where}"), rules)
        return name

    def _comment(self, what: str) -> str:
        return f"{self.port.title} {self.port.protocol}/{self.port.port}, {what}"[:127]


def _maps(family: int) -> str:
    address = _TYPES[family]
    whole = f"type {address} . inet_proto . inet_service : verdict"
    return (
        f"  map services{family} {{ {whole}; }}\n"
        f"  map refused{family} {{ {whole}; }}\n"
        f"  map node-ports{family} {{ type inet_proto . inet_service : verdict; }}\n"
        f"  map refused-ports{family} {{ type inet_proto . inet_service : verdict; }}\n"
        f"  set hairpin{family} {{ type {address} . {address}; }}\n"
    )


def _lookups(family: int, node_address: str) -> str:
    word = _WORDS[family]
    return (
        f"    {word} daddr . meta l4proto . th dport vmap @services{family}\n"
        f"    {word} daddr {node_address} meta l4proto . th dport vmap @node-ports{family}\n"
    )


def _refusals(family: int) -> str:
    return f"    {_WORDS[family]} daddr . meta l4proto . th dport vmap @refused{family}\n"


def _node_refusals(family: int, node_address: str) -> str:
    return f"    {_WORDS[family]} daddr {node_address} meta l4proto . th dport vmap @refused-ports{family}\n"


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _socket(endpoint: Endpoint) -> str:
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{address}:{endpoint.port}"


def _anonymous(networks: Iterable[str], family: int) -> str:
    return "{ " + ", ".join(one for one in networks if _family(one) == family) + " }"


def _family(text: str) -> int:
    return 6 if ":" in text else 4
