"""All rules, whoever applies them, found by id or by name."""

from __future__ import annotations

import difflib

from podfence.lint.manual import addresses, callers, dns, effect, isolation, mesh, ports, selectors, suppression, tiers
from podfence.manifests.manual.catalogue import RULES as ADMISSION_RULES
from podfence.manifests.manual.rule import Rule, error, network_policy, warning

_ONE = network_policy("podSelector: {}\npolicyTypes: [Ingress]", "name: web\nnamespace: shop")
_OTHER = network_policy("podSelector: {}\npolicyTypes: [Egress]", "name: web\nnamespace: shop")

OBJECT_TWICE = warning(
    "PF214",
    "object-twice",
    what="Two objects of the input have the same kind, namespace and name.",
    why="They are one object to the cluster: the last that is applied replaces the others, so all but one have no "
    "effect. Which is last depends on the order of the files.",
    example=f"{_ONE}---\n{_OTHER}",
    fix=f"{_ONE}---\n{_OTHER.replace('name: web', 'name: web-egress')}",
)

NOT_ENFORCED = error(
    "PF300",
    "not-enforced",
    what="A node does not do what NetworkPolicies say: connections that a policy denies are made all the same, or "
    "connections that it allows are not. Found by `podfence probe`, with real connections.",
    why="The API server accepts policies whether or not anything enforces them. A network plugin that knows no "
    "NetworkPolicy, an agent that does not run on the node, or one that is stuck, leaves every policy without effect, "
    "and nothing in the policies shows it.",
    example=network_policy("podSelector: {}\npolicyTypes: [Ingress, Egress]", "name: deny-all\nnamespace: shop"),
    fix="""\
# The policy stays as it is. Bring what enforces it to the node: a network plugin with NetworkPolicy support, or
# podfence agent. Then ask again: podfence probe --node NAME
"""
    + network_policy("podSelector: {}\npolicyTypes: [Ingress, Egress]", "name: deny-all\nnamespace: shop"),
)

_THEMES = (addresses, callers, dns, effect, isolation, mesh, ports, selectors, suppression, tiers)
_BY_RELATION = tuple(rule for theme in _THEMES for rule in theme.RULES)

_ALL = (*ADMISSION_RULES, OBJECT_TWICE, NOT_ENFORCED, *_BY_RELATION)

RULES: tuple[Rule, ...] = tuple(sorted(_ALL, key=lambda rule: rule.id))


def find_rule(word: str) -> Rule | None:
    """Find a rule by its id (``PF033``, any case) or by its name (``end-port``)."""
    wanted = word.casefold()
    return next((rule for rule in RULES if wanted in {rule.id.casefold(), rule.name}), None)


def similar_rules(word: str) -> list[str]:
    """Name the rules whose id or name looks like a word that is neither, the likeliest first."""
    names = {rule.name: rule for rule in RULES} | {rule.id.casefold(): rule for rule in RULES}
    close = difflib.get_close_matches(word.casefold(), names, n=3, cutoff=0.6)
    return list(dict.fromkeys(f"{names[name].id} {names[name].name}" for name in close))
