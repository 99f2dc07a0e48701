"""Profiles: those that Podfence brings, and those from a file."""

from __future__ import annotations

import pytest

from podfence.lint.profiles import PROFILES, find_profile
from podfence.model.error import PodfenceError
from podfence.model.net import parse_address, parse_cidr


def test_every_profile_of_the_documentation_is_there() -> None:
    assert list(PROFILES) == [
        "kind",
        "minikube",
        "kubeadm",
        "k3s",
        "eks",
        "gke",
        "gke-nodelocal",
        "gke-clouddns",
        "aks",
        "openshift",
        "ambient",
    ]


def test_a_profile_is_found_by_its_name() -> None:
    assert find_profile("gke-nodelocal").resolver_addresses == (parse_address("169.254.20.10"),)
    assert find_profile("openshift").dns.port == 5353


def test_a_file_says_only_what_differs_from_the_profile_that_it_extends() -> None:
    profile = find_profile("ours.yaml", "extends: k3s\napiCidrs: [10.0.0.0/24]\npodCidr: 10.9.0.0/16\n")
    assert profile.api_ports == (6443, 6444)
    assert profile.api_ranges == (parse_cidr("10.0.0.0/24"),)
    assert profile.pod_ranges == (parse_cidr("10.9.0.0/16"),)


def test_a_file_that_extends_nothing_has_a_name_of_its_own() -> None:
    assert find_profile("ours.yaml", "name: ours\napiPorts: [443]\n").name == "ours"


@pytest.mark.parametrize(
    ("word", "text", "message"),
    [
        ("kid", None, "no such profile"),
        ("a.yaml", "- list", "a profile is a mapping"),
        ("a.yaml", "a: [", "not YAML"),
        ("a.yaml", "extends: nothing", "no such profile"),
        ("a.yaml", "apiPort: 6443", "apiPort"),
        ("a.yaml", "resolvers: [here]", "does not appear to be an IPv4 or IPv6 address"),
        ("a.yaml", "podCidr: 10.0.0.0", "not a CIDR"),
    ],
)
def test_a_profile_that_cannot_be_read_is_refused_by_name(word: str, text: str | None, message: str) -> None:
    with pytest.raises(PodfenceError, match=message) as caught:
        find_profile(word, text)
    assert str(caught.value).startswith("--profile ")
