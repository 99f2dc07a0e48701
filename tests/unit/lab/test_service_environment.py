"""Variables that tell a pod of Services, compared with the documented example of the API."""

from __future__ import annotations

from typing import Any

from podfence.lab.service_environment import service_environment, services_for


def service(name: str, namespace: str = "shop", address: str = "10.0.0.11", port: str = "") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    ports = [{"port": 6379, "name": port, "protocol": "UDP" if port else "TCP"}]
    return {"metadata": metadata, "spec": {"clusterIP": address, "ports": ports}}


def test_a_service_is_told_of_as_the_documentation_shows_it() -> None:
    assert service_environment([service("redis-primary")]) == {
        "REDIS_PRIMARY_SERVICE_HOST": "10.0.0.11",
        "REDIS_PRIMARY_SERVICE_PORT": "6379",
        "REDIS_PRIMARY_PORT": "tcp://10.0.0.11:6379",
        "REDIS_PRIMARY_PORT_6379_TCP": "tcp://10.0.0.11:6379",
        "REDIS_PRIMARY_PORT_6379_TCP_PROTO": "tcp",
        "REDIS_PRIMARY_PORT_6379_TCP_PORT": "6379",
        "REDIS_PRIMARY_PORT_6379_TCP_ADDR": "10.0.0.11",
    }


def test_named_ports_have_a_variable_of_their_own_and_ipv6_addresses_brackets() -> None:
    found = service_environment([service("dns", address="fd00::a", port="dns-udp")])
    assert found["DNS_SERVICE_PORT_DNS_UDP"] == "6379"
    assert found["DNS_PORT_6379_UDP"] == "udp://[fd00::a]:6379"
    assert found["DNS_PORT_6379_UDP_ADDR"] == "fd00::a"


def test_headless_services_are_not_told_of() -> None:
    assert service_environment([service("web", address="None")]) == {}


def test_a_pod_is_told_of_its_namespace_and_of_the_api_server_and_may_want_only_the_latter() -> None:
    everything = [service("web"), service("web", "other"), service("kubernetes", "default")]
    pod: dict[str, Any] = {"metadata": {"namespace": "shop"}, "spec": {}}
    assert list(services_for(pod, everything)) == [everything[0], everything[2]]
    pod["spec"]["enableServiceLinks"] = False
    assert list(services_for(pod, everything)) == [everything[2]]
