"""The stories of the core as packets: what the engine predicts of each is what a lab's packets do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx2
import pytest

from podfence.lab.applying import Applier
from podfence.lab.comparing import compare
from podfence.lab.options import LabOptions
from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_inputs
from tests.lab.whole import Whole, lab
from tests.scenarios.story import HERE, Case, scenarios

pytestmark = pytest.mark.lab

CASES = [(name, number, case) for name, story in scenarios().items() for number, case in enumerate(story.cases)]


class Stage:
    """A lab on which one story is played after the other."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self._there: dict[str, Item] = {}

    def play(self, case: Case) -> None:
        """Bring the lab to the manifests of a case: what is not among them goes, the rest is applied."""
        applier = Applier(self.whole.server, case.namespace or "default")
        wanted = {applier.path_of(item)[0]: item for item in items_of(case)}
        with httpx2.Client(base_url=self.whole.server, timeout=60) as http:
            for path in self._there.keys() - wanted.keys():
                http.request("DELETE", path, json={"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        applier.apply(wanted.values())
        self._there = wanted
        self.whole.ready()


def items_of(case: Case) -> list[Item]:
    """Read the objects of a case that a lab can have: its nodes are its own, and so are their names."""
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (a stream for standard input)
        readings = list(read_inputs([str(HERE / name) for name in case.with_], stdin=nothing))
    return [one for one in readings if isinstance(one, Item) and one.kind != "Node" and not is_placed(one)]


def is_placed(item: Item) -> bool:
    spec = item.plain().get("spec")
    return item.kind == "Pod" and isinstance(spec, dict) and "nodeName" in spec


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with lab(LabOptions(nodes=3)) as whole:
        yield Stage(whole)


@pytest.mark.parametrize(("name", "number", "case"), CASES, ids=[f"{name} {number}" for name, number, _ in CASES])
def test_packets_do_what_the_engine_predicts(stage: Stage, name: str, number: int, case: Case) -> None:
    del name, number
    stage.play(case)
    cells = compare(stage.whole.folder, 0.4)
    assert cells
    assert [f"{cell.question} {cell.outcome}" for cell in cells if not cell.agrees] == []
