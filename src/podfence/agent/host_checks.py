"""What is looked at on a node before the agent enforces: what makes enforcement impossible, and what weakens it.

Reads /proc and /sys only. Other programs' tables are never listed: their content can break the listing itself, and
what matters of them can be seen by their interfaces and processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

OLDEST_NFT = (1, 0, 1)
OLDEST_TESTED_NFT = (1, 0, 6)

_VERSION = re.compile(r"v?([0-9]+)\.([0-9]+)(?:\.([0-9]+))?")

_INTERFACES = {
    "cilium_host": "Cilium",
    "antrea-gw0": "Antrea",
    "vxlan.calico": "Calico",
    "weave": "Weave Net",
}
# As the kernel keeps them: the first 15 characters of a program's name.
_PROGRAMS = {
    "calico-node": "Calico",
    "cilium-agent": "Cilium",
    "antrea-agent": "Antrea",
    "kube-router": "kube-router",
    "kube-network-po": "kube-network-policies",
    "aws-eks-na-cli": "the AWS network policy agent",
    "weave-npc": "Weave Net",
}

_NEARLY_FULL = 0.9


class HostProblem(msgspec.Struct, frozen=True):
    """One line for people; ``refuses``: the agent does not start."""

    message: str
    refuses: bool = False


def check_host(nft_version: str | None, root: Path = Path("/")) -> Iterator[HostProblem]:
    """Look at the host; ``nft_version`` is what ``nft --version`` says, ``None`` without the program."""
    yield from _nft(nft_version)
    yield from _services(root)
    yield from _forwarding(root)
    yield from _bridges(root)
    yield from _connection_tracking(root)
    yield from _resolver(root)
    yield from _others(root)


def _nft(said: str | None) -> Iterator[HostProblem]:
    wanted = ".".join(map(str, OLDEST_NFT))
    if said is None:
        yield HostProblem(f"the program nft is not there; install nftables {wanted} or newer", refuses=True)
        return
    match = _VERSION.search(said)
    if match is None:
        yield HostProblem(f"nft does not tell its version ({said!r}); {wanted} or newer is needed")
        return
    version = tuple(int(part or 0) for part in match.groups())
    if version < OLDEST_NFT:
        yield HostProblem(f"nft is {match[0]}; install nftables {wanted} or newer", refuses=True)
    elif version < OLDEST_TESTED_NFT:
        tested = ".".join(map(str, OLDEST_TESTED_NFT))
        yield HostProblem(f"nft is {match[0]}; the rules are tested with {tested} and newer")


def _services(root: Path) -> Iterator[HostProblem]:
    if _has_interface(root, "kube-ipvs0"):
        yield HostProblem(
            "kube-proxy uses IPVS here (interface kube-ipvs0), whose traffic passes no forward hook; "
            "policies would not hold for Services: use kube-proxy's iptables or nftables mode",
            refuses=True,
        )


def _forwarding(root: Path) -> Iterator[HostProblem]:
    if _sysctl(root, "net/ipv4/ip_forward") == "0":
        yield HostProblem("net.ipv4.ip_forward is 0: this node forwards no packet between pods")


def _bridges(root: Path) -> Iterator[HostProblem]:
    bridges = [path.parent.name for path in sorted(root.glob("sys/class/net/*/brif")) if any(path.iterdir())]
    if not bridges:
        return
    for family, name in (("IPv4", "iptables"), ("IPv6", "ip6tables")):
        if _sysctl(root, f"net/bridge/bridge-nf-call-{name}") != "1":
            yield HostProblem(
                f"pods on one bridge ({', '.join(bridges)}) reach each other over {family} unseen by policies: "
                f"load br_netfilter and set net.bridge.bridge-nf-call-{name}=1"
            )


def _connection_tracking(root: Path) -> Iterator[HostProblem]:
    most = _sysctl(root, "net/netfilter/nf_conntrack_max")
    if most is None:
        yield HostProblem("connection tracking is not loaded; if the first commit fails, load nf_conntrack")
        return
    used = _sysctl(root, "net/netfilter/nf_conntrack_count") or ""
    if used.isdigit() and most.isdigit() and int(used) > _NEARLY_FULL * int(most):
        yield HostProblem(
            f"connection tracking is nearly full ({used} of {most}): raise net.netfilter.nf_conntrack_max"
        )


def _resolver(root: Path) -> Iterator[HostProblem]:
    if _has_interface(root, "nodelocaldns"):
        yield HostProblem(
            "NodeLocal DNSCache runs here (interface nodelocaldns): unless started with -setupiptables=false it keeps "
            "its packets from connection tracking, and pods that policies judge get no answer from it"
        )


def _others(root: Path) -> Iterator[HostProblem]:
    running = {_text(path) for path in root.glob("proc/[0-9]*/comm")}
    found = {name for interface, name in _INTERFACES.items() if _has_interface(root, interface)}
    found |= {name for program, name in _PROGRAMS.items() if program in running}
    if any(root.glob("sys/class/net/cali*")):
        found.add("Calico")
    for name in sorted(found):
        yield HostProblem(f"{name} runs here and may enforce policies too: a packet must then pass both")
    if (_text(root / "sys/module/nf_flow_table/refcnt") or "0") != "0":
        yield HostProblem("flowtables are in use: packets of offloaded connections are not judged again")


def _has_interface(root: Path, name: str) -> bool:
    return (root / "sys/class/net" / name).exists()


def _sysctl(root: Path, name: str) -> str | None:
    return _text(root / "proc/sys" / name)


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None
