"""Every row of the checklist of facts is shown by a test that carries its id, or listed with the reason why not.

``rows.txt`` holds the rows: an id and the fact. A test carries an id when its name is ``test_S14_...`` or when the
id of one of its cases begins with ``S14`` and a space or underscore. ``not_covered.txt`` holds the rest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
ROWS = 337

_ROW = re.compile(r"(?P<id>[A-Z][0-9]{2}) (?P<text>\S.*)\Z")
_TEST = re.compile(r"test_(?P<ids>[A-Z][0-9]{2}(?:_[A-Z][0-9]{2})*)_")
_CASE = re.compile(r"(?P<ids>[A-Z][0-9]{2}(?:[ ,]+[A-Z][0-9]{2})*)[ _]")
_ID = re.compile(r"[A-Z][0-9]{2}")


def rows_of(name: str) -> dict[str, str]:
    """Read a file of rows: an id and a text on each line."""
    found: dict[str, str] = {}
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        assert row is not None, f"{name}: {line!r} is no row"
        assert row["id"] not in found, f"{name}: {row['id']} stands there twice"
        found[row["id"]] = row["text"]
    return found


def ids_in(text: str) -> Iterator[str]:
    """List the ids that the tests of a file carry, by their names and by the ids of their cases."""
    for node in ast.walk(ast.parse(text)):
        carried = None
        if isinstance(node, ast.FunctionDef):
            carried = _TEST.match(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            carried = _CASE.match(node.value)
        if carried is not None:
            yield from _ID.findall(carried["ids"])


def covered() -> set[str]:
    """List the rows that some test carries."""
    files = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return {row for path in files for row in ids_in(path.read_text(encoding="utf-8"))}


def test_the_checklist_is_complete() -> None:
    assert len(rows_of("rows.txt")) == ROWS


def test_every_row_is_covered_or_listed_with_a_reason() -> None:
    missing = rows_of("rows.txt").keys() - covered() - rows_of("not_covered.txt").keys()
    assert not missing, f"no test carries {', '.join(sorted(missing))}, and not_covered.txt gives no reason"


def test_rows_that_are_not_covered_have_no_test_and_a_reason_of_their_own() -> None:
    listed = rows_of("not_covered.txt")
    assert not listed.keys() - rows_of("rows.txt").keys(), "not_covered.txt lists rows that do not exist"
    assert not listed.keys() & covered(), "not_covered.txt lists rows that a test covers: take them out"
    assert all(len(reason.split()) >= 4 for reason in listed.values()), "a reason says what stands in the way"


def test_no_test_carries_a_row_that_does_not_exist() -> None:
    assert not covered() - rows_of("rows.txt").keys()


def test_names_and_cases_carry_ids_and_other_texts_do_not() -> None:
    text = """
def test_S14_and_or() -> None: ...
def test_of_S15() -> None: ...
CASES = ["L05 unknown operator", "L06_lower", "D01, D02 types", "about L07", "S1 x", "L08"]
"""
    assert set(ids_in(text)) == {"S14", "L05", "L06", "D01", "D02"}
