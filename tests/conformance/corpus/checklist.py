"""NetworkPolicy manifests for the checklist of rules that the API server enforces; a row's id is the theme.

Each row has the manifests that show its rule from both sides: what passes and what does not.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.corpus.networkpolicy import policy, rule
from tests.conformance.corpus.selectors import requirement
from tests.conformance.corpus.text import Again, Raw, Tree
from tests.conformance.corpus.values import LONG_SUBDOMAIN

POD: dict[str, Tree] = {"podSelector": {}}
SELECTOR: dict[str, Tree] = {"podSelector": {"matchLabels": {"app": "web"}}}


def network_policy_rows() -> dict[str, Iterator[Tree]]:
    """Give the manifests of the rows about NetworkPolicy."""
    rows = defaults() | names() | selectors() | ports() | peers() | addresses()
    return {row: iter(trees) for row, trees in rows.items()}


def metadata(part: Tree) -> Tree:
    """Make a good policy with some metadata."""
    return policy(POD) | {"metadata": {"name": "policy"} | part}


def ingress_port(**parts: Tree) -> Tree:
    """Make a policy with one ingress port item; `end` stands for endPort."""
    return policy(rule("ingress", ports=[{{"end": "endPort"}.get(name, name): value for name, value in parts.items()}]))


def block(cidr: Tree, *excepts: Tree) -> Tree:
    """Make a policy with one ipBlock in an egress rule."""
    return policy(rule("egress", peers=[{"ipBlock": {"cidr": cidr} | ({"except": list(excepts)} if excepts else {})}]))


def expression(*parts: Tree) -> Tree:
    """Make a policy whose podSelector has one expression of key, operator, values."""
    return policy({"podSelector": {"matchExpressions": [requirement(*parts)]}})


def defaults() -> dict[str, list[Tree]]:
    """Give rows D: what is filled in."""
    some: Tree = [{"ports": [{"port": 80}]}]
    return {
        "D01": [policy(POD), policy(POD | {"ingress": some})],
        "D02": [policy(POD | {"egress": some}), policy(POD | {"ingress": some, "egress": some})],
        "D03": [policy(POD | {"policyTypes": []}), policy(POD | {"policyTypes": [], "egress": some})],
        "D04": [policy(POD | {"egress": []}), policy(POD | {"egress": None})],
        "D05": [policy(POD | {"egress": [{}]}), policy(POD | {"egress": [None]})],
        "D06": [policy(SELECTOR | {"egress": [{"to": [POD]}]})],
        "D07": [policy(POD | {"policyTypes": ["Egress"], "ingress": some})],
        "D08": [policy(POD | {"policyTypes": ["Ingress"], "egress": some})],
        "D09": [policy(POD | {"policyTypes": ["Egress", "Ingress"]})],
        "D10": [policy(rule(way, ports=[{"port": 80}])) for way in ("ingress", "egress")],
        "D11": [policy(rule(way, ports=[{}])) for way in ("ingress", "egress")],
        "D12": [ingress_port(protocol="", port=80)],
        "D13": [ingress_port(protocol=None, port=80), ingress_port(protocol=Raw(""), port=80)],
        "D14": [{name: part for name, part in policy({}).items() if name != "spec"}, policy(None), policy({})],
        "D15": [policy({"policyTypes": ["Ingress"]}), policy({"podSelector": None}), policy(POD)],
        "D17": [metadata({"namespace": "shop"})],
        "D19": [
            policy({"ingress": [{"from": [], "ports": []}], "egress": [{"to": [], "ports": []}]}),
            block("10.0.0.0/8"),
            ingress_port(port=80),
        ],
    }


def names() -> dict[str, list[Tree]]:
    """Give rows M: metadata."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    }
    bare = policy(POD)
    return {
        "M01": [bare | {"metadata": {}}, bare | {"metadata": {"generateName": "np-"}}],
        "M02": [metadata({"name": name}) for name in ("a.b", "allow.dns.v1", "a..b")],
        "M03": [metadata({"name": LONG_SUBDOMAIN}), metadata({"name": LONG_SUBDOMAIN + "e"})],
        "M04": [metadata({"name": name}) for name in ("Web", "a_b", "-a", "a-", ".a", "a.", "a..b")],
        "M05": [bare | {"metadata": {"generateName": name}} for name in ("np-", "np--", "-np-")],
        "M06": [bare | {"metadata": {"generateName": "n" * count}} for count in (57, 58, 59, 253, 254)],
        "M07": [metadata({"namespace": name}) for name in ("n" * 63, "n" * 64, "a.b", "A")],
        "M08": [metadata({"labels": {"": "x"}})],
        "M09": [metadata({"labels": {"a/b/c": "x"}})],
        "M10": [metadata({"labels": {key: "x"}}) for key in ("Example.com/a", "example.com/A", "A")],
        "M11": [metadata({"labels": {"k" * count: "x"}}) for count in (63, 64)],
        "M12": [metadata({"labels": {"app": "v" * count}}) for count in (0, 63, 64)],
        "M13": [metadata({"labels": {"app": value}}) for value in ("-a", "_a", ".a", "a-", "a_", "a.")],
        "M14": [metadata({"labels": {"app": value}}) for value in ("é", "a b", "a/b")],
        "M15": [metadata({"annotations": {key: "x"}}) for key in ("Example.COM/a", "EXAMPLE.com/A", "a b")],
        "M17": [
            metadata({"ownerReferences": [owner, owner | {"controller": True}]}),
            metadata({"ownerReferences": [owner | {"controller": True}] * 2}),
        ],
        "M18": [metadata({"finalizers": [name]}) for name in ("example.com/x", "x", "a b")],
        "M19": [metadata({"labels": {"a b": "c d"}, "annotations": {"a b": "c d"}})],
    }


def selectors() -> dict[str, list[Tree]]:
    """Give rows L: label selectors."""
    places = [("ingress", "podSelector"), ("egress", "podSelector"), ("egress", "namespaceSelector")]
    bad = {"matchLabels": {"-": "-"}, "matchExpressions": [requirement("a", "In", [])]}
    return {
        "L01": [expression("app", "In", []), expression("app", "In")],
        "L02": [expression("app", "NotIn", []), expression("app", "NotIn")],
        "L03": [expression("app", "Exists", ["a"]), expression("app", "Exists", [])],
        "L04": [expression("app", "DoesNotExist", ["a"]), expression("app", "DoesNotExist", [])],
        "L05": [expression("app", "Equals", ["a"])],
        "L06": [expression("app", operator, ["1"]) for operator in ("in", "", "Gt", "Lt")],
        "L07": [policy({"podSelector": {"matchExpressions": [{"operator": "Exists"}]}})],
        "L08": [expression("app", "In", ["ok", "-bad"])],
        "L09": [expression("app", "Exists", ["-bad"])],
        "L10": [expression("app", "In", [""]), expression("app", "NotIn", [""])],
        "L11": [
            policy(
                {
                    "podSelector": {
                        "matchExpressions": [requirement("a", "Exists"), requirement("a", "DoesNotExist")] * 2
                    }
                }
            )
        ],
        "L12": [
            policy({"podSelector": {"matchLabels": {"a b": "x"}}}),
            policy({"podSelector": {"matchLabels": {"a": "x y"}}}),
        ],
        "L13": [policy({"podSelector": bad}), *(policy(rule(way, peers=[{name: bad}])) for way, name in places)],
        "L25": [policy({"podSelector": {"matchLabels": {"version": value}}}) for value in (1, True, 1.5, Raw("yes"))],
        "L26": [policy({"podSelector": {"matchLabels": {"a": None}}})],
    }


def ports() -> dict[str, list[Tree]]:
    """Give rows P: ports, endPorts and protocols."""
    return {
        "P01": [ingress_port(protocol=protocol) for protocol in ("TCP", "UDP", "SCTP")],
        "P02": [ingress_port(protocol=protocol) for protocol in ("tcp", "ICMP", "ANY", "SCTPX")],
        "P03": [ingress_port(port=port) for port in (0, -1, 65536)],
        "P04": [ingress_port(port=port) for port in (1, 65535)],
        "P05": [ingress_port(port=port) for port in (2147483648, 80.5, 80.0)],
        "P06": [ingress_port(port="80")],
        "P07": [ingress_port(port="")],
        "P08": [ingress_port(port="p" * count) for count in (15, 16)],
        "P09": [ingress_port(port=port) for port in ("Http", "a_b", "a.b")],
        "P10": [ingress_port(port=port) for port in ("a--b", "-a", "a-")],
        "P11": [ingress_port(port=port) for port in ("a", "8080tcp")],
        "P12": [ingress_port(port=port) for port in ("-A--B_C.D-E-F-G-H", "--")],
        "P13": [ingress_port(end=90)],
        "P14": [ingress_port(port="http", end=90)],
        "P15": [ingress_port(port=80, end=79)],
        "P16": [ingress_port(port=80, end=80)],
        "P17": [ingress_port(port=80, end=65536), ingress_port(port=80, end=0)],
        "P18": [ingress_port(end=70000), ingress_port(end=-1)],
        "P19": [ingress_port(port=0, end=65536), ingress_port(port=70000, end=69999)],
        "P20": [ingress_port(port=80, end="90")],
        "P21": [ingress_port(port=None, protocol="UDP")],
        "P22": [policy(rule("ingress", ports=[{"port": number} for number in range(1, 301)]))],
        "P23": [policy(rule("ingress", ports=[{"port": 80}] * 3))],
        "P24": [policy(rule("egress", ports=[{"port": 0, "endPort": 0, "protocol": "x"}]))],
    }


def peers() -> dict[str, list[Tree]]:
    """Give rows E: peers, policy types, lists and strict fields."""
    selector = {"matchLabels": {"app": "web"}}
    cidr = {"cidr": "10.0.0.0/8"}
    bad: Tree = {"matchLabels": {"-": "-"}}
    return {
        "E01": [policy(rule(way, peers=[{}])) for way in ("ingress", "egress")],
        "E02": [
            policy(rule("ingress", peers=[{"podSelector": None}])),
            policy(rule("ingress", peers=[{"podSelector": Raw("")}])),
        ],
        "E03": [policy(rule("ingress", peers=[{"podSelector": {}}]))],
        "E04": [policy(rule("ingress", peers=[{"namespaceSelector": {}}]))],
        "E05": [policy(rule("ingress", peers=[{"podSelector": selector, "namespaceSelector": selector}]))],
        "E06": [policy(rule("ingress", peers=[{"podSelector": {}, "ipBlock": cidr}]))],
        "E07": [policy(rule("egress", peers=[{"namespaceSelector": bad, "ipBlock": {"cidr": "x"}}]))],
        "E08": [policy(rule("ingress", peers=[{"podSelector": {}, "namespaceSelector": {}, "ipBlock": cidr}]))],
        "E09": [
            policy(POD | {"policyTypes": ["Ingress", "x", "y"]}),
            policy(POD | {"policyTypes": ["Ingress", "Egress", "Egress"]}),
        ],
        "E10": [policy(POD | {"policyTypes": ["Ingress", "Ingress"]})],
        "E11": [policy(POD | {"policyTypes": [name]}) for name in ("ingress", "Both", "")],
        "E12": [
            policy({"ingress": [{"from": [], "ports": []}], "egress": [{"to": [], "ports": []}]}),
            policy({"ingress": [], "egress": []}),
        ],
        "E13": [policy(rule("ingress", peers=[None])), policy(rule("ingress", peers=[Raw("")]))],
        "E14": [policy(POD | {"ingress": [None]}), policy(POD | {"ingress": [Raw("")]})],
        "E15": [everything_wrong()],
        "E16": [policy(POD | {"policytypes": []}), policy(POD | {"a": 1, "b": 2, "ingress": [{"c": 3}]})],
        "E18": [
            policy({"podSelector": {}, Again("podSelector"): {}}),
            policy({"podSelector": {"matchLabels": {"a": "b", Again("a"): "c"}}}),
        ],
        "E19": [policy({"PodSelector": {}}), policy(rule("ingress", ports=[{"port": 80, "endport": 90}]))],
        "E20": [policy(POD) | {"status": {}}],
        "E21": [policy({"podSelector": {"matchLabel": {"app": "web"}}})],
        "E22": [policy({"ingress": [{"form": [POD]}]})],
        "E24": [policy(POD) | {"kind": "Pod"}, policy(POD) | {"apiVersion": "v1"}],
        "E25": [policy(POD) | {"apiVersion": "extensions/v1beta1"}],
        "E26": [
            policy(
                rule(
                    "ingress",
                    peers=[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "nowhere"}}}],
                )
            )
        ],
    }


def everything_wrong() -> Tree:
    """Make a policy with a fault in every part."""
    spec = {
        "policyTypes": ["x"],
        "egress": [{"ports": [{"port": 0}], "to": [{}]}],
        "ingress": [{"from": [{}], "ports": [{"protocol": "x"}]}, {"ports": [{"endPort": 1}]}],
        "podSelector": {"matchLabels": {"-": "x"}},
    }
    return policy(spec) | {"metadata": {"name": "A", "labels": {"-": "x"}}}


def addresses() -> dict[str, list[Tree]]:
    """Give rows I: ipBlocks."""
    return {
        "I01": [policy(rule("egress", peers=[{"ipBlock": {"except": ["x"]}}])), block(""), block("", "x")],
        "I02": [block("10.0.0.1")],
        "I03": [block(cidr) for cidr in ("10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/a")],
        "I04": [block(cidr) for cidr in ("10.0.0.256/32", "10.0.0/24", "10.0.0.0.0/8")],
        "I05": [block(cidr) for cidr in ("fe80::1%eth0/64", " 10.0.0.0/8", "10.0.0.0/8 ")],
        "I06": [block("x", "y", "10.0.0.1/8")],
        "I07": [block("10.0.0.0/8", "x", "10.1.0.0/16", "11.0.0.0/8", "y")],
        "I08": [block("0.0.0.0/0"), block("::/0")],
        "I09": [block("10.0.0.1/32"), block("::1/128"), block("10.0.0.1/32", "10.0.0.1/32")],
        "I10": [block("10.0.0.0/8", "10.0.0.0/8"), block("::/0", "::/0")],
        "I11": [block("10.0.0.0/8", "10.0.0.0/7"), block("10.0.0.0/8", "0.0.0.0/0")],
        "I12": [block("10.0.0.0/8", "11.0.0.0/16")],
        "I13": [block("10.0.0.0/8", "2001:db8::/32"), block("::/0", "10.0.0.0/8")],
        "I14": [block("10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16", "10.1.2.0/24")],
        "I15": [block("10.0.0.0/8", "")],
        "I16": [block("10.0.0.1/8"), block("10.0.0.0/8", "10.1.0.1/16"), block("2001:db8::1/32")],
        "I17": [block("010.0.0.0/8"), block("10.0.0.0/08"), block("10.0.0.0/8", "10.01.0.0/16")],
        "I18": [
            block("::ffff:10.0.0.0/104"),
            block("::/0", "::ffff:10.0.0.0/104"),
            block("10.0.0.0/8", "::ffff:10.1.0.0/112"),
        ],
        "I19": [block("2001:DB8::/32"), block("2001:0db8:0:0:0:0:0:0/32"), block("::/0", "FD00::/8")],
        "I20": [block("2001:db8::/32"), block("192.168.0.0/16")],
        "I21": [block("::ffff:10.0.0.1/104"), block("2001:DB8::1/32"), block("010.0.0.1/8")],
        "I22": [block("::ffff:010.0.0.1/104"), block("010.0.0.1/8")],
        "I23": [block("10.0.0.0/8", "11.0.0.1/16"), block("10.0.0.0/8", "10.0.0.1/8")],
        "I24": [
            block("10.1.2.3/8", "10.1.0.0/16"),
            block("10.1.2.3/8", "10.0.0.0/8"),
            block("10.1.2.3/16", "10.2.0.0/24"),
        ],
    }
