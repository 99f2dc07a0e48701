"""The stories of the core as packets: what the engine predicts of each is what a lab's packets do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from podfence.lab.applying import Applier
from podfence.lab.comparing import compare
from podfence.lab.options import LabOptions
from podfence.manifests.documents import Item
from podfence.manifests.inputs import read_data, read_inputs
from tests.lab.whole import Whole, lab
from tests.scenarios.story import HERE, Case, scenarios

pytestmark = pytest.mark.lab

CASES = [(name, number, case) for name, story in scenarios().items() for number, case in enumerate(story.cases)]


class Stage:
    """A lab on which one story is played after the other."""

    def __init__(self, whole: Whole, nodes: int) -> None:
        self.whole = whole
        self._nodes = nodes
        self._there: dict[str, Item] = {}

    def play(self, case: Case) -> None:
        """Bring the lab to the manifests of a case: what is not among them goes, the rest is applied."""
        with (
            Applier(self.whole.server, case.namespace or "default") as applier,
            httpx2.Client(base_url=self.whole.server, timeout=60) as http,
        ):
            wanted = {applier.path_of(item)[0]: item for item in items_of(case, self._nodes)}
            for path in self._there.keys() - wanted.keys():
                http.request("DELETE", path, json={"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
            applier.apply(wanted.values())
        self._there = wanted
        self.whole.ready()


def items_of(case: Case, nodes: int) -> list[Item]:
    """Read the objects of a case as a lab of today can have them: on its own nodes, and of kinds still served."""
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (a stream for standard input)
        readings = list(read_inputs([str(HERE / name) for name in case.with_], stdin=nothing))
    objects = [one.plain() for one in readings if isinstance(one, Item) and one.kind != "Node"]
    homes: dict[str, str] = {}
    for value in objects:
        spec: Any = value.get("spec")
        if value["kind"] == "Pod" and spec.get("nodeName"):
            spec["nodeName"] = homes.setdefault(spec["nodeName"], f"node-{len(homes) % nodes + 1}")
        if value["apiVersion"] == "extensions/v1beta1":
            value["apiVersion"] = "apps/v1"
            spec.setdefault("selector", {"matchLabels": spec["template"]["metadata"]["labels"]})
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    return [one for one in read_data(text.encode(), "case.json") if isinstance(one, Item)]


@pytest.fixture(scope="module", params=[1, 3], ids=["one node", "three nodes"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with lab(LabOptions(nodes=request.param)) as whole:
        yield Stage(whole, request.param)


@pytest.mark.parametrize(("name", "number", "case"), CASES, ids=[f"{name} {number}" for name, number, _ in CASES])
def test_packets_do_what_the_engine_predicts(stage: Stage, name: str, number: int, case: Case) -> None:
    del name, number
    stage.play(case)
    cells = compare(stage.whole.folder, 0.4)
    assert cells
    assert [f"{cell.question} {cell.outcome}" for cell in cells if not cell.agrees] == []
