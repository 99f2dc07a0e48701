"""NetworkPolicy manifests, theme by theme: ports, address blocks, peers, selectors, policy types, whole shapes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from tests.conformance.corpus import mutate
from tests.conformance.corpus.metadata import metadata_themes
from tests.conformance.corpus.selectors import random_selector, selectors
from tests.conformance.corpus.text import Again, Tree, each
from tests.conformance.corpus.values import (
    BAD_CIDRS,
    BAD_PORTS,
    BAD_PROTOCOLS,
    END_PORTS,
    EXCEPTS,
    GOOD_CIDRS,
    GOOD_PORTS,
    GOOD_PROTOCOLS,
    JUNK,
    ODD_CIDRS,
)

ABSENT = object()


def policy(spec: Tree) -> dict[str, Tree]:
    """Wrap a spec into a NetworkPolicy; ABSENT leaves it out."""
    made: dict[str, Tree] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "policy"},
    }
    return made if spec is ABSENT else made | {"spec": spec}


def rule(direction: str, peers: Tree = ABSENT, ports: Tree = ABSENT) -> dict[str, Tree]:
    """Make a spec with one rule in one direction; parts that are ABSENT are left out."""
    made: dict[str, Tree] = {}
    if peers is not ABSENT:
        made["from" if direction == "ingress" else "to"] = peers
    if ports is not ABSENT:
        made["ports"] = ports
    types = ["Ingress"] if direction == "ingress" else ["Egress"]
    return {"podSelector": {}, "policyTypes": types, direction: [made]}


def alternating(trees: Iterator[Tree], kind: str) -> Iterator[Tree]:
    """Put each port item or peer into an ingress or an egress rule in turn."""
    directions = itertools.cycle(["ingress", "egress"])
    for tree, direction in zip(trees, directions, strict=False):
        yield policy(rule(direction, ports=[tree]) if kind == "ports" else rule(direction, peers=[tree]))


def themes() -> dict[str, Iterator[Tree]]:
    """Give the manifests of each theme."""
    return {
        "ports": alternating(port_items(), "ports"),
        "cidr": alternating(blocks(), "peers"),
        "except": alternating(excepts(), "peers"),
        "peers": alternating(peers(), "peers"),
        "selector": placed_selectors(),
        "types": policy_types(),
        "lists": lists(),
        "shape": mutate.everywhere(*shapes()),
        "several": several(),
        **metadata_themes(policy({"podSelector": {}}), namespaced=True),
        "random": random_policies(480),
        "mutated": mutated(340),
    }


def port_items() -> Iterator[Tree]:
    """List port items: each port, protocol and endPort alone and together, and odd fields."""
    yield from (
        {},
        None,
        "80",
        80,
        [],
        [80],
        {"port": None},
        {"protocol": None},
        {"port": None, "protocol": None, "endPort": None},
    )
    yield from ({"port": port} for port in [*GOOD_PORTS, *BAD_PORTS])
    yield from ({"protocol": protocol} for protocol in [*GOOD_PROTOCOLS, *BAD_PROTOCOLS])
    yield from ({"protocol": protocol, "port": 80} for protocol in [*GOOD_PROTOCOLS, *BAD_PROTOCOLS[:8]])
    for port in (ABSENT, None, 80, 0, -1, 65535, 65536, "http", "80", "", "A--"):
        for end in END_PORTS:
            yield {"endPort": end} if port is ABSENT else {"port": port, "endPort": end}
    yield from ({"protocol": "tcp", "port": 0, "endPort": -1}, {"protocol": "", "port": "", "endPort": 0})
    yield from (
        {name: 80} for name in ("Port", "ports", "portt", "targetPort", "containerPort", "endPort", "endport", "name")
    )
    yield from ({"port": 80, name: "TCP"} for name in ("Protocol", "proto", "protocols", "type", "appProtocol"))
    yield from ({"port": 80, name: 90} for name in ("endport", "EndPort", "end", "endPorts", "end_port", "nodePort"))
    yield {"port": 80, Again("port"): 80}
    yield {"port": 80, Again("port"): 81, "protocol": "TCP", Again("protocol"): "UDP"}
    yield {"port": 80, Again("port"): 81, Again("port", 2): 82}


def blocks() -> Iterator[Tree]:
    """List ipBlock peers: every CIDR alone and as an except of everything, and odd shapes."""
    for cidr in [*GOOD_CIDRS, *ODD_CIDRS, *BAD_CIDRS]:
        yield {"ipBlock": {"cidr": cidr}}
        family = "::/0" if isinstance(cidr, str) and ":" in cidr else "0.0.0.0/0"
        yield {"ipBlock": {"cidr": family, "except": [cidr]}}
    yield from ({"ipBlock": junk} for junk in JUNK)
    yield from ({"ipBlock": {"cidr": "10.0.0.0/8", "except": junk}} for junk in JUNK)
    yield from ({"ipBlock": {"except": ["10.0.0.0/8"]}}, {"ipBlock": {"cidr": None, "except": ["x"]}})
    yield from ({"ipBlock": {name: "10.0.0.0/8"}} for name in ("CIDR", "Cidr", "cidrs", "ip", "cidrBlock"))
    yield from (
        {"ipBlock": {"cidr": "10.0.0.0/8", name: ["10.1.0.0/16"]}} for name in ("Except", "excepts", "exclude", "not")
    )
    yield from ({name: {"cidr": "10.0.0.0/8"}} for name in ("ipblock", "IPBlock", "ipBlocks", "ip_block", "cidr"))
    yield {"ipBlock": {"cidr": "10.0.0.0/8", Again("cidr"): "10.0.0.0/8"}}
    yield {"ipBlock": {"cidr": "10.0.0.0/8", Again("cidr"): "11.0.0.0/8"}}


def excepts() -> Iterator[Tree]:
    """List ipBlocks with excepts of every relation to the cidr, alone, in pairs and all at once."""
    for cidr, found in EXCEPTS.items():
        yield from ({"ipBlock": {"cidr": cidr, "except": [each]}} for each in found)
        yield from ({"ipBlock": {"cidr": cidr, "except": list(pair)}} for pair in itertools.pairwise(found))
        yield {"ipBlock": {"cidr": cidr, "except": found}}
        yield {"ipBlock": {"cidr": cidr, "except": found[:2] * 2}}
    for odd in ODD_CIDRS:
        yield {"ipBlock": {"cidr": odd, "except": [odd]}}
        yield {"ipBlock": {"cidr": odd, "except": ["10.1.2.0/24", "2001:db8::5/128", odd, "x"]}}


def peers() -> Iterator[Tree]:
    """List peers: every presence of the three fields, and unknown ones."""
    selector: list[Tree] = [ABSENT, None, {}, {"matchLabels": {"app": "web"}}, {"matchLabels": {"-": "x"}}]
    block: list[Tree] = [ABSENT, None, {}, {"cidr": "10.0.0.0/8"}, {"cidr": "10.0.0.1/8", "except": ["x"]}]
    for parts in itertools.product(selector, selector, block):
        names = ("podSelector", "namespaceSelector", "ipBlock")
        yield {name: part for name, part in zip(names, parts, strict=True) if part is not ABSENT}
    yield from JUNK
    for name in (
        "podselector",
        "PodSelector",
        "pods",
        "namespaceselector",
        "namespaces",
        "namespace",
        "serviceSelector",
        "fqdn",
    ):
        yield {name: {"matchLabels": {"app": "web"}}}
        yield {"podSelector": {}, name: {"matchLabels": {"app": "web"}}}


def placed_selectors() -> Iterator[Tree]:
    """Put each selector at the top, and every third one at one of the four places in rules, in turn."""
    inner = itertools.cycle(itertools.product(["ingress", "egress"], ["podSelector", "namespaceSelector"]))
    for number, selector in enumerate(selectors()):
        yield policy({"podSelector": selector})
        if number % 3 == 0:
            direction, name = next(inner)
            yield policy(rule(direction, peers=[{name: selector}]))


def policy_types() -> Iterator[Tree]:
    """List policy types with every presence of rules."""
    types: list[Tree] = [
        ABSENT, None, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"], ["Ingress", "Ingress"],
        ["Egress", "Egress"], ["ingress"], ["egress"], ["INGRESS"], [""], ["Both"], ["Ingress", "x"], ["x", "y"],
        ["Ingress", None], [None], ["Ingress", "Egress", "Ingress"], ["x", "y", "z"], ["Ingress", "Egress", None],
        "Ingress", "", {}, 1, [1], [["Ingress"]], [True], {"Ingress": True}, ["Ingress "], ["Ingress,Egress"],
        ["Ingress", 1],
    ]  # fmt: skip
    rules: list[Tree] = [ABSENT, None, [], [{}]]
    for listed, ingress, egress in itertools.product(types[:9], rules, rules):
        parts = {"podSelector": {}, "policyTypes": listed, "ingress": ingress, "egress": egress}
        yield policy({name: part for name, part in parts.items() if part is not ABSENT})
    for listed in types[9:]:
        yield policy({"podSelector": {}, "policyTypes": listed})
        yield policy({"policyTypes": listed, "egress": [{"ports": [{"port": 0}]}]})
    for name in ("PolicyTypes", "policytypes", "policyType", "types"):
        yield policy({"podSelector": {}, name: ["Egress"], "egress": []})


def lists() -> Iterator[Tree]:
    """List whole specs and rules in every stage of emptiness, and long lists."""
    yield policy(ABSENT)
    yield from (policy(junk) for junk in JUNK)
    yield from (policy({"podSelector": {}, direction: junk}) for direction in ("ingress", "egress") for junk in JUNK)
    for direction in ("ingress", "egress"):
        for item in each({}, None, {"ports": []}, {"ports": None}, {"ports": [None]}, {"ports": [{}]}, "x", [], 1):
            yield policy({"podSelector": {}, direction: [item]})
        far = "from" if direction == "ingress" else "to"
        near = "to" if direction == "ingress" else "from"
        for items in each([], None, [None], [{}], [{}, None], {}, "x", [[]], {"podSelector": {}}):
            yield policy({direction: [{far: items}]})
            yield policy({direction: [{far: items, "ports": [{"port": "dns", "protocol": "UDP"}]}]})
        yield policy({direction: [{near: [{"podSelector": {}}]}]})
        yield from (policy(rule(direction, ports=junk)) for junk in JUNK)
        yield policy(rule(direction, ports=[{"port": number} for number in range(1, 61)]))
        yield policy(rule(direction, peers=[{"ipBlock": {"cidr": f"10.{number}.0.0/16"}} for number in range(60)]))
        yield policy({direction: [{}] * 40})
    yield policy({"podSelector": {}, "ingress": [], "egress": [], "policyTypes": []})
    yield policy({"podSelector": {}}) | {"status": {}}
    yield policy({"podSelector": {}}) | {"status": {"conditions": []}}
    yield policy({"podSelector": {}}) | {"extra": 1}
    yield policy({"podSelector": {}}) | {"data": {}, "stringData": {}}


def shapes() -> list[Tree]:
    """Give small policies that together have every field there is."""
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}],
    }
    named = policy({"podSelector": selector})
    named["metadata"] |= {"namespace": "default", "labels": {"app": "web"}, "annotations": {"note": "x"}}
    ports = [{"protocol": "TCP", "port": 80, "endPort": 90}, {"protocol": "UDP", "port": "dns"}]
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    return [
        named,
        policy(
            {"policyTypes": ["Ingress", "Egress"], "ingress": [{"ports": ports[:1]}], "egress": [{"ports": ports[1:]}]}
        ),
        policy({"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}, "namespaceSelector": {}}]}]}),
        policy({"egress": [{"to": [block, {"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]}),
    ]


def several() -> Iterator[Tree]:
    """List policies with a fault in each part, in each pair of parts, and in all of them."""
    parts: dict[str, Tree] = {
        "podSelector": {"matchLabels": {"-a": "b"}},
        "policyTypes": ["Ingress", "Outgress"],
        "ingress": [{"from": [{}], "ports": [{"port": 0}]}, {}, {"from": [{"ipBlock": {"cidr": "x"}}]}],
        "egress": [{"to": [{"podSelector": {}, "ipBlock": {}}]}, {"ports": [{"port": "", "endPort": 1}]}],
    }
    for count in (1, 2, 3, 4):
        for names in itertools.combinations(parts, count):
            made = policy({name: parts[name] for name in names})
            yield made
            made = policy({name: parts[name] for name in names})
            made["metadata"] = {"name": "Policy", "labels": {"a b": "c d"}}
            yield made
            yield policy({name: parts[name] for name in names} | {"unknown": 1})


def random_policies(count: int) -> Iterator[Tree]:
    """Make random policies: a third without faults, the others with few or many."""
    rng = random.Random(20260401)
    for number in range(count):
        yield random_policy(rng, (0.0, 0.04, 0.15)[number % 3])


def mutated(count: int) -> Iterator[Tree]:
    """Make random policies and damage them in one to three places."""
    rng = random.Random(20260402)
    for number in range(count):
        yield mutate.at_random(rng, random_policy(rng, 0.0 if number % 4 else 0.05), rng.choice([1, 1, 2, 3]))


def random_policy(rng: random.Random, faults: float) -> Tree:
    """Make a policy in which each value is wrong with the probability `faults`."""
    spec: dict[str, Tree] = {"podSelector": random_selector(rng, faults)}
    if rng.random() < 0.6:
        types = rng.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"]])
        spec["policyTypes"] = ["Ingres"] if rng.random() < faults else types
    for direction in ("ingress", "egress"):
        if rng.random() < 0.6:
            spec[direction] = [random_rule(rng, direction, faults) for _ in range(rng.choice([0, 1, 1, 2]))]
    return policy(spec)


def random_rule(rng: random.Random, direction: str, faults: float) -> Tree:
    """Make a rule."""
    made: dict[str, Tree] = {}
    if rng.random() < 0.7:
        far = "from" if direction == "ingress" else "to"
        made[far] = [random_peer(rng, faults) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    if rng.random() < 0.6:
        made["ports"] = [random_port(rng, faults) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    return made


def random_peer(rng: random.Random, faults: float) -> Tree:
    """Make a peer."""
    kind = rng.choice(["podSelector", "namespaceSelector", "both", "ipBlock"])
    made: dict[str, Tree] = {}
    if kind in {"podSelector", "both"}:
        made["podSelector"] = random_selector(rng, faults)
    if kind in {"namespaceSelector", "both"}:
        made["namespaceSelector"] = random_selector(rng, faults)
    if kind == "ipBlock" or rng.random() < faults:
        made["ipBlock"] = random_block(rng, faults)
    return {} if rng.random() < faults else made


def random_block(rng: random.Random, faults: float) -> Tree:
    """Make an ipBlock, its excepts mostly inside."""
    cidr = rng.choice(list(EXCEPTS)[:5])
    block: dict[str, Tree] = {"cidr": rng.choice([*ODD_CIDRS, *BAD_CIDRS[:40]]) if rng.random() < faults else cidr}
    inside = {
        "10.0.0.0/8": ["10.1.0.0/16", "10.2.3.4/32"],
        "::/0": ["2001:db8::/32"],
        "0.0.0.0/0": ["10.0.0.0/8", "172.16.0.0/12"],
    }
    if rng.random() < 0.5 and cidr in inside:
        block["except"] = list(inside[cidr])
    if rng.random() < faults:
        texts = [each for each in EXCEPTS[cidr] if isinstance(each, str)]
        block["except"] = rng.sample(texts, min(len(texts), rng.choice([1, 2, 3])))
    return block


def random_port(rng: random.Random, faults: float) -> Tree:
    """Make a port item."""
    made: dict[str, Tree] = {}
    if rng.random() < 0.6:
        bad = [each for each in BAD_PROTOCOLS if isinstance(each, str)]
        made["protocol"] = rng.choice(bad if rng.random() < faults else ["TCP", "UDP", "SCTP"])
    if rng.random() < 0.85:
        bad_ports = [each for each in BAD_PORTS if isinstance(each, str) or (type(each) is int and abs(each) < 2**31)]
        made["port"] = rng.choice(bad_ports if rng.random() < faults else GOOD_PORTS)
    port = made.get("port")
    if (isinstance(port, int) and rng.random() < 0.3) or rng.random() < faults:
        made["endPort"] = min(65535, port + rng.choice([0, 1, 100])) if isinstance(port, int) else 8080
    if "endPort" in made and rng.random() < faults:
        made["endPort"] = rng.choice([-1, 0, 1, 79, 65536])
    return made
