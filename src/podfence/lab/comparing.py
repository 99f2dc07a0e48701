"""Compares a running lab with what its policies say: reads its objects, asks the engine, has the packets sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from podfence.kube.config import connection
from podfence.kube.reading import read_cluster
from podfence.lab.control_client import ask
from podfence.lab.folder import LabFolder
from podfence.lab.probing import Attempts
from podfence.lab.truth import Cell, Ends, Question, by_source, ends_of, questions
from podfence.manifests.gather import gather

PATIENCE_S: Final = 3.0
"""How long a packet is waited for that should have arrived and has not: a busy machine is slow, and drops nothing."""


def compare(folder: LabFolder, timeout_s: float) -> list[Cell]:
    """Try every connection that a lab's objects make possible; gives all of them with what became of them.

    What does not agree is tried once more with patience, as far as it is still there: labs change meanwhile. Raises
    ``PodfenceError`` when nothing can be tried.
    """
    cells = try_questions(folder, list(questions(read_ends(folder))), timeout_s)
    if all(cell.agrees for cell in cells):
        return cells
    now = {question.connection: question for question in questions(read_ends(folder))}
    doubtful = [cell.question.connection for cell in cells if not cell.agrees]
    asked = [now[one] for one in doubtful if one in now]
    again = try_questions(folder, asked, max(timeout_s, PATIENCE_S))
    found = {cell.question.connection: cell for cell in again}
    return [
        found.get(cell.question.connection, cell) for cell in cells if cell.agrees or cell.question.connection in now
    ]


def read_ends(folder: LabFolder) -> Ends:
    """Read where connections of a lab can come from and go to. Raises ``PodfenceError``."""
    items = read_cluster(connection(str(folder.kubeconfig))).items
    pods = [item.plain() for item in items if item.kind == "Pod"]
    return ends_of(gather(items).snapshot, pods)


def try_patiently(folder: LabFolder, asked: Sequence[Question], timeout_s: float) -> list[Cell]:
    """Have the packets of some questions sent, once more and with patience where they do not agree."""
    cells = try_questions(folder, asked, timeout_s)
    doubtful = [number for number, cell in enumerate(cells) if not cell.agrees]
    if doubtful:
        again = try_questions(folder, [cells[number].question for number in doubtful], max(timeout_s, PATIENCE_S))
        for number, cell in zip(doubtful, again, strict=True):
            cells[number] = cell
    return cells


def try_questions(folder: LabFolder, asked: Sequence[Question], timeout_s: float) -> list[Cell]:
    """Have the packets of some questions sent, and give each with its outcome, in order."""
    sources = by_source(asked)
    attempts = [
        Attempts(place, tuple(map(_target, map(asked.__getitem__, numbers))), address)
        for (place, address), numbers in sources.items()
    ]
    body = msgspec.json.encode({"attempts": attempts, "timeout_s": timeout_s})
    outcomes = ask(folder, "POST", "/probe", body=body)["outcomes"]
    found: dict[int, Cell] = {}
    for numbers, said in zip(sources.values(), outcomes, strict=True):
        found |= {n: Cell(asked[n], outcome) for n, outcome in zip(numbers, said, strict=True)}
    return [found[n] for n in range(len(asked))]


def _target(question: Question) -> tuple[str, str, int, tuple[str, ...]]:
    return question.protocol.value, question.address, question.port, question.hosts
