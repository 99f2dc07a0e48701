"""Rules about the cluster-scoped policies: what their CRDs ask for."""

from __future__ import annotations

from podfence.manifests.manual.rule import (
    Rule,
    baseline_admin_network_policy,
    cluster_network_policy,
    error,
    manifest,
)


def _egress(peer: str, protocol: str = "", action: str = "Accept") -> str:
    rule = f"egress:\n- action: {action}\n  to:\n  - {peer}\n"
    return cluster_network_policy(rule + (f"  protocols:\n  - {protocol}\n" if protocol else ""))


def _tier(tier: str) -> str:
    spec = f"{tier}priority: 10\nsubject:\n  namespaces: {{}}"
    return manifest("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", spec, "name: guard")


_PODS = "namespaces: {}"
_LONG_NAME = "lets the pods of the shop reach " + "the databases and " * 4 + "nothing else"

RULES: tuple[Rule, ...] = (
    error(
        "PF060",
        "field-missing",
        what="A field that the API requires is missing.",
        why="The API server refuses the policy.",
        example=cluster_network_policy("ingress:\n- action: Deny"),
        fix=cluster_network_policy("ingress:\n- action: Deny\n  from:\n  - namespaces: {}"),
        brings=("rules-unchecked",),
    ),
    error(
        "PF061",
        "value-unsupported",
        what="The field takes one of a few values, and this is none of them.",
        why="The API server refuses the policy. Values are case-sensitive, and the APIs differ: v1alpha2 says Accept "
        "where v1alpha1 says Allow.",
        example=_egress(_PODS, action="Allow"),
        fix=_egress(_PODS),
        brings=("rules-unchecked",),
    ),
    error(
        "PF062",
        "number-out-of-range",
        what="A number is outside what the field allows: priority 0 to 1000, ports 1 to 65535.",
        why="The API server refuses the policy.",
        example=_egress(_PODS, "tcp: {destinationPort: {number: 70000}}"),
        fix=_egress(_PODS, "tcp: {destinationPort: {number: 7000}}"),
    ),
    error(
        "PF063",
        "exactly-one",
        what="An object that is a choice (subject, peer, protocol, port) makes none, or more than one.",
        why="The API server refuses the policy. To mean two peers, write two items of the list.",
        example=_egress("{namespaces: {}, networks: [10.0.0.0/8]}"),
        fix=_egress("namespaces: {}\n  - networks: [10.0.0.0/8]"),
        brings=("rules-unchecked",),
    ),
    error(
        "PF064",
        "list-size",
        what="A list is empty that must not be, or has more items than the API allows.",
        why="The API server refuses the policy. Unlike in NetworkPolicy an empty list does not mean everybody: to "
        "match any traffic of the peers, leave `protocols` (or `ports`) out; peers are always required.",
        example=cluster_network_policy("ingress:\n- action: Deny\n  from: []"),
        fix=cluster_network_policy("ingress:\n- action: Deny\n  from:\n  - namespaces: {}"),
    ),
    error(
        "PF065",
        "text-too-long",
        what="A text is longer than the field allows: 100 characters for the name of a rule, 43 for a network.",
        why="The API server refuses the policy.",
        example=cluster_network_policy(
            f"ingress:\n- name: {_LONG_NAME}\n  action: Deny\n  from:\n  - namespaces: {{}}"
        ),
        fix=cluster_network_policy("ingress:\n- name: shop\n  action: Deny\n  from:\n  - namespaces: {}"),
        brings=("rules-unchecked",),
    ),
    error(
        "PF066",
        "port-range-order",
        what="A port range starts at or after its end.",
        why="The API server refuses the policy. For a single port use `number`.",
        example=_egress(_PODS, "tcp: {destinationPort: {range: {start: 80, end: 80}}}"),
        fix=_egress(_PODS, "tcp: {destinationPort: {number: 80}}"),
    ),
    error(
        "PF067",
        "network-unreadable",
        what="An entry of `networks` is no CIDR, or one with leading zeros, or IPv4 dressed as IPv6.",
        why="The API server refuses the policy. Unlike in NetworkPolicy, bits beyond the prefix are accepted.",
        example=_egress("networks: [10.0.0.7]"),
        fix=_egress("networks: [10.0.0.7/32]"),
    ),
    error(
        "PF068",
        "value-repeated",
        what="A list that is a set (`networks`, `domainNames`) holds a value twice.",
        why="The API server refuses the policy.",
        example=_egress("networks: [10.0.0.0/8, 10.0.0.0/8]"),
        fix=_egress("networks: [10.0.0.0/8]"),
    ),
    error(
        "PF069",
        "domain-name",
        what="An entry of `domainNames` is no domain name of at least two labels, optionally with `*.` in front.",
        why="The API server refuses the policy. `*.example.com` stands for one or more labels before the name; a star "
        "anywhere else does not exist.",
        example=_egress('domainNames: ["a*.example.com"]'),
        fix=_egress('domainNames: ["*.example.com"]'),
    ),
    error(
        "PF070",
        "named-port-beyond-pods",
        what="A rule names a container port and has a peer that is no pod: networks, nodes or domainNames.",
        why="The API server refuses the policy (experimental channel): only pods declare port names.",
        example=_egress("networks: [10.0.0.0/8]", "destinationNamedPort: dns"),
        fix=_egress("networks: [10.0.0.0/8]", "udp: {destinationPort: {number: 53}}"),
    ),
    error(
        "PF071",
        "baseline-name",
        what="A BaselineAdminNetworkPolicy is not named `default`.",
        why="There can only be one in a cluster, and the API server holds it to this name.",
        example=baseline_admin_network_policy("guard"),
        fix=baseline_admin_network_policy("default"),
    ),
    error(
        "PF072",
        "rules-unchecked",
        what="Further rules of the API were not checked, because another fault of the object stands in their way.",
        why="The API server says so beside the other faults. Mend those, and check again.",
        example=_tier(""),
        fix=_tier("tier: Admin\n"),
        brings=("field-missing",),
    ),
)
