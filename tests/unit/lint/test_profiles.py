"""Profiles: those that Podfence brings, and those from a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from podfence.lint.profiles import PROFILES, Profile, find_profile
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


def test_a_file_has_a_name_of_its_own_whatever_it_extends() -> None:
    assert find_profile("ours.yaml", "extends: kind").name == "ours.yaml"


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
        ("a.yaml", "apiPorts: [99999]", "apiPorts"),
        ("a.yaml", "dns: {port: 0}", r"dns\.port"),
        ("a.yaml", "probesFrom: node", "does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_a_profile_that_cannot_be_read_is_refused_by_name(word: str, text: str | None, message: str) -> None:
    with pytest.raises(PodfenceError, match=message) as caught:
        find_profile(word, text)
    assert str(caught.value).startswith("--profile ")


PAGE = Path(__file__).parents[3] / "docs" / "profiles.md"
INTRODUCTION = """\
# Cluster profiles

`podfence check --profile NAME` fills in what manifests do not say: where DNS answers, on which port the API server
listens, who enforces. Give several, and one chart is checked against all of them; a finding says in which it holds.
What stands in the input wins over a profile: DNS pods and their Service, the EndpointSlice of the API server, the
addresses of pods and nodes.

A YAML file is a profile as well. It may extend another and then says only what differs:

```yaml
extends: kubeadm
name: ours
apiPorts: [6443]
apiCidrs: [10.0.0.0/28]
resolvers: [169.254.20.10]
podCidr: 10.32.0.0/14
cloud: true
konnectivity: true
```

| profile | API server's ports | DNS pods | DNS addresses | pods' addresses | plugin | cloud | ambient mesh |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    return INTRODUCTION + "".join(map(row, PROFILES.values()))


def row(profile: Profile) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in profile.dns.labels.items())
    dns = f"{profile.dns.namespace}, {labels}, port {profile.dns.port}" if profile.pods_answer else ""
    cells = (
        profile.name,
        ", ".join(map(str, profile.api_ports)),
        dns,
        ", ".join(profile.resolvers),
        profile.pod_cidr,
        profile.plugin,
        "yes" if profile.cloud else "",
        "yes" if profile.ambient else "",
    )
    return f"| {' | '.join(cells)} |\n"


def test_the_page_of_the_documentation_says_what_the_profiles_are() -> None:
    if os.environ.get("PODFENCE_UPDATE"):
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page()


def test_the_file_in_the_documentation_is_a_profile() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert find_profile("ours.yaml", text).pod_cidr == "10.32.0.0/14"
