"""All rules, whoever applies them, found by id or by name."""

from __future__ import annotations

import difflib

from podfence.lint.manual import addresses, callers, dns, effect, isolation, mesh, ports, selectors, tiers
from podfence.manifests.manual.catalogue import RULES as ADMISSION_RULES
from podfence.manifests.manual.rule import Rule, network_policy, warning

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

_THEMES = (addresses, callers, dns, effect, isolation, mesh, ports, selectors, tiers)
_BY_RELATION = tuple(rule for theme in _THEMES for rule in theme.RULES)

RULES: tuple[Rule, ...] = tuple(sorted((*ADMISSION_RULES, OBJECT_TWICE, *_BY_RELATION), key=lambda rule: rule.id))


def find_rule(word: str) -> Rule | None:
    """Find a rule by its id (``PF033``, any case) or by its name (``end-port``)."""
    wanted = word.casefold()
    return next((rule for rule in RULES if wanted in {rule.id.casefold(), rule.name}), None)


def similar_rules(word: str) -> list[str]:
    """Name the rules whose id or name looks like a word that is neither, the likeliest first."""
    names = {rule.name: rule for rule in RULES} | {rule.id.casefold(): rule for rule in RULES}
    close = difflib.get_close_matches(word.casefold(), names, n=3, cutoff=0.6)
    return list(dict.fromkeys(f"{names[name].id} {names[name].name}" for name in close))
