"""Rules about what silences rules: comments and annotations that ignore a finding."""

from __future__ import annotations

from podfence.manifests.manual.rule import info, network_policy, warning

_SPEC = "podSelector: {}\npolicyTypes: [Ingress]"


def _annotated(annotation: str) -> str:
    return network_policy(_SPEC, f"name: web\nnamespace: shop\nannotations:\n  {annotation}")


_CLEAN = network_policy(_SPEC, "name: web\nnamespace: shop")

WITHOUT_REASON = warning(
    "PF290",
    "ignored-without-reason",
    what="A comment or an annotation ignores a rule and does not say why.",
    why="It has no effect without a reason. Whoever reads it next year must be able to tell whether it still holds.",
    example=_annotated('podfence.io/ignore.PF253: ""'),
    fix=_CLEAN,
)

UNKNOWN_RULE = warning(
    "PF291",
    "ignored-rule-unknown",
    what="A comment or an annotation ignores a rule that does not exist.",
    why="It has no effect: the finding that was meant is still there, or comes back unseen when the rule gets its name "
    "right. `podfence rule` lists all rules.",
    example=_annotated("podfence.io/ignore.PF999: the toolbox may"),
    fix=_CLEAN,
)

IGNORES_NOTHING = info(
    "PF292",
    "ignores-nothing",
    what="A comment or an annotation ignores a rule that finds nothing there.",
    why="What it speaks of was mended, or has moved away from it. Left in place it hides the next such mistake. "
    "Of rules that depend on the kind of cluster nothing is said: another profile may find something.",
    example=_annotated("podfence.io/ignore.PF190: the toolbox may"),
    fix=_CLEAN,
)

RULES = (WITHOUT_REASON, UNKNOWN_RULE, IGNORES_NOTHING)
