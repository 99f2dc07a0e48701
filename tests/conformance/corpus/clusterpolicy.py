"""ClusterNetworkPolicy manifests, theme by theme: tier, subject, rules, peers, protocols, limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.conformance.corpus import mutate
from tests.conformance.corpus.metadata import every, metadata_themes
from tests.conformance.corpus.selectors import selectors
from tests.conformance.corpus.text import Again, Tree, each
from tests.conformance.corpus.values import (
    BAD_CIDRS,
    BAD_DOMAINS,
    BAD_PORTS,
    GOOD_CIDRS,
    GOOD_DOMAINS,
    JUNK,
    ODD_CIDRS,
)

SUBJECT: dict[str, Tree] = {"namespaces": {}}
ACTIONS = ("Accept", "Deny", "Pass")


def policy(spec: Tree) -> dict[str, Tree]:
    """Wrap a spec into a ClusterNetworkPolicy."""
    head = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
    return head | {"metadata": {"name": "policy"}, "spec": spec}


def spec(**parts: Tree) -> dict[str, Tree]:
    """Make a good spec with some parts added or replaced."""
    return {"tier": "Admin", "priority": 10, "subject": SUBJECT} | parts


def egress(*peers: Tree, **parts: Tree) -> dict[str, Tree]:
    """Make a policy with one egress rule to some peers."""
    return policy(spec(egress=[{"action": "Accept", "to": list(peers), **parts}]))


def ingress(*peers: Tree, **parts: Tree) -> dict[str, Tree]:
    """Make a policy with one ingress rule from some peers."""
    return policy(spec(ingress=[{"action": "Deny", "from": list(peers), **parts}]))


def themes(channel: str) -> dict[str, Iterator[Tree]]:
    """Give the manifests of each theme; the standard channel gets fewer where it differs in nothing."""
    thin = 1 if channel == "experimental" else 3
    own = {
        "tier": tiers(),
        "subject": subjects(),
        "rules": rules(),
        "peers": peers(),
        "networks": networks(),
        "domains": domains(),
        "protocols": protocols(),
        "named": named_ports(),
        "selector": placed_selectors(),
    }
    common = {
        "shape": mutate.everywhere(*shapes(channel)),
        **metadata_themes(policy(spec()), namespaced=False),
    }
    return {
        **every(thin, own),
        **every(3 * thin, common),
        "limits": limits(),
    }


def tiers() -> Iterator[Tree]:
    """List tiers and priorities, and specs that lack a part."""
    tiers: list[Tree] = [
        "Admin",
        "Baseline",
        "admin",
        "baseline",
        "ADMIN",
        "Admin ",
        "",
        "Default",
        "NetworkPolicy",
        *JUNK,
    ]
    yield from (policy(spec(tier=tier)) for tier in tiers)
    numbers: list[Tree] = [
        0,
        1,
        500,
        999,
        1000,
        1001,
        -1,
        2147483647,
        2147483648,
        -2147483649,
        9223372036854775808,
        1.0,
        10.5,
        1e2,
        1e3,
        1e4,
    ]
    yield from (policy(spec(priority=number)) for number in [*numbers, "10", "", *JUNK])
    for count in (0, 1, 2):
        for names in itertools.combinations(("tier", "priority", "subject"), count):
            yield policy({name: part for name, part in spec().items() if name in names})
    yield from (policy(junk) for junk in JUNK)
    yield policy(spec(tier="x", priority=-1, subject={}))
    yield policy(spec(tier=1, priority="x", subject=[]))
    yield {name: part for name, part in policy(spec()).items() if name != "spec"}
    for status in each({}, None, [], {"conditions": []}, {"conditions": None}, {"conditions": [{}]}, {"x": 1}, "x"):
        yield policy(spec()) | {"status": status}
    yield policy(spec()) | {"status": {"conditions": [CONDITION]}}
    yield policy(spec()) | {"status": {"conditions": [CONDITION, CONDITION]}}
    yield from (policy(spec()) | {"status": {"conditions": [CONDITION | {name: "-"}]}} for name in CONDITION)


CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Fine",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def subjects() -> Iterator[Tree]:
    """List subjects."""
    selector = {"matchLabels": {"app": "web"}}
    parts: list[Tree] = [None, {}, selector, [], "x", {"unknown": 1}]
    yield from (policy(spec(subject=junk)) for junk in JUNK)
    yield from (policy(spec(subject={"namespaces": part})) for part in parts)
    yield from (policy(spec(subject={"pods": part})) for part in parts)
    yield from (
        policy(spec(subject={"namespaces": one, "pods": other}))
        for one in parts[:3]
        for other in [*parts[:3], {"podSelector": {}}]
    )
    for pods, namespaces in itertools.product(parts, parts):
        yield policy(spec(subject={"pods": {"podSelector": pods, "namespaceSelector": namespaces}}))
    yield from (
        policy(spec(subject={"pods": {name: part}})) for name in ("podSelector", "namespaceSelector") for part in parts
    )
    yield from (
        policy(spec(subject={name: {}}))
        for name in ("Namespaces", "namespace", "pod", "podSelector", "namespaceSelector", "nodes")
    )
    yield policy(spec(subject={"namespaces": {}, Again("namespaces"): {}}))


def rules() -> Iterator[Tree]:
    """List rules: action, name, and what is missing or unknown."""
    good: dict[str, Tree] = {"namespaces": {}}
    for direction, far in (("ingress", "from"), ("egress", "to")):
        rule: dict[str, Tree] = {"action": "Accept", far: [good]}
        for action in [*ACTIONS, "Allow", "accept", "deny", "pass", "ACCEPT", "Reject", "Log", "", " Deny", *JUNK]:
            yield policy(spec(**{direction: [rule | {"action": action}]}))
        for name in ["web", "", "any text: é", "x" * 100, "x" * 101, "é" * 100, "é" * 101, "日" * 50, *JUNK]:
            yield policy(spec(**{direction: [rule | {"name": name}]}))
        for junk in JUNK:
            yield policy(spec(**{direction: junk}))
            yield policy(spec(**{direction: [junk]}))
            yield policy(spec(**{direction: [rule | {far: junk}]}))
            yield policy(spec(**{direction: [rule | {"protocols": junk}]}))
        yield policy(spec(**{direction: [{far: [good]}]}))
        yield policy(spec(**{direction: [{"action": "Deny"}]}))
        yield policy(spec(**{direction: [{"action": "Deny", "to" if far == "from" else "from": [good]}]}))
        yield policy(spec(**{direction: [rule | {"name": "a"}, rule | {"name": "a"}]}))
        yield policy(spec(**{direction: [rule, {}, rule | {"action": "x"}, None]}))
        for name in ("Action", "ports", "priority", "log", "protocol", "From", "peers"):
            yield policy(spec(**{direction: [rule | {name: []}]}))


def peers() -> Iterator[Tree]:
    """List peers of both directions: each field alone, each pair, odd ones."""
    parts: dict[str, Tree] = {
        "namespaces": {},
        "pods": {"podSelector": {}},
        "networks": ["10.0.0.0/8"],
        "nodes": {},
        "domainNames": ["example.com"],
    }
    for make in (ingress, egress):
        for name, part in parts.items():
            yield make({name: part})
            yield make({name: None})
            yield make({name: part, "unknown": 1})
            yield make({name: part}, {}, {name: None}, {name: part})
            yield from (make({name: junk}) for junk in JUNK)
        for one, other in itertools.combinations(parts, 2):
            yield make({one: parts[one], other: parts[other]})
            yield make({one: parts[one], other: None})
        yield make(parts)
        yield from (make(junk) for junk in JUNK)
        for name in (
            "Namespaces",
            "namespaceSelector",
            "podSelector",
            "ipBlock",
            "network",
            "node",
            "domainnames",
            "externalNetworks",
        ):
            yield make({name: {}})
        for pods, namespaces in itertools.product(each(None, {}, {"matchLabels": {"a": "b"}}, [], "x"), repeat=2):
            yield make({"pods": {"podSelector": pods, "namespaceSelector": namespaces}})
        yield from (make({"pods": {name: {}}}) for name in ("podSelector", "namespaceSelector", "unknown"))


def networks() -> Iterator[Tree]:
    """List networks: each CIDR alone, and repeated ones."""
    yield from (egress({"networks": [cidr]}) for cidr in [*GOOD_CIDRS, *ODD_CIDRS, *BAD_CIDRS])
    for pair in (
        ["10.0.0.0/8"] * 2,
        ["10.0.0.0/8", "10.0.0.1/8"],
        ["2001:db8::/32", "2001:DB8::/32"],
        ["x", "x"],
        ["x", "y"],
        ["10.0.0.0/8", None],
    ):
        yield egress({"networks": pair})
    yield egress({"networks": ["10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8"]})
    yield egress(
        {"networks": ["10.0.0.0/8" + " " * 33]},
        {"networks": ["10.0.0.0/8" + " " * 34]},
        {"networks": ["é" * 43]},
        {"networks": ["é" * 44]},
    )
    yield egress(
        {"networks": ["2001:0db8:0000:0000:0000:0000:0000:0001/128"]},
        {"networks": ["2001:0db8:0000:0000:0000:0000:0000:0001/0128"]},
    )


def domains() -> Iterator[Tree]:
    """List domain names: each alone, repeated ones, and with every action and tier."""
    yield from (egress({"domainNames": [name]}) for name in [*GOOD_DOMAINS, *BAD_DOMAINS])
    for names in (["a.b", "a.b"], ["a.b", "A.b"], ["a.b", "x"], ["x", "x"], ["a.b", None], ["a.b", "a.b."]):
        yield egress({"domainNames": names})
    for tier, action in itertools.product(("Admin", "Baseline"), ACTIONS):
        yield policy(spec(tier=tier, egress=[{"action": action, "to": [{"domainNames": ["a.b"]}]}]))


def protocols() -> Iterator[Tree]:
    """List protocol items of both directions."""
    makers = itertools.cycle((ingress, egress))
    for item, make in zip(protocol_items(), makers, strict=False):
        yield make({"namespaces": {}}, protocols=[item])


def protocol_items() -> Iterator[Tree]:
    """List protocol items: each kind with each port and range, pairs, odd ones."""
    yield from JUNK
    for kind in ("tcp", "udp", "sctp"):
        yield from ({kind: junk} for junk in JUNK)
        yield from ({kind: {"destinationPort": junk}} for junk in JUNK)
        yield {kind: {"destinationPort": {"number": 80}}}
        yield {kind: {"destinationPort": {"number": 80, "range": {"start": 1, "end": 2}}}}
        yield {kind: {"destinationPort": {"number": None, "range": {"start": 1, "end": 2}}}}
        yield from (
            {kind: {name: {"number": 80}}} for name in ("destinationport", "port", "DestinationPort", "sourcePort")
        )
    yield from ({"tcp": {"destinationPort": {"number": port}}} for port in [1, 80, 65535, 80.0, None, *BAD_PORTS])
    yield from ({"udp": {"destinationPort": {"range": junk}}} for junk in JUNK)
    numbers: list[Tree] = [None, 0, 1, 80, 81, 65535, 65536, "80"]
    for start, end in itertools.product(numbers, numbers):
        yield {"tcp": {"destinationPort": {"range": {"start": start, "end": end}}}}
    yield from ({"sctp": {"destinationPort": {"range": {name: 80}}}} for name in ("start", "end", "from", "Start"))
    for name in ["http", "", "HTTP", "a b", "80", "x" * 300, *JUNK]:
        yield {"destinationNamedPort": name}
    for one, other in itertools.combinations(("tcp", "udp", "sctp", "destinationNamedPort"), 2):
        port = {"destinationPort": {"number": 80}}
        yield {one: port, other: "http" if other == "destinationNamedPort" else port}
        yield {one: port, other: None}
    yield from ({name: {"destinationPort": {"number": 80}}} for name in ("TCP", "Tcp", "icmp", "protocol", "namedPort"))


def named_ports() -> Iterator[Tree]:
    """List rules with a named port beside each kind of peer, alone and among others."""
    outside: list[Tree] = [{"networks": ["10.0.0.0/8"]}, {"nodes": {}}, {"domainNames": ["a.b"]}]
    named, number = {"destinationNamedPort": "http"}, {"tcp": {"destinationPort": {"number": 80}}}
    for peer in [
        *outside,
        {"namespaces": {}},
        {"pods": {"podSelector": {}}},
        {},
        {"networks": None},
        {"networks": ["x"]},
    ]:
        for items in (
            [named],
            [number],
            [number, named],
            [{"destinationNamedPort": ""}],
            [{"destinationNamedPort": None}],
            [{}, named],
        ):
            yield egress(peer, protocols=items)
        yield egress({"namespaces": {}}, peer, protocols=[named])
    yield egress(*outside, protocols=[named])
    yield policy(spec(priority=1001, egress=[{"action": "Accept", "to": outside, "protocols": [named]}]))
    yield policy(spec(priority="x", egress=[{"action": "Accept", "to": outside, "protocols": [named]}]))
    yield policy(spec(tier="x", egress=[{"action": "Accept", "to": outside, "protocols": [named]}]))
    yield policy(spec(egress=[{"action": "Accept", "to": outside, "protocols": [named]}] * 2))
    yield policy(spec(egress=[{"action": "x", "to": outside, "protocols": [named]}]))


def placed_selectors() -> Iterator[Tree]:
    """Put every third selector in one of the places where a selector may stand, in turn."""
    for number, selector in enumerate(itertools.islice(selectors(), 0, None, 3)):
        yield (
            policy(spec(subject={"namespaces": selector})),
            policy(spec(subject={"pods": {"podSelector": selector}})),
            ingress({"namespaces": selector}),
            egress({"pods": {"podSelector": {}, "namespaceSelector": selector}}),
            egress({"nodes": selector}),
        )[number % 5]


def limits() -> Iterator[Tree]:
    """List everything that has a limit at its limit and one beyond: rules, peers, protocols, networks, names."""
    good: dict[str, Tree] = {"namespaces": {}}
    port = {"tcp": {"destinationPort": {"number": 80}}}
    for count in (25, 26):
        yield policy(spec(ingress=[{"action": "Deny", "from": [good]}] * count))
        yield policy(spec(egress=[{"action": "Deny", "to": [good]}] * count))
        yield ingress(*[good] * count)
        yield egress(*[good] * count)
        yield ingress(good, protocols=[port] * count)
        yield egress(good, protocols=[port] * count)
        yield egress({"networks": [f"10.{number}.0.0/16" for number in range(count)]})
        yield egress({"domainNames": [f"x{number}.example.com" for number in range(count)]})
    yield egress({"networks": ["10.0.0.0/8"] * 26})
    yield egress({"networks": ["x"] * 26})
    yield egress(*[{}] * 26)
    yield policy(spec(egress=[{}] * 26))


def shapes(channel: str) -> list[Tree]:
    """Give small policies that together have every field there is in a channel."""
    pods = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
    }
    ports: list[Tree] = [
        {"tcp": {"destinationPort": {"number": 80}}},
        {"udp": {"destinationPort": {"range": {"start": 1, "end": 9}}}},
    ]
    outside: list[Tree] = [{"networks": ["10.0.0.0/8"]}]
    if channel == "experimental":
        outside += [{"nodes": {"matchLabels": {"a": "b"}}}, {"domainNames": ["example.com"]}]
    return [
        policy(spec(subject={"pods": pods})),
        policy(
            spec(
                ingress=[
                    {
                        "name": "in",
                        "action": "Pass",
                        "from": [{"pods": {"podSelector": {}}}],
                        "protocols": [{"destinationNamedPort": "http"}],
                    }
                ]
            )
        ),
        policy(spec(egress=[{"action": "Accept", "to": outside}])),
        policy(spec(egress=[{"action": "Accept", "to": [{"namespaces": {}}], "protocols": ports}])),
    ]
