"""The files of a pod, compared with what a kubelet writes."""

from __future__ import annotations

from typing import Any

import pytest

from podfence.lab.pod_files import ClusterDns, pod_files, pod_hostname

DNS = ClusterDns(servers=("10.96.0.10",), node_servers=("8.8.8.8",))


def pod(**spec: object) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "web-1"}, "spec": spec}


def resolv(**spec: object) -> str:
    return pod_files(pod(**spec), ["10.244.1.5"], DNS)["resolv.conf"]


def test_cluster_dns_is_asked_with_the_search_path_of_the_namespace() -> None:
    assert resolv() == (
        "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
    )


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"dnsPolicy": "Default"}, "nameserver 8.8.8.8\n"),
        ({"hostNetwork": True}, "nameserver 8.8.8.8\n"),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.2.3.4"]}}, "nameserver 1.2.3.4\n"),
        (
            {"dnsConfig": {"searches": ["corp"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}},
            (
                "search shop.svc.cluster.local svc.cluster.local cluster.local corp\nnameserver 10.96.0.10\n"
                "options ndots:2 edns0\n"
            ),
        ),
    ],
)
def test_policy_and_configuration_of_dns_are_followed(spec: dict[str, Any], text: str) -> None:
    assert resolv(**spec) == text


def test_hosts_names_the_pod_at_each_of_its_addresses_and_the_aliases() -> None:
    hosts = pod_files(
        pod(hostname="h", subdomain="s", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]),
        ["10.244.1.5", "fd00::5"],
        DNS,
    )["hosts"]
    assert "10.244.1.5\th.s.shop.svc.cluster.local\th\n" in hosts
    assert "fd00::5\th.s.shop.svc.cluster.local\th\n" in hosts
    assert hosts.endswith("1.2.3.4\ta\tb\n")


def test_a_host_name_is_no_longer_than_the_kernel_allows_and_ends_well() -> None:
    assert pod_hostname({"metadata": {"name": "a" * 62 + "-b"}, "spec": {}}) == "a" * 62
