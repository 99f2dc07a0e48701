"""What the outputs of ``check`` that are not for the terminal say of a finding, in one text."""

from __future__ import annotations

from podfence.lint.finding import LAST_OF_THE_SERVER, Finding


def whole_message(finding: Finding) -> str:
    """Write everything that is said of a finding: what is wrong, what will be felt, and what may help."""
    if finding.rule <= LAST_OF_THE_SERVER:
        return f"{finding.message}; {finding.hint}" if finding.hint else finding.message
    felt = f"You will see: {finding.felt}" if finding.felt else ""
    end = "" if finding.hint.endswith("?") else "."
    hint = f"{finding.hint[:1].upper()}{finding.hint[1:]}{end}" if finding.hint else ""
    return " ".join(part for part in (finding.message, felt, hint) if part)


def headline(finding: Finding) -> str:
    """Name the rule of a finding and the object that it is about."""
    return f"{finding.rule} {finding.name}{f': {subject(finding)}' if finding.ref is not None else ''}"


def subject(finding: Finding) -> str:
    """Name the object that a finding is about; empty for a text that is none."""
    return f"{finding.ref.kind} {finding.ref}" if finding.ref is not None else ""


def fix_text(finding: Finding) -> str:
    """Write the proved fix of a finding as lines with ``-`` and ``+``; empty when there is none."""
    if not finding.patch:
        return ""
    return "\n".join((f"Fix (proved: {finding.effect}):", *finding.patch))
