"""Rules about the metadata of a policy: names, labels, annotations, owners, finalizers."""

from __future__ import annotations

from podfence.manifests.manual.rule import Rule, cluster_network_policy, error, network_policy, warning

_ALL = "podSelector: {}"
_OWNER = """\
name: web
ownerReferences:
- apiVersion: apps/v1
  kind: Deployment
  name: web
{uid}"""
_UID = "  uid: 2f1f7a0e-6c07-4d8e-a9a5-0d5a4b8f3c11"
_TWICE = """
- apiVersion: apps/v1
  kind: Deployment
  name: web
  uid: 2f1f7a0e-6c07-4d8e-a9a5-0d5a4b8f3c11"""

RULES: tuple[Rule, ...] = (
    error(
        "PF010",
        "metadata-name",
        what="The name is missing, or is no lower-case DNS name: letters, digits, `-` and `.`, at most 253 bytes, a "
        "letter or digit at both ends of each part.",
        why="The API server refuses the object. `generateName` follows the same rule, except that it may end in `-`.",
        example=network_policy(_ALL, "name: Web_Policy"),
        fix=network_policy(_ALL, "name: web-policy"),
    ),
    error(
        "PF011",
        "metadata-namespace",
        what="The namespace is no DNS label: lower-case letters, digits and inner dashes, at most 63 bytes, no dots.",
        why="No namespace can have such a name, so the object cannot be created anywhere.",
        example=network_policy(_ALL, "name: web\nnamespace: shop.eu"),
        fix=network_policy(_ALL, "name: web\nnamespace: shop-eu"),
    ),
    error(
        "PF012",
        "metadata-labels",
        what="A label of the object has a key or value that labels may not have.",
        why="The API server refuses the object. A key is an optional DNS prefix with `/` and a name of at most 63 "
        "bytes; a value is empty or at most 63 bytes of letters, digits, `-`, `_`, `.`, "
        "with a letter or digit at both ends.",
        example=network_policy(_ALL, 'name: web\nlabels:\n  team: "shop & cart"'),
        fix=network_policy(_ALL, "name: web\nlabels:\n  team: shop-and-cart"),
    ),
    error(
        "PF013",
        "metadata-annotations",
        what="An annotation has a key that is no qualified name, or all annotations together exceed 256 KiB.",
        why="The API server refuses the object. Values are free text, keys follow the rules of label keys in any case.",
        example=network_policy(_ALL, "name: web\nannotations:\n  owned by: shop"),
        fix=network_policy(_ALL, "name: web\nannotations:\n  owned-by: shop"),
    ),
    error(
        "PF014",
        "metadata-owners",
        what="An owner reference lacks apiVersion, kind, name or uid, or two of them claim to be the controller.",
        why="The API server refuses the object: the garbage collector could not tell when to remove it.",
        example=network_policy(_ALL, _OWNER.format(uid="")),
        fix=network_policy(_ALL, _OWNER.format(uid=_UID)),
    ),
    error(
        "PF015",
        "metadata-finalizers",
        what="A finalizer has a name that is not qualified by a domain, or is no name at all.",
        why="The API server refuses the object: nobody would know who has to remove the finalizer.",
        example=network_policy(_ALL, "name: web\nfinalizers: [cleanup]"),
        fix=network_policy(_ALL, "name: web\nfinalizers: [example.com/cleanup]"),
    ),
    warning(
        "PF094",
        "owner-repeated",
        what="The same owner reference is given twice.",
        why="The API server keeps one of them and warns that it may refuse such objects one day.",
        example=network_policy(_ALL, _OWNER.format(uid=_UID) + _TWICE),
        fix=network_policy(_ALL, _OWNER.format(uid=_UID)),
    ),
    warning(
        "PF093",
        "finalizer-unqualified",
        what="A finalizer of a cluster-scoped policy is not qualified by a domain.",
        why="The API server accepts it with a warning: two controllers may choose the same bare name and then remove "
        "each other's finalizer.",
        example=cluster_network_policy("", "name: guard\nfinalizers: [cleanup]"),
        fix=cluster_network_policy("", "name: guard\nfinalizers: [example.com/cleanup]"),
    ),
)
