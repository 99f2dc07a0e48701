"""``podfence rule``: the manual of each rule."""

from __future__ import annotations

import sys

import click

from podfence.model.error import PodfenceError


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from podfence.lint.registry import RULES

    words = [rule.id for rule in RULES] + [rule.name for rule in RULES]
    return [word for word in words if word.casefold().startswith(incomplete.casefold())]


@click.command(short_help="The manual of each rule that check applies.")
@click.argument("rule", required=False, metavar="[ID]", shell_complete=_complete)
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="Colours.")
def command(*, rule: str | None, color: str) -> None:
    """Show what a rule finds, why it matters, an example and its fix; without ID, list all rules."""
    from podfence.lint.registry import RULES, find_rule, similar_rules
    from podfence.report.rules_text import rule_text, rules_list
    from podfence.report.term import terminal_for

    terminal = terminal_for(sys.stdout, color)
    if rule is None:
        lines = rules_list(RULES, terminal)
    else:
        found = find_rule(rule)
        if found is None:
            near = similar_rules(rule)
            hint = f"did you mean {' or '.join(near)}?" if near else "podfence rule lists all"
            raise PodfenceError(f"{rule}: no such rule; {hint}")
        lines = rule_text(found, terminal)
    for line in lines:
        click.echo(line)
