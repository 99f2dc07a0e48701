"""Updates of NetworkPolicy: what may change, and which old faults a new version may keep.

An old version that no server would accept is planted: a good twin is created and its stored bytes are changed,
so each wrong text stands in place of a good one of the same length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.conformance.corpus.networkpolicy import policy, rule
from tests.conformance.corpus.selectors import requirement
from tests.conformance.corpus.text import Tree, each, to_yaml


@dataclass(frozen=True)
class Update:
    """A stored manifest, the texts to put into its stored bytes (good: wrong), and the manifest that replaces it."""

    id: str
    old: str
    new: str
    planted: dict[str, str] = field(default_factory=dict)


def updates() -> Iterator[Update]:
    """List all updates."""
    for number, (old, new, planted) in enumerate([*plain(), *addresses(), *selectors()]):
        yield Update(f"update/{number:04}", to_yaml(old), to_yaml(new), planted)


Part = tuple[Tree, Tree, dict[str, str]]


def plain() -> Iterator[Part]:
    """Change what may change, what may not, and into what is wrong."""
    old = policy({"podSelector": {}})
    yield old, old, {}
    yield old, policy({"podSelector": {"matchLabels": {"a": "b"}}, "egress": [{}]}), {}
    yield old, policy({"podSelector": {"matchLabels": {"-": "b"}}}), {}
    yield old, policy(rule("ingress", peers=[{"ipBlock": {"cidr": "10.0.0.1/8"}}], ports=[{"port": 0}])), {}
    for part in each(
        {"name": "other"}, {"name": ""}, {"namespace": "other"}, {"namespace": "default"}, {"uid": "x"}, {"uid": ""},
        {"uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"}, {"generation": 0}, {"generation": 7}, {"generation": -1},
        {"creationTimestamp": "2020-01-01T00:00:00Z"}, {"creationTimestamp": None}, {"resourceVersion": ""},
        {"resourceVersion": "x"}, {"resourceVersion": "1"}, {"resourceVersion": "0"}, {"labels": {"-": "x"}},
        {"annotations": {"-": "x"}}, {"finalizers": ["a b"]}, {"ownerReferences": [{}]}, {"generateName": "A"},
        {"deletionTimestamp": "2020-01-01T00:00:00Z"}, {"deletionGracePeriodSeconds": 5},
    ):  # fmt: skip
        yield old, old | {"metadata": {"name": "policy"} | part}, {}


def block(cidr: str, *excepts: str, way: str = "ingress") -> Tree:
    """Make a policy with one ipBlock."""
    return policy(rule(way, peers=[{"ipBlock": {"cidr": cidr} | ({"except": list(excepts)} if excepts else {})}]))


def addresses() -> Iterator[Part]:
    """Keep, move and combine CIDRs that were stored before they were refused."""
    host_bits = {"10.2.0.0/16": "10.2.0.1/16"}
    zeros = {"10.220.0.0/16": "010.20.0.0/16"}
    mapped = {"2001:db8:1:2::a:0/112": "::ffff:10.25.0.0/0112"}
    broken = {"10.2.0.0/16": "10.2.0.0/99"}
    for planted in (host_bits, zeros, mapped, broken):
        ((good, odd),) = planted.items()
        yield block(good), block(odd), planted
        yield block(good), block(odd, way="egress"), planted
        yield block(good), block("0.0.0.0/0", odd), planted
        yield block(good), block("::/0", odd), planted
        yield block(good), block("10.0.0.0/8", odd, "10.3.0.1/16"), planted
        yield block(good), block(odd, odd), planted
        yield block(good), block(odd, "10.2.3.0/24"), planted
        yield block(good), block(odd, "10.9.0.0/24"), planted
        yield block(good), block(odd + "0"), planted
        yield block(good), block(odd) | {"metadata": {"name": "policy", "labels": {"a": "b"}}}, planted
        yield block(good), policy({"podSelector": {}}), planted
        family = "::/0" if ":" in good else "0.0.0.0/0"
        yield block(family, good), block(odd), planted
        yield block(family, good), block(family, odd), planted
        yield block(family, good), block(family, odd, odd), planted


def selectors() -> Iterator[Part]:
    """Keep, move and add bad label values beside stored ones."""

    def wrap(value: str) -> Tree:
        return policy({"podSelector": {"matchExpressions": [requirement("app", "In", [value])]}})

    planted = {"good-value": "-bad value"}
    old = wrap("good-value")
    peer = {"podSelector": {"matchExpressions": [requirement("app", "In", ["-bad value"])]}}
    yield old, wrap("-bad value"), planted
    yield old, wrap("another bad value"), planted
    yield old, policy(rule("ingress", peers=[peer])), planted
    yield old, policy(rule("egress", peers=[{"namespaceSelector": peer["podSelector"]}])), planted
    yield old, policy({"podSelector": {"matchLabels": {"app": "-bad value"}}}), planted
    yield old, policy({"podSelector": {"matchExpressions": [requirement("a b", "In", ["-bad value"])]}}), planted
    yield old, policy({"podSelector": {"matchExpressions": [requirement("app", "Is", ["-bad value"])]}}), planted
    yield old, policy({"podSelector": {"matchExpressions": [requirement("app", "Exists", ["-bad value"])]}}), planted
    yield old, policy({"podSelector": {}}), planted
    # A bad value stored in a peer, or in matchLabels, does not open the door, or does it.
    stored = policy(
        rule("ingress", peers=[{"podSelector": {"matchExpressions": [requirement("app", "In", ["good-value"])]}}])
    )
    yield stored, policy(rule("ingress", peers=[peer])), planted
    yield stored, wrap("-bad value"), planted
    labels = policy({"podSelector": {"matchLabels": {"app": "good-value"}}})
    yield labels, policy({"podSelector": {"matchLabels": {"app": "-bad value"}}}), planted
    yield labels, wrap("-bad value"), planted
    yield labels, wrap("other bad value"), planted
