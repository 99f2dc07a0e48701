"""The README keeps its word: its examples are what the program prints, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podfence import __version__
from podfence.cli.commands import TABLE
from tests import documents
from tests.documents import ROOT

README = ROOT / "README.md"
EXAMPLES = ROOT / "examples" / "README.md"
SCENARIOS = ROOT / "tests" / "scenarios" / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), EXAMPLES, SCENARIOS])


@pytest.mark.parametrize("document", [README, EXAMPLES], ids=["README", "examples"])
def test_the_examples_are_what_the_program_prints(document: Path) -> None:
    documents.check(document)


def test_an_example_that_is_no_longer_true_is_noticed() -> None:
    drifted = "```console\n$ podfence --version\npodfence 0.0.0\n```\n"
    assert documents.renewed(drifted) == f"```console\n$ podfence --version\npodfence {__version__}\n```\n"


def test_a_manifest_that_is_no_longer_the_file_is_noticed() -> None:
    text = documents.renewed("```yaml examples/shop/policies/default.yaml\nkind: Pod\n```\n")
    assert "name: deny-ingress\n" in text
    assert "kind: Pod\n" not in text


def test_every_command_has_an_example() -> None:
    shown = {words[1] for words in documents.commands(README.read_text("utf-8"))}
    assert shown == set(TABLE)


def test_the_two_commands_to_begin_with_are_those_that_dev_has() -> None:
    text = README.read_text("utf-8")
    assert {"./dev demo", "./dev test"} <= set(re.findall(r"^\./dev \w+", text, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text("utf-8"))):
        file, _, heading = target.partition("#")
        path = (document.parent / file).resolve() if file else document
        if "://" not in target and (not path.exists() or (heading and heading not in headings(path))):
            dead.append(target)
    assert dead == []


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(path: Path) -> set[str]:
    """Give the anchors of a document's headings, as its readers on the web have them."""
    titles = re.findall(r"^#+ (.+)$", without_code(path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}
