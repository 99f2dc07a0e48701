"""All cases in their order: which manifest is sent to which API, with an id that says what it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from tests.conformance.corpus import (
    adminpolicy,
    checklist,
    checklist_cluster,
    clusterpolicy,
    clusterpolicy_random,
    networkpolicy,
    networkpolicy_text,
)
from tests.conformance.corpus.text import Tree, to_json, to_yaml

NETWORK_POLICY = "networking.k8s.io/v1/NetworkPolicy"
CLUSTER_POLICY = "policy.networking.k8s.io/v1alpha2/ClusterNetworkPolicy"
ADMIN_POLICY = "policy.networking.k8s.io/v1alpha1/AdminNetworkPolicy"
BASELINE_POLICY = "policy.networking.k8s.io/v1alpha1/BaselineAdminNetworkPolicy"


@dataclass(frozen=True)
class Case:
    """One manifest to be judged; `form` is yaml or json, `api` is group/version/Kind."""

    id: str
    api: str
    form: str
    manifest: str


def network_policies() -> list[Case]:
    """List the cases of NetworkPolicy."""
    texts = {"text": networkpolicy_text.scalars(), "syntax": networkpolicy_text.syntax()}
    bodies = {"json": chain(networkpolicy_text.json_bodies(), json_variants())}
    trees = checklist.network_policy_rows() | networkpolicy.themes()
    return [
        *numbered("np", NETWORK_POLICY, "yaml", as_yaml(trees)),
        *numbered("np", NETWORK_POLICY, "yaml", texts),
        *numbered("np", NETWORK_POLICY, "json", bodies),
    ]


def for_kubectl() -> list[Case]:
    """List what kubectl may read otherwise than the server: odd YAML, doubled keys, and JSON that is none."""
    doubled = (to_yaml(tree) for row in ("E18", "E16", "E19") for tree in checklist.network_policy_rows()[row])
    texts = {"syntax": networkpolicy_text.syntax(), "doubled": doubled}
    bodies = {"json": islice(networkpolicy_text.json_bodies(), 0, None, 3)}
    return [
        *numbered("kubectl", NETWORK_POLICY, "yaml", texts),
        *numbered("kubectl", NETWORK_POLICY, "json", bodies),
    ]


def json_variants() -> Iterator[str]:
    """Write a share of the NetworkPolicy trees as JSON bodies."""
    shapes = networkpolicy.themes()["shape"]
    return (to_json(tree) for number, tree in enumerate(shapes) if number % 5 == 0)


def cluster_policies(channel: str) -> list[Case]:
    """List the cases of ClusterNetworkPolicy for the CRD of a channel."""
    trees = (
        checklist_cluster.cluster_policy_rows() | clusterpolicy.themes(channel) | clusterpolicy_random.themes(channel)
    )
    return list(numbered("cnp", CLUSTER_POLICY, "yaml", as_yaml(trees)))


def admin_policies(channel: str) -> list[Case]:
    """List the cases of AdminNetworkPolicy and BaselineAdminNetworkPolicy for the CRDs of a channel."""
    found: list[Case] = []
    for prefix, api in (("anp", ADMIN_POLICY), ("banp", BASELINE_POLICY)):
        kind = api.rpartition("/")[2]
        trees = checklist_cluster.admin_policy_rows(kind) | adminpolicy.themes(kind, channel)
        found += numbered(prefix, api, "yaml", as_yaml(trees))
    return found


def as_yaml(themes: Mapping[str, Iterator[Tree]]) -> dict[str, Iterator[str]]:
    """Write the trees of each theme as YAML."""
    return {theme: map(to_yaml, trees) for theme, trees in themes.items()}


def numbered(prefix: str, api: str, form: str, themes: Mapping[str, Iterator[str]]) -> Iterator[Case]:
    """Give each manifest of a theme a number; a text that came before is left out."""
    seen: set[str] = set()
    for theme, manifests in themes.items():
        fresh = (text for text in manifests if text not in seen and not seen.add(text))  # type: ignore[func-returns-value]
        for number, manifest in enumerate(fresh):
            yield Case(f"{prefix}/{theme}/{number:04}", api, form, manifest)
