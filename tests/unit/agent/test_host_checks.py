"""What a node is looked at for before the agent enforces."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.agent.host_checks import HostProblem, check_host

NFT = "nftables v1.0.6 (Lester Gooch #5)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a host that is in order."""
    write(tmp_path, "proc/sys/net/ipv4/ip_forward", "1\n")
    write(tmp_path, "proc/sys/net/netfilter/nf_conntrack_max", "262144\n")
    write(tmp_path, "proc/sys/net/netfilter/nf_conntrack_count", "1000\n")
    write(tmp_path, "proc/1/comm", "systemd\n")
    (tmp_path / "sys/class/net/eth0").mkdir(parents=True)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def problems(root: Path, nft: str | None = NFT) -> list[HostProblem]:
    return list(check_host(nft, root))


def only(root: Path, nft: str | None = NFT) -> HostProblem:
    (found,) = problems(root, nft)
    return found


def test_a_host_in_order_has_no_problem(root: Path) -> None:
    assert problems(root) == []


@pytest.mark.parametrize("nft", [None, "nftables v0.9.8 (E.D.S.)", "nftables v1.0.0 (Fearless Fosdick)"])
def test_without_a_usable_nft_the_agent_does_not_start(root: Path, nft: str | None) -> None:
    found = only(root, nft)
    assert found.refuses
    assert "install nftables 1.0.1 or newer" in found.message


@pytest.mark.parametrize("nft", ["nftables v1.0.6", "nftables v1.1 (x)", "nftables v2.0.0"])
def test_newer_versions_are_fine(root: Path, nft: str) -> None:
    assert problems(root, nft) == []


def test_versions_that_are_not_tested_are_warned_about(root: Path) -> None:
    found = only(root, "nftables v1.0.2 (Lester Gooch)")
    assert not found.refuses
    assert found.message == "nft is v1.0.2; the rules are tested with 1.0.6 and newer"


def test_ipvs_is_refused_since_service_traffic_would_pass_by(root: Path) -> None:
    (root / "sys/class/net/kube-ipvs0").mkdir()
    found = only(root)
    assert found.refuses
    assert "kube-ipvs0" in found.message


def test_a_node_that_does_not_forward_is_warned_about(root: Path) -> None:
    write(root, "proc/sys/net/ipv4/ip_forward", "0\n")
    found = only(root)
    assert not found.refuses
    assert found.message.startswith("net.ipv4.ip_forward is 0")


def test_bridged_pods_that_netfilter_does_not_see_are_warned_about(root: Path) -> None:
    (root / "sys/class/net/cni0/brif/veth1").mkdir(parents=True)
    (root / "sys/class/net/docker0/brif").mkdir(parents=True)
    write(root, "proc/sys/net/bridge/bridge-nf-call-iptables", "0\n")
    messages = [found.message for found in problems(root)]
    assert [message.split("=")[0].split(".")[-1] for message in messages] == [
        "bridge-nf-call-iptables", "bridge-nf-call-ip6tables",
    ]  # fmt: skip
    assert all("cni0" in message and "docker0" not in message for message in messages)
    write(root, "proc/sys/net/bridge/bridge-nf-call-iptables", "1\n")
    write(root, "proc/sys/net/bridge/bridge-nf-call-ip6tables", "1\n")
    assert problems(root) == []


def test_connection_tracking_that_is_full_or_missing_is_warned_about(root: Path) -> None:
    write(root, "proc/sys/net/netfilter/nf_conntrack_count", "250000\n")
    assert only(root).message.startswith("connection tracking is nearly full (250000 of 262144)")
    (root / "proc/sys/net/netfilter/nf_conntrack_max").unlink()
    assert only(root).message.startswith("connection tracking is not loaded")


def test_other_enforcers_are_named_once_each(root: Path) -> None:
    (root / "sys/class/net/cilium_host").mkdir()
    (root / "sys/class/net/cali12345").mkdir()
    write(root, "proc/77/comm", "cilium-agent\n")
    write(root, "proc/78/comm", "kube-network-po\n")
    names = [found.message.split(" runs here")[0] for found in problems(root)]
    assert names == ["Calico", "Cilium", "kube-network-policies"]


def test_flowtables_in_use_are_warned_about(root: Path) -> None:
    write(root, "sys/module/nf_flow_table/refcnt", "1\n")
    assert only(root).message.startswith("flowtables are in use")


def test_a_resolver_on_the_node_that_connection_tracking_may_not_see_is_warned_of(root: Path) -> None:
    (root / "sys/class/net/nodelocaldns").mkdir()
    found = only(root)
    assert not found.refuses
    assert "pods that policies judge get no answer" in found.message
