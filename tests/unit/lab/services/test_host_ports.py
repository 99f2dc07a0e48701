"""Ports of nodes that lead to pods: which ones, and how they are written."""

from __future__ import annotations

from typing import Any

from podfence.lab.services.host_ports import HostPortMapping, host_port_mappings, host_port_rules

ADDRESSES = ("10.244.0.5", "fd00::5")


def pod(*ports: dict[str, Any], **spec: object) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "web"}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c", "ports": list(ports)}], **spec}}


def test_a_host_port_is_taken_in_both_families_and_one_of_an_address_in_its_own() -> None:
    everywhere = {"containerPort": 80, "hostPort": 8080}
    of_one = {"containerPort": 53, "hostPort": 5353, "protocol": "UDP", "hostIP": "172.18.0.2"}
    assert host_port_mappings(pod(everywhere, of_one, {"containerPort": 9}), ADDRESSES) == (
        HostPortMapping("shop/web", "tcp", "", 8080, "10.244.0.5", 80),
        HostPortMapping("shop/web", "tcp", "", 8080, "fd00::5", 80),
        HostPortMapping("shop/web", "udp", "172.18.0.2", 5353, "10.244.0.5", 53),
    )


def test_a_pod_in_its_nodes_network_needs_no_translation() -> None:
    port = {"containerPort": 80, "hostPort": 80}
    assert host_port_mappings(pod(port, hostNetwork=True), ("172.18.0.2",)) == ()


def test_the_rules_name_their_pod_and_leave_the_loopback_alone() -> None:
    mappings = host_port_mappings(pod({"containerPort": 80, "hostPort": 8080}), ADDRESSES)
    text = host_port_rules(mappings, ("172.18.0.2", "fc00::2"))
    assert 'ip daddr != 127.0.0.0/8 tcp dport 8080 dnat ip to 10.244.0.5:80 comment "shop/web"' in text
    assert 'ip6 daddr != ::1 tcp dport 8080 dnat ip6 to [fd00::5]:80 comment "shop/web"' in text
    assert "ip saddr 10.244.0.5 ip daddr 10.244.0.5 ct status dnat snat ip to 172.18.0.2" in text


def test_a_family_that_the_node_lacks_is_left_out() -> None:
    mappings = host_port_mappings(pod({"containerPort": 80, "hostPort": 8080}), ADDRESSES)
    assert "ip6" not in host_port_rules(mappings, ("172.18.0.2",))
