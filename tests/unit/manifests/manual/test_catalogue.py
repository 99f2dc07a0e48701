"""The manual: every example breaks its rule, every fix breaks none, and nothing is left unexplained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podfence.lint.finding import Finding
from podfence.lint.registry import NOT_ENFORCED, RULES
from podfence.lint.run import check
from podfence.manifests.inputs import read_data
from podfence.manifests.manual.catalogue import BY_NAME
from podfence.manifests.manual.catalogue import RULES as ADMISSION_RULES
from podfence.manifests.manual.rule import Rule, Severity
from podfence.manifests.validation.admission import Server
from podfence.manifests.validation.ip_block import CidrRegime

# The probe finds out about nodes; no manifest breaks its rule.
FOUND_IN_MANIFESTS = [rule for rule in RULES if rule is not NOT_ENFORCED]

SOURCE = Path(__file__).parents[4] / "src" / "podfence" / "manifests"


def findings(text: str, rule: Rule) -> tuple[Finding, ...]:
    """Give the findings in a text, without what is merely worth knowing where that is not the rule's own point."""
    regime = CidrRegime.LENIENT if rule.kubernetes_version else CidrRegime.STRICT
    found = check(read_data(text.encode(), "example.yaml"), Server(regime)).findings
    return tuple(item for item in found if item.severity is not Severity.INFO or item.rule == rule.id)


@pytest.mark.parametrize("rule", FOUND_IN_MANIFESTS, ids=lambda rule: rule.id)
def test_the_example_breaks_its_rule_and_no_other(rule: Rule) -> None:
    assert {finding.name for finding in findings(rule.example, rule)} == {rule.name, *rule.brings}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_fix_breaks_no_rule(rule: Rule) -> None:
    assert findings(rule.fix, rule) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_explained_in_sentences(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert rule.what.endswith(".")
    assert rule.why.endswith(".")


def test_ids_and_names_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


def test_what_the_server_says_has_the_ids_up_to_99_and_nothing_else_has() -> None:
    assert all(re.fullmatch(r"PF0[0-9][1-9]|PF0[1-9]0", rule.id) for rule in ADMISSION_RULES)
    assert all(rule.id >= "PF101" for rule in RULES if rule not in ADMISSION_RULES)
    assert all(rule.severity is not Severity.INFO for rule in ADMISSION_RULES)


def test_every_rule_that_validation_names_is_in_the_catalogue() -> None:
    # Kinds that are no policies have no rules in the catalogue; these modules speak of nothing else.
    without_rules = {"formats.py", "go_types.py", "go_values.py", "pod_admission.py", "strategy.py"}
    paths = [path for path in SOURCE.glob("validation/*.py") if path.name not in without_rules]
    texts = [path.read_text() for path in [*paths, SOURCE / "judge.py"]]
    named = {name for text in texts for name in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', text)}
    only_on_update = {"metadata-immutable"}  # check sees no updates
    assert named - only_on_update - set(BY_NAME) == set()
