"""AdminNetworkPolicy and BaselineAdminNetworkPolicy manifests, theme by theme."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from tests.conformance.corpus import mutate
from tests.conformance.corpus.clusterpolicy import CONDITION
from tests.conformance.corpus.metadata import every, metadata_themes
from tests.conformance.corpus.selectors import random_selector, selectors
from tests.conformance.corpus.text import Tree, each
from tests.conformance.corpus.values import (
    BAD_CIDRS,
    BAD_DOMAINS,
    BAD_PROTOCOLS,
    GOOD_CIDRS,
    GOOD_DOMAINS,
    JUNK,
    ODD_CIDRS,
)

ADMIN = "AdminNetworkPolicy"
PODS: dict[str, Tree] = {"namespaceSelector": {}, "podSelector": {}}


class Maker:
    """Makes manifests of one of the two kinds."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def policy(self, spec: Tree) -> dict[str, Tree]:
        """Wrap a spec."""
        name = "policy" if self.kind == ADMIN else "default"
        head = {"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": self.kind}
        return head | {"metadata": {"name": name}, "spec": spec}

    def spec(self, **parts: Tree) -> dict[str, Tree]:
        """Make a good spec with some parts added or replaced."""
        priority = {"priority": 10} if self.kind == ADMIN else {}
        return priority | {"subject": {"namespaces": {}}} | parts

    def rule(self, direction: str, *peers: Tree, **parts: Tree) -> dict[str, Tree]:
        """Make a policy with one rule."""
        far = "from" if direction == "ingress" else "to"
        return self.policy(self.spec(**{direction: [{"action": "Deny", far: list(peers), **parts}]}))


def themes(kind: str, channel: str) -> dict[str, Iterator[Tree]]:
    """Give the manifests of each theme; what is the same elsewhere is thinned out."""
    make = Maker(kind)
    thin = 3 if kind == ADMIN and channel == "experimental" else 7
    own = {
        "spec": specs(make),
        "subject": subjects(make),
        "rules": rules(make),
        "peers": peers(make),
        "networks": networks(make),
        "ports": ports(make),
        "selector": placed_selectors(make),
    }
    common = {
        "shape": mutate.everywhere(*shapes(make, channel)),
        **metadata_themes(make.policy(make.spec()), namespaced=False),
    }
    return {
        **every(thin, own),
        **every(2 * thin, common),
        "singleton": singletons(make),
        "named": named_ports(make),
        **every(thin // 3, {"limits": limits(make)}),
        "random": randoms(make, channel, 240 // thin),
    }


def specs(make: Maker) -> Iterator[Tree]:
    """List priorities, missing parts and status."""
    for number in [0, 1, 99, 1000, 1001, -1, 2147483648, 1.0, 10.5, "10", *JUNK]:
        yield make.policy(make.spec(priority=number))
    yield from (make.policy(junk) for junk in JUNK)
    yield make.policy({"subject": {"namespaces": {}}})
    yield make.policy({"priority": 5})
    yield make.policy(make.spec(tier="Admin"))
    for status in each({}, None, {"conditions": []}, {"conditions": [CONDITION]}, {"conditions": [{}]}, "x"):
        yield make.policy(make.spec()) | {"status": status}


def subjects(make: Maker) -> Iterator[Tree]:
    """List subjects."""
    yield from (make.policy(make.spec(subject=junk)) for junk in JUNK)
    parts: list[Tree] = [None, {}, {"matchLabels": {"app": "web"}}, "x", []]
    yield from (make.policy(make.spec(subject={"namespaces": part})) for part in parts)
    yield from (make.policy(make.spec(subject={"pods": part})) for part in parts)
    for one, other in itertools.product(parts, parts):
        yield make.policy(make.spec(subject={"pods": {"podSelector": one, "namespaceSelector": other}}))
    yield from (make.policy(make.spec(subject={"pods": {name: {}}})) for name in PODS)
    yield make.policy(make.spec(subject={"pods": PODS, "namespaces": {}}))
    yield make.policy(make.spec(subject={"namespaces": {"sameLabels": ["a"]}}))


def rules(make: Maker) -> Iterator[Tree]:
    """List rules: action, name, and what is missing or unknown."""
    for direction, far in (("ingress", "from"), ("egress", "to")):
        for action in ("Allow", "Deny", "Pass", "Accept", "allow", "", *JUNK[:6]):
            yield make.rule(direction, {"namespaces": {}}, action=action)
        for name in each("a", "", "x" * 100, "x" * 101, "é" * 100, "é" * 101, None, 1, []):
            yield make.rule(direction, {"namespaces": {}}, name=name)
        for junk in JUNK:
            yield make.policy(make.spec(**{direction: junk}))
            yield make.policy(make.spec(**{direction: [junk]}))
            yield make.policy(make.spec(**{direction: [{"action": "Deny", far: junk}]}))
            yield make.rule(direction, {"namespaces": {}}, ports=junk)
        yield make.policy(make.spec(**{direction: [{far: [{"namespaces": {}}]}]}))
        yield make.policy(make.spec(**{direction: [{"action": "Allow"}]}))
        yield make.rule(direction, {"namespaces": {}}, protocols=[])


def peers(make: Maker) -> Iterator[Tree]:
    """List peers of both directions: each field alone, each pair, odd ones."""
    parts: dict[str, Tree] = {
        "namespaces": {},
        "pods": PODS,
        "networks": ["10.0.0.0/8"],
        "nodes": {},
        "domainNames": ["a.b"],
    }
    for direction in ("ingress", "egress"):
        yield from (make.rule(direction, junk) for junk in JUNK)
        for name, part in parts.items():
            yield make.rule(direction, {name: part})
            yield from (make.rule(direction, {name: junk}) for junk in JUNK)
        for one, other in itertools.combinations(parts, 2):
            yield make.rule(direction, {one: parts[one], other: parts[other]})
        yield from (make.rule(direction, {"pods": {name: {}}}) for name in PODS)
        yield make.rule(direction, {"pods": {"podSelector": {}, "namespaces": {"sameLabels": ["a"]}}})
        yield make.rule(direction, {"podSelector": {}})


def networks(make: Maker) -> Iterator[Tree]:
    """List networks and domain names."""
    yield from (
        make.rule("egress", {"networks": [cidr]}) for cidr in [*GOOD_CIDRS[:6], *ODD_CIDRS[::3], *BAD_CIDRS[::3]]
    )
    yield make.rule("egress", {"networks": ["10.0.0.0/8"] * 2})
    yield from (make.rule("egress", {"domainNames": [name]}) for name in [*GOOD_DOMAINS[::2], *BAD_DOMAINS[::2]])
    yield make.rule("egress", {"domainNames": ["a.b"] * 2})


def ports(make: Maker) -> Iterator[Tree]:
    """List port items."""
    directions = itertools.cycle(["ingress", "egress"])
    for item, direction in zip(port_items(), directions, strict=False):
        yield make.rule(direction, {"namespaces": {}}, ports=[item])


def port_items() -> Iterator[Tree]:
    """List port items: each kind with each protocol, port and range, pairs, odd ones."""
    yield from JUNK
    numbers: list[Tree] = [None, 0, 1, 80, 65535, 65536, -1, "80", "http", 1.5, 80.0, 2147483648, [], True]
    yield from ({"portNumber": {"port": port}} for port in numbers)
    yield from ({"portNumber": {"protocol": "TCP", "port": port}} for port in numbers)
    yield from (
        {"portNumber": {"port": 80, "protocol": protocol}} for protocol in ["TCP", "UDP", "SCTP", None, *BAD_PROTOCOLS]
    )
    yield from (
        {"portRange": {"start": start, "end": end}} for start, end in itertools.product(numbers[:8], numbers[:8])
    )
    yield from ({"portRange": {"protocol": protocol, "start": 1, "end": 2}} for protocol in ["UDP", *BAD_PROTOCOLS[:8]])
    yield from ({"namedPort": name} for name in ["http", "", "HTTP", "a b", *JUNK])
    for name in ("portNumber", "portRange", "namedPort"):
        yield from ({name: junk} for junk in JUNK)
    yield {"portNumber": {"port": 80}, "namedPort": "http"}
    yield {"portNumber": {"port": 80}, "portRange": {"start": 1, "end": 2}}
    yield {"portNumber": {"port": 80}, "namedPort": None}
    yield from (
        {"portRange": {"start": 1}},
        {"portRange": {"end": 1}},
        {"port": 80},
        {"portNumber": {"protocol": "TCP"}},
        {"portNumber": {"port": 80, "endPort": 90}},
    )


def placed_selectors(make: Maker) -> Iterator[Tree]:
    """Put every sixth selector in one of the places where a selector may stand."""
    for number, selector in enumerate(itertools.islice(selectors(), 0, None, 6)):
        if number % 3 == 0:
            yield make.policy(make.spec(subject={"namespaces": selector}))
        elif number % 3 == 1:
            yield make.rule("ingress", {"namespaces": selector})
        else:
            yield make.rule("egress", {"pods": PODS | {"podSelector": selector}})


def singletons(make: Maker) -> Iterator[Tree]:
    """List names for the kind that allows only one, with other faults beside."""
    for name in ("default", "Default", "policy", "default2", ""):
        yield make.policy(make.spec()) | {"metadata": {"name": name}}
        yield make.policy(make.spec(subject={})) | {"metadata": {"name": name}}
        yield make.rule("ingress", action="x") | {"metadata": {"name": name}}
    yield make.policy(make.spec()) | {"metadata": {"generateName": "default"}}


def named_ports(make: Maker) -> Iterator[Tree]:
    """List rules with a named port beside each kind of peer."""
    outside: list[Tree] = [
        {"networks": ["10.0.0.0/8"]},
        {"nodes": {}},
        {"domainNames": ["a.b"]},
        {"namespaces": {}},
        {"networks": ["x"]},
        {},
    ]
    for peer in outside:
        for items in (
            [{"namedPort": "http"}],
            [{"portNumber": {"port": 80}}],
            [{"portNumber": {"port": 80}}, {"namedPort": ""}],
        ):
            yield make.rule("egress", peer, ports=items)
        yield make.rule("egress", {"namespaces": {}}, peer, ports=[{"namedPort": "http"}])


def limits(make: Maker) -> Iterator[Tree]:
    """List everything that has a limit at its limit and one beyond."""
    good: dict[str, Tree] = {"namespaces": {}}
    for count in (100, 101):
        yield make.policy(make.spec(ingress=[{"action": "Deny", "from": [good]}] * count))
        yield make.policy(make.spec(egress=[{"action": "Deny", "to": [good]}] * count))
        yield make.rule("ingress", *[good] * count)
        yield make.rule("egress", *[good] * count)
        yield make.rule("ingress", good, ports=[{"portNumber": {"port": 80}}] * count)
        yield make.rule("egress", good, ports=[{"portNumber": {"port": 80}}] * count)
    for count in (25, 26):
        yield make.rule("egress", {"networks": [f"10.{number}.0.0/16" for number in range(count)]})
        yield make.rule("egress", {"domainNames": [f"x{number}.example.com" for number in range(count)]})


def shapes(make: Maker, channel: str) -> list[Tree]:
    """Give small policies that together have every field there is in a channel."""
    pods = {
        "namespaceSelector": {"matchLabels": {"a": "b"}},
        "podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
    }
    ports: list[Tree] = [
        {"portNumber": {"protocol": "TCP", "port": 80}},
        {"portRange": {"protocol": "UDP", "start": 1, "end": 9}},
    ]
    outside: list[Tree] = [{"networks": ["10.0.0.0/8"]}] + (
        [{"nodes": {"matchLabels": {"a": "b"}}}] if channel == "experimental" else []
    )
    return [
        make.policy(make.spec(subject={"pods": pods})),
        make.policy(
            make.spec(ingress=[{"name": "in", "action": "Deny", "from": [{"namespaces": {}}], "ports": ports}])
        ),
        make.policy(make.spec(egress=[{"name": "out", "action": "Allow", "to": outside}])),
    ]


def randoms(make: Maker, channel: str, count: int) -> Iterator[Tree]:
    """Make random policies, half of them damaged in one to three places."""
    rng = random.Random(20260405)
    for number in range(count):
        made = random_policy(rng, make, channel, (0.0, 0.04, 0.1)[number % 3])
        yield mutate.at_random(rng, made, rng.choice([1, 2, 3])) if number % 2 else made


def random_policy(rng: random.Random, make: Maker, channel: str, faults: float) -> Tree:
    """Make a policy in which each value is wrong with the probability `faults`."""
    parts: dict[str, Tree] = {"subject": random_pods(rng, faults)}
    for direction, far in (("ingress", "from"), ("egress", "to")):
        rules: list[Tree] = []
        for _ in range(rng.choice([0, 1, 1, 2])):
            found = [random_pods(rng, faults) for _ in range(0 if rng.random() < faults else rng.choice([1, 1, 2]))]
            if direction == "egress" and rng.random() < 0.5:
                found.append(random_outside(rng, channel, faults))
            rule: dict[str, Tree] = {
                "action": "Accept" if rng.random() < faults else rng.choice(["Allow", "Deny"]),
                far: found,
            }
            if rng.random() < 0.5:
                rule["ports"] = [random_port(rng, faults) for _ in range(rng.choice([1, 1, 2]))]
            rules.append(rule)
        parts[direction] = rules
    return make.policy(make.spec(**parts))


def random_pods(rng: random.Random, faults: float) -> dict[str, Tree]:
    """Make a subject or a peer of pods."""
    if rng.random() < faults:
        return rng.choice([{}, {"pods": {"podSelector": {}}}, {"namespaces": {}, "pods": PODS}])
    if rng.random() < 0.5:
        return {"namespaces": random_selector(rng, faults)}
    return {"pods": {"namespaceSelector": random_selector(rng, faults), "podSelector": random_selector(rng, faults)}}


def random_outside(rng: random.Random, channel: str, faults: float) -> dict[str, Tree]:
    """Make an egress peer outside the cluster, or of nodes."""
    if channel == "experimental" and rng.random() < 0.3:
        return {"nodes": random_selector(rng, faults)}
    texts = [each for each in BAD_CIDRS if isinstance(each, str)]
    return {"networks": [rng.choice(texts if rng.random() < faults else GOOD_CIDRS)]}


def random_port(rng: random.Random, faults: float) -> Tree:
    """Make a port item."""
    kind = rng.choice(["portNumber", "portRange", "namedPort"])
    if rng.random() < faults:
        return {kind: None}
    if kind == "namedPort":
        return {"namedPort": "http"}
    protocol = {"protocol": rng.choice(["TCP", "UDP", "SCTP"])} if rng.random() < 0.6 else {}
    start = 65536 if rng.random() < faults else rng.randrange(1, 60000)
    return {kind: protocol | ({"port": start} if kind == "portNumber" else {"start": start, "end": start + 10})}
