"""The documentation is complete and true: commands, options, rules, and every example of the guide.

With ``PODFENCE_UPDATE=1`` in the environment ``docs/commands.md`` and the examples are written anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import click
import pytest

from podfence.cli.commands import TABLE, podfence
from podfence.lint.registry import RULES
from podfence.manifests.manual.rule import Rule
from tests import documents
from tests.documents import ROOT
from tests.scenarios.story import HERE, statements

DOCS = ROOT / "docs"
GUIDE = DOCS / "guide.md"
WIDTH = 100

INTRODUCTION = """\
# Commands

What `--help` says, of every command. Results go to standard output, everything else to standard error. Exit codes:
0 fine, 1 the answer is "no" (findings, a denied connection), 2 the question could not be answered.
"""


def reference() -> Iterator[str]:
    """Write docs/commands.md: the help of the program and of each command."""
    yield INTRODUCTION
    with click.Context(podfence, info_name="podfence", terminal_width=WIDTH, **podfence.context_settings) as program:
        yield f"## podfence\n\n```\n{podfence.get_help(program)}\n```\n"
        for name in TABLE:
            command = podfence.get_command(program, name)
            assert command is not None
            with click.Context(command, parent=program, info_name=name) as context:
                yield f"## podfence {name}\n\n```\n{command.get_help(context)}\n```\n"


def test_the_reference_of_commands_is_what_help_says() -> None:
    path = DOCS / "commands.md"
    wanted = "\n".join(reference())
    if os.environ.get("PODFENCE_UPDATE"):
        path.write_text(wanted, "utf-8")
    assert path.read_text("utf-8") == wanted, documents.RENEW


@pytest.mark.parametrize("name", TABLE)
def test_every_option_of_a_command_is_in_the_reference(name: str) -> None:
    section = (DOCS / "commands.md").read_text("utf-8").split(f"## podfence {name}\n")[1].split("\n## ")[0]
    command = podfence.get_command(click.Context(podfence), name)
    assert command is not None
    options = [option for item in command.params if isinstance(item, click.Option) for option in item.opts]
    assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", section)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_its_heading(rule: Rule) -> None:
    wanted = re.compile(rf"^## {rule.id}\b", re.MULTILINE)
    assert wanted.search((DOCS / "rules.md").read_text("utf-8"))


def test_the_examples_of_the_guide_are_what_the_program_prints() -> None:
    documents.check(GUIDE)


def test_the_guide_tells_every_story() -> None:
    text = GUIDE.read_text("utf-8")
    named = [word for words in documents.commands(text) for word in words]
    named += re.findall(r"^```yaml (\S+)$", text, re.MULTILINE)
    named += re.findall(r"\(\.\./tests/scenarios/([^)]+)\)", text)
    stories = {path.parent.name for path in HERE.glob("*/scenario.yaml")} - {"corners"}
    assert stories - {name.split("/")[0] for name in named} == set()


def test_the_guide_says_where_it_contradicts_what_is_often_told() -> None:
    findings = {statement.finding for statement in statements()} - {"holds"}
    assert GUIDE.read_text("utf-8").count("**Often told otherwise:**") >= len(findings)
