"""Hosts known by name: rows F01 to F03, F13, F14 and F19 of the checklist."""

from __future__ import annotations

from tests.unit.engine.builders import Cluster, banp, cnp, np

HOSTS = ("example.com", "api.example.com", "v1.api.example.com", "notexample.com", "example.com.evil.org", "com")
DENY = "{podSelector: {}, policyTypes: [Egress]}"


def accepted(pattern: str) -> list[str]:
    """List the hosts that pods may connect to when one pattern is accepted."""
    accept = cnp(f"{{egress: [{{action: Accept, to: [{{domainNames: ['{pattern}']}}]}}]}}")
    cluster = Cluster(accept, np("x", DENY), domains=HOSTS)
    return [host for host in HOSTS if cluster.allows("x/a", f"domain/{host}")]


def test_F01_a_name_means_itself_alone() -> None:
    assert accepted("example.com") == ["example.com"]
    assert accepted("api.example.com") == ["api.example.com"]


def test_F02_a_star_stands_for_one_or_more_labels() -> None:
    assert accepted("*.example.com") == ["api.example.com", "v1.api.example.com"]


def test_F03_a_star_never_means_the_parent() -> None:
    assert "example.com" not in accepted("*.example.com")
    assert "api.example.com" not in accepted("*.api.example.com")


def test_F13_the_baseline_of_v1alpha1_has_no_domain_names() -> None:
    rules = "{action: Allow, to: [{domainNames: [example.com]}]}, {action: Deny, to: [{networks: [0.0.0.0/0]}]}"
    cluster = Cluster(banp(f"{{egress: [{rules}]}}", readable=False), domains=HOSTS)
    assert not cluster.allows("x/a", "domain/example.com")


def test_F14_a_name_allows_no_lookup() -> None:
    accept = cnp("{egress: [{action: Accept, to: [{domainNames: [example.com]}]}]}")
    cluster = Cluster(accept, np("x", DENY), domains=HOSTS)
    assert cluster.allows("x/a", "domain/example.com", "443")
    assert not cluster.allows("x/a", "z/a", "53/UDP")
    assert not cluster.allows("x/a", "8.8.8.8", "53/UDP")


def test_a_name_means_no_pod_no_node_and_no_address() -> None:
    accept = cnp("{egress: [{action: Accept, to: [{domainNames: [example.com]}]}]}")
    cluster = Cluster(accept, np("x", DENY), domains=HOSTS)
    assert cluster.reached_from("x/a") == set()
    assert not cluster.allows("x/a", "8.8.8.8")


def test_a_host_known_by_name_is_denied_when_one_of_its_possible_addresses_is() -> None:
    cluster = Cluster(cnp("{egress: [{action: Deny, to: [{networks: [8.8.8.8/32]}]}]}"), domains=HOSTS)
    assert not cluster.allows("x/a", "domain/example.com")
