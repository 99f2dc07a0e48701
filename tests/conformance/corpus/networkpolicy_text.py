"""NetworkPolicy manifests that are about the text itself: odd YAML scalars in ports, YAML syntax, JSON bodies."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.corpus.metadata import SCALARS

HEAD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: policy
"""
JSON_HEAD = '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "policy"}, "spec": '
BODY = """\
spec:
  podSelector: {}
"""
RULE = """\
spec:
  podSelector: {}
  ingress:
  - ports:
"""


def scalars() -> Iterator[str]:
    """Put each odd scalar where a port, an endPort, a protocol, a CIDR and a list item are expected."""
    for text in SCALARS:
        yield HEAD + RULE + f"    - port: {text}\n"
        yield HEAD + RULE + f"    - port: 80\n      endPort: {text}\n"
        yield HEAD + RULE + f"    - protocol: {text}\n"
        yield HEAD + BODY + f"  policyTypes:\n    - {text}\n"
        yield HEAD + BODY + f"  egress:\n  - to:\n    - ipBlock:\n        cidr: {text}\n"
    for text in ("10.0.0.0/8", "::/0", "::1/128", "2001:db8::/32", "fd00::/8", "1::/16", "10:20::/32"):
        yield HEAD + BODY + f"  egress:\n  - to:\n    - ipBlock: {{cidr: {text}}}\n"
        yield HEAD + BODY + f"  egress:\n  - to:\n    - ipBlock:\n        cidr: {text}\n"


def syntax() -> Iterator[str]:
    """List documents whose YAML is unusual or broken."""
    good = HEAD + BODY
    yield from (
        good,
        "\n" + good,
        "# comment\n" + good,
        "---\n" + good,
        good + "---\n",
        good + "...\n",
        "%YAML 1.1\n---\n" + good,
    )
    yield from (
        "%YAML 1.2\n---\n" + good,
        "\ufeff" + good,
        good.replace("\n", "\r\n"),
        good.replace("\n", "\r"),
        good.rstrip("\n"),
    )
    yield from (
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "null\n",
        "~\n",
        "[]\n",
        "{}\n",
        "text\n",
        "- a\n",
        "1\n",
        "---\n---\n" + good,
    )
    yield from (
        good + "---\n" + good,
        good + "---\n" + good.replace("name: policy", "name: second"),
        good + good,
        good + HEAD,
    )
    yield from (
        good.replace("  name", "\tname"),
        good.replace("name: policy", "name:\tpolicy"),
        good.replace("  name", " name"),
    )
    yield from (
        good + "\t\n",
        good + "   \n",
        good + "x\n",
        good + "}\n",
        good + "  - a\n",
        good + " bad: indent\n",
        good + "spec\n",
    )
    yield from (
        good.replace("policy\n", "policy # comment\n"),
        good.replace("policy\n", "policy#no\n"),
        good.replace(": {}", ":{}"),
    )
    yield from (
        good.replace("{}", "{"),
        good.replace("{}", "}"),
        good.replace("{}", "[}"),
        good.replace("{}", "{a}"),
        good.replace("{}", "{a: }"),
    )
    yield from (good + f"  ingress: {text}\n" for text in FLOW)
    yield from (HEAD + text for text in ANCHORS)
    yield from (good.replace("policy\n", f"{text}\n") for text in QUOTED)
    yield "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: policy}, spec: {podSelector: {}}}\n"
    yield JSON_HEAD + "{}}\n"
    yield "[" * 50 + "]" * 50 + "\n"
    yield good + "  ingress: " + "[" * 200 + "]" * 200 + "\n"
    yield "kind: NetworkPolicy\n" + good
    yield good.replace("metadata:\n", "metadata:\n  ? name\n  : policy\n")
    yield good.replace("  name: policy\n", "  ? name\n  : policy\n")
    yield good.replace("  name: policy\n", "  ? [name]\n  : policy\n")
    yield good.replace("  name: policy\n", "  {name: x}: policy\n")
    yield good.replace("name: policy", '"name": "policy"')
    yield good.replace("name: policy", "'name': 'policy'")
    yield good.replace("name: policy", "!!str name: !!str policy")
    yield from (
        good.replace("policy\n", f"po{text}licy\n")
        for text in ("\x01", "\x7f", "\u0085", "\u2028", "\ufffe", "\U0001f600", "\ufeff")
    )


FLOW = (
    "[]", "[{}]", "[{},]", "[,]", "[{}", "[{from: [{podSelector: {}}]}]", "[{ports: [{port: 80}]}]",
    "[{ports: [port: 80]}]",
    "[{ports: [{port:80}]}]", '[{ports: [{"port":80}]}]', "[{ports: [{port: 80, port: 81}]}]", "[\n{}\n]",
    "[ # c\n  {} ]",
    "[{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]", "{}", "{from: []}", "[from: []]",
    "[a: b: c]", "!!seq []",
    "!!map {}", "!!set {a, b}", "!!omap []", "!x []", "[{? ports : []}]", "[null, ~, ]",
)  # fmt: skip
LABELLED = "spec:\n  podSelector: &p {matchLabels: {a: b}}\n  ingress:\n  - from:\n    - podSelector:"
ANCHORS = (
    "spec: &s\n  podSelector: {}\n", "spec: *s\n",
    "spec:\n  podSelector: &p {}\n  ingress:\n  - from:\n    - podSelector: *p\n",
    LABELLED + " *p\n    - namespaceSelector: *p\n",
    LABELLED + "\n        <<: *p\n",
    LABELLED + "\n        <<: *p\n        matchLabels: {c: d}\n",
    LABELLED + "\n        matchLabels: {c: d}\n        <<: *p\n",
    LABELLED + " {<<: [*p, *p]}\n",
    "spec:\n  podSelector: {<<: text}\n", "spec:\n  podSelector: {<<: [text]}\n",
    "spec:\n  podSelector: {<<: {}}\n", "spec:\n  podSelector: {'<<': {}}\n",
    "spec:\n  podSelector: &p\n    matchLabels: *p\n", "spec:\n  ingress: &i\n  - from: []\n  egress: *i\n",
    "spec: &s {podSelector: {}, podSelector: {}}\n",
)  # fmt: skip
QUOTED = (
    "'policy'", '"policy"', "''", '""', '"pol\\\n  icy"', '"pol\\x69cy"', '"pol\\qicy"', "'pol\n  icy'",
    "pol\n  icy", "|\n    policy", "|-\n    policy",
    ">\n    policy", ">-\n    policy", "|2\n    policy", "|9\n  policy", "policy: x", "policy:", ":policy",
    "-policy", "- policy", "?policy", "? policy", "@policy",
    "`policy`", "%policy", "&a policy", "*policy", "!policy", "! policy", "!!str policy", "!!int policy", "#policy",
    "policy\\", '"policy', "'policy", '"policy" x',
)  # fmt: skip


def json_bodies() -> Iterator[str]:
    """List JSON bodies: numbers as only JSON writes them, doubled keys, odd and broken texts."""
    head = JSON_HEAD
    for text in ("80", "80.0", "8e1", "8E1", "80e0", "800e-1", "80.5", "-0", "-0.0", "1e2", "1e9", "1e10", "0.0",
    "65535.0", "080", "+80", "0x50", "1e400",
                 "9223372036854775808", "1e-400", '"80"', '"http"', "null", "true", "[]", "{}", "NaN", "Infinity",
                 "'80'", "80 ", "8 0", ""):  # fmt: skip
        yield head + '{"podSelector": {}, "ingress": [{"ports": [{"port": ' + text + "}]}]}}"
        yield head + '{"podSelector": {}, "ingress": [{"ports": [{"port": 1, "endPort": ' + text + "}]}]}}"
    good = head + '{"podSelector": {}}}'
    yield from (
        good,
        good + "\n",
        " " + good,
        "\ufeff" + good,
        good + good,
        good + "x",
        good[:-1],
        good + "}",
        good.replace("}}", ",}}"),
    )
    yield from (
        "",
        " ",
        "null",
        "[]",
        "{}",
        '"text"',
        "1",
        "true",
        "[" + good + "]",
        good.replace('"', "'"),
        "// c\n" + good,
        good + " // c",
    )
    yield from (head + text + "}" for text in JSON_SPECS)


JSON_SPECS = (
    "null", "[]", "{}", '""', '{"podSelector": null}', '{"podSelector": {}, "podSelector": {}}',
    '{"podSelector": {"matchLabels": {"a": "b", "a": "c"}}}',
    '{"podSelector": {}, "podselector": {}}', '{"PodSelector": {}}', '{"podSelector": {}, "ingress": [null]}',
    '{"podSelector": {}, "ingress": [{"from": [null]}]}',
    '{"podSelector": {"matchLabels": {"a": null}}}', '{"podSelector": {"matchLabels": {"a": 1}}}',
    '{"podSelector": {"matchLabels": {"\\u0061": "\\u0062"}}}',
    '{"podSelector": {"matchLabels": {"a": "\\ud83d"}}}',
    '{"podSelector": {"matchLabels": {"a": "\\ud83d\\ude00"}}}', '{"podSelector": {"matchLabels": {"a": "\\x"}}}',
    '{"podSelector": {"matchLabels": {"a": "b\tc"}}}', '{"podSelector": {"matchLabels": {"a": "\\u0000"}}}',
    '{"": {}}', '{"podSelector": {}, "": 1}',
    '{"podSelector": {}, "x": ' + "[" * 60 + "]" * 60 + "}",
    '{"podSelector": {}, "ingress": ' + '[{"from":' * 30 + "[]" + "}]" * 30 + "}",
)  # fmt: skip
