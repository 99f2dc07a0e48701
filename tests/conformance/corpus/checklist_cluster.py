"""Manifests of the cluster-scoped kinds for the checklist of rules that the API server enforces."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.corpus import adminpolicy, clusterpolicy
from tests.conformance.corpus.text import Tree, each

POD: dict[str, Tree] = {"podSelector": {}}


def cluster_policy_rows() -> dict[str, Iterator[Tree]]:
    """Give the manifests of the rows about ClusterNetworkPolicy."""
    return {row: iter(trees) for row, trees in (cluster_rows() | domain_rows()).items()}


def admin_policy_rows(kind: str) -> dict[str, Iterator[Tree]]:
    """Give the manifests of the rows about AdminNetworkPolicy or BaselineAdminNetworkPolicy."""
    make = adminpolicy.Maker(kind)
    good: dict[str, Tree] = {"namespaces": {}}
    rows: dict[str, list[Tree]] = {
        "C07": [
            make.policy(make.spec(subject={"pods": pods}))
            for pods in each(POD, {"namespaceSelector": {}}, adminpolicy.PODS)
        ],
        "C12": [make.rule("ingress", good, action=action) for action in ("Allow", "Accept")],
        "C13": [make.rule("egress", good, action="Pass")],
        "C28": [make.rule("ingress", good, ports=[{"portRange": {"start": 90, "end": end}}]) for end in (80, 90, 100)],
        "C29": [
            make.rule("ingress", good, ports=[{"portNumber": item}])
            for item in ({"port": 80}, {"port": 80, "protocol": "x"})
        ],
        "C30": [
            make.rule("ingress", good, ports=[item])
            for item in ({}, {"namedPort": "a"}, {"namedPort": "a", "portNumber": {"port": 1}})
        ],
        "C35": [make.policy(make.spec()) | {"metadata": {"name": name}} for name in ("default", "other")],
        "F13": [make.rule("egress", {"domainNames": ["example.com"]})],
    }
    return {row: iter(trees) for row, trees in rows.items()}


def cluster_rows() -> dict[str, list[Tree]]:
    """Give rows C that speak of v1alpha2."""
    spec, make, egress, ingress = clusterpolicy.spec, clusterpolicy.policy, clusterpolicy.egress, clusterpolicy.ingress
    good: dict[str, Tree] = {"namespaces": {}}
    rule: dict[str, Tree] = {"action": "Accept", "from": [good]}

    def tcp(port: Tree) -> Tree:
        return ingress(good, protocols=[{"tcp": {"destinationPort": port}}])

    named = [{"destinationNamedPort": "http"}]
    return {
        "C01": [make(spec(tier=tier)) for tier in ("Admin", "Baseline", "admin")]
        + [make({"priority": 1, "subject": good})],
        "C02": [make(spec(priority=number)) for number in (0, 1000, -1, 1001)]
        + [make({"tier": "Admin", "subject": good})],
        "C03": [make(spec(subject=subject)) for subject in ({}, good | {"pods": POD})],
        "C04": [make(spec(subject=good))],
        "C05": [make(spec(subject={"pods": {"namespaceSelector": {}}}))],
        "C06": [make(spec(subject={"pods": POD}))],
        "C08": [make(spec(ingress=[rule] * count)) for count in (25, 26)],
        "C09": [ingress(*[good] * count) for count in (0, 25, 26)] + [make(spec(ingress=[{"action": "Deny"}]))],
        "C10": [ingress(good, protocols=items) for items in each([], None)] + [ingress(good)],
        "C11": [ingress(good, name="x" * count) for count in (100, 101)]
        + [make(spec(ingress=[rule | {"name": "a"}] * 2))],
        "C12": [ingress(good, action=action) for action in ("Accept", "Allow")],
        "C14": [make(spec(tier="Baseline", ingress=[rule | {"action": "Pass"}]))],
        "C15": [ingress({}), ingress(good | {"pods": POD}), egress({"networks": ["::/0"], "namespaces": {}})],
        "C16": [
            ingress({"namespaces": None}),
            egress({"networks": None}),
            egress({"namespaces": None, "networks": ["::/0"]}),
        ],
        "C17": [egress({"nodes": {}}), egress({"domainNames": ["a.b"]}), egress({"nodes": {}}, good)],
        "C18": [
            ingress({name: part}) for name, part in (("networks", ["::/0"]), ("nodes", {}), ("domainNames", ["a.b"]))
        ],
        "C19": [egress({"networks": found}) for found in ([], [f"10.{n}.0.0/16" for n in range(26)], ["::/0", "::/0"])],
        "C20": [egress({"networks": [cidr]}) for cidr in ("10.0.0.5/8", "2001:db8::1/32")],
        "C21": [
            egress({"networks": [cidr]})
            for cidr in ("010.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.1", "1:" * 22 + ":/64")
        ],
        "C22": [egress({"networks": ["2001:db8::/32", "2001:DB8::/32"]})],
        "C23": [
            ingress(good, protocols=[item])
            for item in ({}, {"tcp": {"destinationPort": {"number": 1}}, "udp": {"destinationPort": {"number": 1}}})
        ],
        "C24": [ingress(good, protocols=[{"tcp": {}}])],
        "C25": [tcp({}), tcp({"number": 80, "range": {"start": 1, "end": 2}})],
        "C26": [tcp({"number": number}) for number in (0, 1, 65535, 65536)],
        "C27": [
            tcp({"range": part})
            for part in (
                {"start": 1, "end": 2},
                {"start": 2, "end": 2},
                {"start": 3, "end": 2},
                {"start": 1},
                {"end": 1},
            )
        ],
        "C31": [
            egress(peer, protocols=named)
            for peer in each({"networks": ["::/0"]}, {"nodes": {}}, {"domainNames": ["a.b"]}, good)
        ],
        "C32": [egress(good, {"networks": ["::/0"]}, {"pods": POD}, protocols=named)],
        "C33": [ingress(good, protocols=[{"destinationNamedPort": name}]) for name in ("", "NOT A NAME", "80")],
        "C34": [make(spec(subject={"namespaces": {"matchExpressions": [{"key": "-", "operator": "Gt"}]}}))],
        "C36": [make(spec()), make(spec(ingress=[], egress=[]))],
        "C37": [make(spec()) | {"status": status} for status in each({}, {"conditions": []})],
        "C38": [make(spec()) | {"metadata": {"name": "policy", "namespace": name}} for name in ("default", "A.B")],
    }


def domain_rows() -> dict[str, list[Tree]]:
    """Give rows F: domain names."""
    names: dict[str, list[str]] = {
        "F01": ["example.com"],
        "F02": ["*.example.com"],
        "F04": ["a*.example.com", "www.*.com"],
        "F05": ["**.example.com"],
        "F06": ["com", "*", "*.com"],
        "F07": ["example.com."],
        "F08": ["EXAMPLE.com"],
        "F09": ["1.2.3.4"],
    }
    rows: dict[str, list[Tree]] = {
        row: [clusterpolicy.egress({"domainNames": [name]}) for name in found] for row, found in names.items()
    }
    lists: list[Tree] = [[], ["a.b", "a.b"], [f"x{number}.b" for number in range(26)]]
    rows["F10"] = [clusterpolicy.egress({"domainNames": found}) for found in lists]
    rows["F11"] = [clusterpolicy.egress({"domainNames": ["a.b"]}, action=action) for action in ("Deny", "Pass")]
    rows["F12"] = [clusterpolicy.policy(clusterpolicy.egress({"domainNames": ["a.b"]})["spec"] | {"tier": "Baseline"})]
    return rows
