"""Rules about the spec of a NetworkPolicy: selectors, ports, peers, blocks of addresses, policyTypes."""

from __future__ import annotations

from podfence.manifests.manual.rule import Rule, error, network_policy, warning

_HEAD = "podSelector: {}\n"


def _selector(expression: str) -> str:
    return network_policy(f"podSelector:\n  matchExpressions:\n  - {expression}")


def _ports(port: str) -> str:
    return network_policy(f"{_HEAD}ingress:\n- ports:\n  - {port}")


def _from(peer: str) -> str:
    return network_policy(f"{_HEAD}ingress:\n- from:\n  - {peer}")


def _block(block: str) -> str:
    return _from(f"ipBlock: {block}")


RULES: tuple[Rule, ...] = (
    error(
        "PF020",
        "selector-operator",
        what="An expression of a label selector has an operator other than In, NotIn, Exists and DoesNotExist.",
        why="The API server refuses the policy. Operators are written exactly so: `in`, `Gt` or `Equals` do not exist.",
        example=_selector("{key: app, operator: in, values: [web]}"),
        fix=_selector("{key: app, operator: In, values: [web]}"),
    ),
    error(
        "PF021",
        "selector-values",
        what="In or NotIn without values, or Exists or DoesNotExist with values.",
        why="The API server refuses the policy: the first two compare with values, the other two have nothing to "
        "compare.",
        example=_selector("{key: app, operator: Exists, values: [web]}"),
        fix=_selector("{key: app, operator: In, values: [web]}"),
    ),
    error(
        "PF022",
        "selector-label",
        what="A label selector names a key or value that no label can have.",
        why="The API server refuses the policy. A key is an optional DNS prefix with `/` and a name of at most 63 "
        "bytes; a value is empty or at most 63 bytes of letters, digits, `-`, `_`, `.`, "
        "with a letter or digit at both ends.",
        example=network_policy("podSelector:\n  matchLabels:\n    app: web server"),
        fix=network_policy("podSelector:\n  matchLabels:\n    app: web-server"),
    ),
    error(
        "PF030",
        "protocol",
        what="The protocol is not TCP, UDP or SCTP, written in capitals.",
        why="The API server refuses the policy. There is no protocol for ICMP, and none for all protocols: a rule "
        "without `ports` matches everything.",
        example=_ports("{protocol: tcp, port: 80}"),
        fix=_ports("{protocol: TCP, port: 80}"),
    ),
    error(
        "PF031",
        "port-number",
        what="The port is outside 1 to 65535.",
        why="The API server refuses the policy. To mean every port of a protocol, leave `port` out.",
        example=_ports("port: 0"),
        fix=_ports("protocol: TCP"),
    ),
    error(
        "PF032",
        "port-name",
        what="A port given as text is no port name: at most 15 of a-z, 0-9 and inner dashes, one letter at least.",
        why='The API server refuses the policy. A number in quotes (`"80"`) is a text, too: it must lose its quotes.',
        example=_ports('port: "80"'),
        fix=_ports("port: 80"),
    ),
    error(
        "PF033",
        "end-port",
        what="`endPort` without a numeric `port`, below it, or above 65535.",
        why="The API server refuses the policy: a range needs two numbers, the smaller one in `port`.",
        example=_ports("{port: 8080, endPort: 8000}"),
        fix=_ports("{port: 8000, endPort: 8080}"),
    ),
    error(
        "PF040",
        "peer-empty",
        what="A peer says nothing: no podSelector, no namespaceSelector, no ipBlock.",
        why="The API server refuses the policy. Everybody is expressed by leaving `from` or `to` out, every pod of the "
        "namespace by `podSelector: {}`, every pod of the cluster by `namespaceSelector: {}`.",
        example=_from("{}"),
        fix=_from("namespaceSelector: {}"),
    ),
    error(
        "PF041",
        "peer-mixed",
        what="A peer has an ipBlock together with a selector.",
        why="The API server refuses the policy: a peer is either addresses or pods. For both, write two peers.",
        example=_from("ipBlock:\n      cidr: 10.0.0.0/8\n    podSelector: {}"),
        fix=_from("ipBlock:\n      cidr: 10.0.0.0/8\n  - podSelector: {}"),
    ),
    error(
        "PF042",
        "cidr-missing",
        what="An ipBlock has no `cidr`.",
        why="The API server refuses the policy. `except` alone means nothing: it takes addresses out of `cidr`.",
        example=_block("{except: [10.1.0.0/16]}"),
        fix=_block("{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}"),
    ),
    error(
        "PF043",
        "cidr-unreadable",
        what="The text is no CIDR: an address, a slash and the length of the prefix.",
        why="The API server refuses the policy. A single address needs its prefix, too: /32 for IPv4, /128 for IPv6.",
        example=_block("{cidr: 10.0.0.7}"),
        fix=_block("{cidr: 10.0.0.7/32}"),
    ),
    error(
        "PF044",
        "cidr-ambiguous",
        what="The CIDR can be read in two ways: bits beyond the prefix, leading zeros, or IPv4 dressed as IPv6.",
        why="Kubernetes refuses such text since 1.36 (before, it warned), because others read it differently: a "
        "leading zero means octal to some, and 10.0.0.5/8 is a host to one and a network to the other.",
        example=_block("{cidr: 10.0.0.5/8}"),
        fix=_block("{cidr: 10.0.0.0/8}"),
    ),
    error(
        "PF045",
        "except-outside",
        what="An `except` does not lie inside `cidr`, or is as large as `cidr`.",
        why="The API server refuses the policy: only a smaller block of the same address family can be taken out.",
        example=_block("{cidr: 10.0.0.0/8, except: [192.168.0.0/16]}"),
        fix=_block("{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}"),
    ),
    error(
        "PF050",
        "policy-types",
        what="`policyTypes` holds something other than Ingress and Egress, or more than two entries.",
        why="The API server refuses the policy. The names are written with a capital.",
        example=network_policy(f"{_HEAD}policyTypes: [ingress]"),
        fix=network_policy(f"{_HEAD}policyTypes: [Ingress]"),
    ),
    warning(
        "PF090",
        "cidr-host-bits",
        what="A CIDR has bits set beyond its prefix.",
        why="Servers before 1.36 accept it with a warning and mask the bits off, later ones refuse it. Write the "
        "network, or the single address.",
        example=_block("{cidr: 10.0.0.5/8}"),
        fix=_block("{cidr: 10.0.0.0/8}"),
        kubernetes_version="1.35",
    ),
    warning(
        "PF091",
        "cidr-non-standard",
        what="A CIDR has leading zeros, or is IPv4 dressed as IPv6.",
        why="Servers before 1.36 accept it with a warning, later ones refuse it, and other software may read another "
        "address.",
        example=_block("{cidr: 010.0.0.0/8}"),
        fix=_block("{cidr: 10.0.0.0/8}"),
        kubernetes_version="1.35",
    ),
    warning(
        "PF092",
        "cidr-not-canonical",
        what="An IPv6 CIDR is not written in its shortest form (RFC 5952: lower case, zeros compressed).",
        why="The API server accepts it with a warning. Text that compares addresses will not find it.",
        example=_block('{cidr: "2001:DB8:0:0::/32"}'),
        fix=_block('{cidr: "2001:db8::/32"}'),
    ),
)
