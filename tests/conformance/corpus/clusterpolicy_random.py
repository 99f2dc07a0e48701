"""Random ClusterNetworkPolicy manifests, with faults in their values and damaged in their shape."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.conformance.corpus import mutate
from tests.conformance.corpus.clusterpolicy import ACTIONS, policy, spec
from tests.conformance.corpus.selectors import random_selector
from tests.conformance.corpus.text import Tree
from tests.conformance.corpus.values import BAD_CIDRS, BAD_DOMAINS, GOOD_CIDRS, GOOD_DOMAINS


def themes(channel: str) -> dict[str, Iterator[Tree]]:
    """Give the random manifests of a channel; the standard one gets fewer."""
    count = 120 if channel == "experimental" else 50
    return {"random": random_policies(count, channel), "mutated": mutated(count, channel)}


def random_policies(count: int, channel: str) -> Iterator[Tree]:
    """Make random policies: a third without faults, the others with few or many."""
    rng = random.Random(20260403)
    for number in range(count):
        yield random_policy(rng, (0.0, 0.04, 0.12)[number % 3], channel)


def mutated(count: int, channel: str) -> Iterator[Tree]:
    """Make random policies and damage them in one to three places."""
    rng = random.Random(20260404)
    for number in range(count):
        yield mutate.at_random(rng, random_policy(rng, 0.0 if number % 4 else 0.04, channel), rng.choice([1, 1, 2, 3]))


def random_policy(rng: random.Random, faults: float, channel: str) -> Tree:
    """Make a policy in which each value is wrong with the probability `faults`."""
    made = spec(
        tier="Tier" if rng.random() < faults else rng.choice(["Admin", "Baseline"]),
        priority=rng.choice([-1, 1001, 5000]) if rng.random() < faults else rng.randrange(1001),
        subject=random_pods(rng, faults),
    )
    for direction in ("ingress", "egress"):
        if rng.random() < 0.6:
            made[direction] = [random_rule(rng, direction, faults, channel) for _ in range(rng.choice([0, 1, 1, 2]))]
    return policy(made)


def random_pods(rng: random.Random, faults: float) -> dict[str, Tree]:
    """Make a subject or a peer of pods."""
    if rng.random() < faults:
        return {}
    if rng.random() < 0.5:
        return {"namespaces": random_selector(rng, faults)}
    pods = {"podSelector": random_selector(rng, faults)}
    return {"pods": pods | ({"namespaceSelector": random_selector(rng, faults)} if rng.random() < 0.5 else {})}


def random_rule(rng: random.Random, direction: str, faults: float, channel: str) -> Tree:
    """Make a rule."""
    made: dict[str, Tree] = {"action": "Allow" if rng.random() < faults else rng.choice(ACTIONS)}
    if rng.random() < 0.4:
        made["name"] = "x" * 101 if rng.random() < faults else f"rule {rng.randrange(100)}"
    count = 0 if rng.random() < faults else rng.choice([1, 1, 2, 3])
    if direction == "ingress":
        made["from"] = [random_pods(rng, faults) for _ in range(count)]
    else:
        made["to"] = [random_target(rng, faults, channel) for _ in range(count)]
    if rng.random() < 0.5:
        made["protocols"] = [random_protocol(rng, faults) for _ in range(rng.choice([1, 1, 2]))]
    return made


def random_target(rng: random.Random, faults: float, channel: str) -> Tree:
    """Make an egress peer."""
    kinds = ["pods", "pods", "networks"] + (
        ["nodes", "domainNames"] if channel == "experimental" or rng.random() < faults else []
    )
    made: dict[str, Tree] = {}
    for _ in range(2 if rng.random() < faults else 1):
        kind = rng.choice(kinds)
        if kind == "networks":
            texts = [each for each in BAD_CIDRS if isinstance(each, str)]
            made["networks"] = [
                rng.choice(texts if rng.random() < faults else GOOD_CIDRS) for _ in range(rng.choice([1, 1, 2]))
            ]
        elif kind == "domainNames":
            names = [each for each in BAD_DOMAINS if isinstance(each, str)]
            made["domainNames"] = [rng.choice(names if rng.random() < faults else GOOD_DOMAINS)]
        else:
            made |= {"nodes": random_selector(rng, faults)} if kind == "nodes" else random_pods(rng, faults)
    return made


def random_protocol(rng: random.Random, faults: float) -> Tree:
    """Make a protocol item."""
    kind = rng.choice(["tcp", "udp", "sctp", "destinationNamedPort"])
    if kind == "destinationNamedPort":
        return {kind: "http"}
    start = rng.randrange(1, 60000)
    port: Tree = {"number": rng.choice([0, -1, 65536]) if rng.random() < faults else start}
    if rng.random() < 0.4:
        port = {"range": {"start": start, "end": start if rng.random() < faults else start + 100}}
    return {} if rng.random() < faults else {kind: {"destinationPort": port}}
