"""The lab's network: the only file that makes network namespaces, and what is inside them.

The *ground* is a router without a link to the machine. Each node is a network namespace of its own, a router too,
behind a veth pair to the ground; each pod is one behind its node; *outside* is one with public-looking addresses.
Everything is routed, never bridged, so all traffic of a pod passes its node's forward hook, and traffic between
nodes passes three of them. Must be used by a single-threaded process: it changes its own namespace for a moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from podfence.lab.rtnetlink import (
    Message,
    Netlink,
    add_address,
    add_blackhole,
    add_route,
    add_veth,
    delete_route,
    link_up,
)
from podfence.lab.syscalls import NEWNET, setns, unshare

# The routers' side of each link has the same addresses everywhere. The ground's differs from the nodes': a node
# would take an ARP request from an address that it has itself for a mistake, and not answer.
_GROUND_GATEWAYS = ("169.254.0.1", "fe80::1")
_NODE_GATEWAYS = ("169.254.1.1", "fe80::1")
_LOOPBACK = 1
_UPLINK = 2
_OUTSIDE_LINK = 50
_FIRST_NODE_LINK = 100
_FIRST_POD_LINK = 1000

_EVERYWHERE = {
    # IPv6 addresses that the kernel makes by itself serve at once, and nobody asks for routers that are not there.
    "ipv6/conf/all/accept_dad": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/all/disable_ipv6": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/router_solicitations": "0",
}
_POD = {"ipv4/ping_group_range": "0 0", "ipv4/ip_unprivileged_port_start": "0"}
_ROUTER = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    # Spoofing is refused by the agent's rules, which say so; the kernel's own filter is silent.
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
}
_NODE = {
    # What connections carried and how long they took (podfence flows --ended), also of those that began before
    # somebody asked, and told soon after their end.
    "netfilter/nf_conntrack_acct": "1",
    "netfilter/nf_conntrack_events": "1",
    "netfilter/nf_conntrack_timestamp": "1",
    "netfilter/nf_conntrack_tcp_timeout_time_wait": "10",
}


class Space:
    """One network namespace: its file, and a netlink socket in it."""

    def __init__(self, sysctls: dict[str, str]) -> None:
        unshare(NEWNET)
        self.descriptor = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.netlink = Netlink()
        _write_sysctls(sysctls)
        self.netlink.ask(link_up(_LOOPBACK))

    def close(self) -> None:
        """Let go of the namespace; it ends with the last process in it."""
        self.netlink.close()
        os.close(self.descriptor)


class _Attached(msgspec.Struct):
    space: Space
    router: Netlink
    link: int
    networks: tuple[str, ...] = ()


class Network:
    """All network namespaces of a lab, by the name of their place: ``ground``, ``outside``, ``node/N``, ``pod/KEY``."""

    def __init__(self, ground_addresses: Sequence[str]) -> None:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._ground = Netlink()
        _write_sysctls(_EVERYWHERE | _ROUTER)
        self._ground.ask(link_up(_LOOPBACK), *_addresses(_LOOPBACK, ground_addresses))
        self._attached: dict[str, _Attached] = {}
        self._next_link = {"ground": _FIRST_NODE_LINK}

    def descriptor(self, place: str) -> int:
        """Give the namespace file of a place; raises ``LookupError`` when there is no such place."""
        return self._home if place == "ground" else self._find(place).space.descriptor

    def __contains__(self, place: str) -> bool:
        return place == "ground" or place in self._attached

    @contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """Be in a place's network for a moment; sockets that are opened meanwhile stay there."""
        setns(self.descriptor(place), NEWNET)
        try:
            yield
        finally:
            setns(self._home, NEWNET)

    def add_node(self, name: str, addresses: Sequence[str], pod_cidrs: Sequence[str]) -> None:
        """Make a node, and route its pods' addresses to it."""
        link = self._take_link("ground")
        self._attach("ground", f"node/{name}", link, f"n{link}", addresses, _EVERYWHERE | _ROUTER | _NODE)
        self._ground.ask(*(add_route(cidr, link, _same_family(addresses, cidr)) for cidr in pod_cidrs))
        self._find(f"node/{name}").networks += tuple(pod_cidrs)
        self._find(f"node/{name}").space.netlink.ask(*(add_blackhole(cidr) for cidr in pod_cidrs))
        self._next_link[f"node/{name}"] = _FIRST_POD_LINK

    def add_outside(self, addresses: Sequence[str], inside_networks: Sequence[str]) -> None:
        """Make the world outside: it owns ``addresses``, everything else that is not the lab's ends there unanswered.

        It finds its way back to ``inside_networks`` only, so a packet for an address that nobody owns is dropped
        there instead of going in circles.
        """
        self._attach("ground", "outside", _OUTSIDE_LINK, "outside", addresses, _EVERYWHERE, inside_networks)
        self._ground.ask(*_default_routes(_OUTSIDE_LINK, (addresses[0], _first_v6(addresses))))

    def add_pod(self, key: str, node: str, addresses: Sequence[str]) -> None:
        """Make a pod's network behind a node."""
        link = self._take_link(f"node/{node}")
        self._attach(f"node/{node}", f"pod/{key}", link, f"pod{link}", addresses, _EVERYWHERE | _POD)

    def remove(self, place: str) -> None:
        """Take a place away; nothing is routed to it any more. Unknown places are no error.

        Its links go when the kernel gets round to it, together with others: deleting one by message takes 40 ms.
        """
        attached = self._attached.pop(place, None)
        if attached is None:
            return
        attached.router.ask(*(delete_route(network, attached.link) for network in attached.networks))
        attached.space.close()

    def route(self, network: str, node: str | None) -> None:
        """Have the ground send a network to a node, such as the address of a load balancer; ``None`` undoes it."""
        for attached in self._attached.values():
            if network in attached.networks:
                attached.networks = tuple(one for one in attached.networks if one != network)
                self._ground.ask(delete_route(network, attached.link))
        if node is not None:
            attached = self._find(f"node/{node}")
            attached.networks += (network,)
            self._ground.ask(add_route(network, attached.link))

    def _find(self, place: str) -> _Attached:
        try:
            return self._attached[place]
        except KeyError:
            raise LookupError(f"the lab has no place {place}") from None

    def _take_link(self, router: str) -> int:
        if router not in self._next_link or (router != "ground" and router not in self._attached):
            raise LookupError(f"the lab has no place {router}")
        link = self._next_link[router]
        self._next_link[router] = link + 1
        return link

    def _attach(
        self,
        router: str,
        place: str,
        link: int,
        name: str,
        addresses: Sequence[str],
        sysctls: dict[str, str],
        networks: Sequence[str] = (),
    ) -> None:
        """Make a namespace behind a router; it finds its way to ``networks``, or everywhere if there are none."""
        gateways = _GROUND_GATEWAYS if router == "ground" else _NODE_GATEWAYS
        if place in self:
            raise FileExistsError(17, f"the lab has a place {place} already")
        router_netlink = self._ground if router == "ground" else self._find(router).space.netlink
        try:
            space = Space(sysctls)
            router_netlink.ask(
                add_veth(link, name, _UPLINK, "eth0", space.descriptor),
                add_address(link, gateways[0], 32),
                add_address(link, gateways[1], 64),
                *(add_route(_single(address), link) for address in addresses),
            )
            way_back = (
                [add_route(one, _UPLINK, _same_family(gateways, one)) for one in networks]
                if networks
                else _default_routes(_UPLINK, gateways)
            )
            space.netlink.ask(
                link_up(_UPLINK),
                *_addresses(_UPLINK, addresses),
                add_route(f"{gateways[0]}/32", _UPLINK),
                *way_back,
            )
        finally:
            setns(self._home, NEWNET)
        routed = tuple(_single(address) for address in addresses)
        self._attached[place] = _Attached(space, router_netlink, link, routed)


def _addresses(link: int, addresses: Sequence[str]) -> list[Message]:
    return [add_address(link, address, 128 if ":" in address else 32) for address in addresses]


def _default_routes(link: int, gateways: Sequence[str | None]) -> list[Message]:
    networks = ("0.0.0.0/0", "::/0")
    return [add_route(network, link, gateway) for network, gateway in zip(networks, gateways, strict=True) if gateway]


def _first_v6(addresses: Sequence[str]) -> str | None:
    return next((address for address in addresses if ":" in address), None)


def _same_family(addresses: Sequence[str], network: str) -> str | None:
    return next((address for address in addresses if (":" in address) == (":" in network)), None)


def _single(address: str) -> str:
    return f"{address}/128" if ":" in address else f"{address}/32"


def _write_sysctls(values: dict[str, str]) -> None:
    """Set switches of the network namespace in which this process is; /proc/sys/net shows no other."""
    for name, value in values.items():
        path = Path("/proc/sys/net", name)
        if path.exists():
            path.write_text(value, encoding="ascii")
