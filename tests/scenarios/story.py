"""The format of ``scenario.yaml``, the index of statements in README.md, and how both are read.

A scenario tells one story: manifests, a statement about them, and what must come out (see README.md here).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import yaml

HERE = Path(__file__).parent

Side = Literal["egress", "ingress"]
Finding = Literal["holds", "outdated", "wrong", "understated", "incomplete", "oversimplified"]
Printed = Literal["map", "exposed", "why", "check", "defaults"]


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One connection and its verdict; per side, what decided and which policies isolate (their names, sorted).

    ``decided_by`` is ``POLICY PATH``, ``None`` when no rule did.
    """

    why: tuple[str, str, str]
    expect: Literal["allow", "deny"]
    tier: dict[Side, str] = {}
    isolated_by: dict[Side, list[str]] = {}
    decided_by: dict[Side, str | None] = {}


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set of manifests and what must come out of them.

    ``check`` lists the rules of all findings in order. ``golden`` maps an output to the file that holds it, for
    ``why`` with its three arguments behind.
    """

    with_: tuple[str, ...] = msgspec.field(name="with")
    namespace: str | None = None
    pod_cidr: str | None = None
    expectations: tuple[Expectation, ...] = ()
    check: list[str] | Literal["any-error"] | None = None
    golden: dict[Printed, str | list[str]] = {}

    @property
    def options(self) -> list[str]:
        """The case's options for the command line."""
        namespace = [] if self.namespace is None else ["-n", self.namespace]
        return namespace + ([] if self.pod_cidr is None else ["--pod-cidr", self.pod_cidr])


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A story: ``says`` the statement, ``finding`` what we hold of it, and ``truth`` what is so instead."""

    title: str
    says: str
    finding: Finding
    statements: list[str]
    cases: list[Case]
    truth: str = ""


class Statement(msgspec.Struct, frozen=True):
    """A row of the index: a statement, what we hold of it, and the scenario that shows it (or why none does)."""

    id: str
    says: str
    finding: Finding
    shown_by: str


def scenarios() -> dict[str, Scenario]:
    """Read every scenario, by the name of its folder."""
    return {
        path.parent.name: msgspec.convert(yaml.safe_load(path.read_text("utf-8")), Scenario)
        for path in sorted(HERE.glob("*/scenario.yaml"))
    }


def statements() -> Iterator[Statement]:
    """Read the rows of the index."""
    for line in (HERE / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 4 and cells[0] != "id" and not cells[0].startswith("---"):
            yield msgspec.convert(dict(zip(Statement.__struct_fields__, cells, strict=True)), Statement)
