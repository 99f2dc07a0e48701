"""Every story under ``scenarios``: the command line, the slow evaluator and the fast one must all tell it.

With ``PODFENCE_UPDATE=1`` in the environment the golden texts are written anew instead of compared.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from podfence.cli.main import main
from podfence.engine.connectivity import Connectivity
from podfence.engine.decide import name_covers
from podfence.engine.directory import Directory
from podfence.engine.endpoints import Grouping
from podfence.engine.judge import Domain, Outside, Party
from podfence.engine.question import Answer, Pair, ask, judge_pair, parse_port
from podfence.engine.resolve import resolve
from podfence.manifests.load import load
from podfence.model.net import PRIVATE_IPV4, AddressRange, intersect, parse_cidr
from podfence.model.objects import Node, Pod
from podfence.model.policy import PortRange
from podfence.model.snapshot import Snapshot
from podfence.model.verdict import SideVerdict
from tests.documents import RENEW
from tests.scenarios.story import HERE, Case, Expectation, Printed, Scenario, Statement, scenarios, statements

ROOT = HERE.parent.parent
SCENARIOS = scenarios()
STATEMENTS = list(statements())
CASES = [(name, number) for name, scenario in SCENARIOS.items() for number in range(len(scenario.cases))]
EXPECTATIONS = [
    pytest.param(name, number, item, id=f"{name}-{number}-{'→'.join(item.why[:2])}-{item.why[2]}")
    for name, number in CASES
    for item in SCENARIOS[name].cases[number].expectations
]
OUTPUTS = [
    pytest.param(name, number, kind, id=f"{name}-{number}-{kind}")
    for name, number in CASES
    for kind in SCENARIOS[name].cases[number].golden
]
COMMANDS: dict[str, Callable[[list[str]], list[str]]] = {
    "map": lambda _: ["map"],
    "exposed": lambda _: ["map", "--exposed"],
    "why": lambda question: ["why", *question],
    "check": lambda _: ["check"],
    "defaults": lambda _: ["check", "--show-defaults"],
}


@pytest.fixture(autouse=True)
def in_the_folder_of_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


def case_of(name: str, number: int) -> Case:
    return SCENARIOS[name].cases[number]


@cache
def snapshot_of(name: str, number: int) -> Snapshot:
    case = case_of(name, number)
    ranges = {None: PRIVATE_IPV4, "none": ()}.get(case.pod_cidr)
    if ranges is None:
        ranges = (parse_cidr(case.pod_cidr or ""),)
    return load(case.with_, stdin=io.BytesIO(), namespace=case.namespace or "default", pod_ranges=ranges).snapshot


@cache
def map_of(name: str, number: int) -> Connectivity:
    return Connectivity(snapshot_of(name, number), Grouping.POD)


def answer_to(name: str, number: int, item: Expectation) -> Answer:
    directory = Directory(snapshot_of(name, number))
    namespace = case_of(name, number).namespace
    source, destination = (resolve(directory, text, namespace) for text in item.why[:2])
    return ask(directory, source, destination, parse_port(item.why[2]))


@pytest.mark.parametrize(("name", "number", "item"), EXPECTATIONS)
def test_the_engine_decides_as_the_story_says(name: str, number: int, item: Expectation) -> None:
    verdict = answer_to(name, number, item).verdict
    assert verdict.allowed == (item.expect == "allow")
    for side, got in (("egress", verdict.egress), ("ingress", verdict.ingress)):
        assert differences(item, side, traced(got)) == {}


def traced(side: SideVerdict) -> dict[str, Any]:
    """Write a side as the command line's JSON does."""
    by = None
    if side.policy is not None and side.rule is not None:
        by = {"ref": {"name": side.policy.ref.name}, "path": side.rule.path}
    isolating = [{"ref": {"name": policy.ref.name}} for policy in side.isolated_by]
    return {"tier": side.tier.value, "isolatedBy": isolating, "decidedBy": by}


def differences(item: Expectation, side: str, got: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """Compare one side of a verdict with what the story expects of it."""
    found: dict[str, object] = {
        "tier": got["tier"],
        "isolated_by": sorted(one["ref"]["name"] for one in got["isolatedBy"]),
        "decided_by": got["decidedBy"] and f"{got['decidedBy']['ref']['name']} {got['decidedBy']['path']}",
    }
    wanted = {field: getattr(item, field) for field in found}
    return {f: (w[side], found[f]) for f, w in wanted.items() if side in w and w[side] != found[f]}


@pytest.mark.parametrize(("name", "number", "item"), EXPECTATIONS)
def test_the_map_of_everything_agrees_with_the_decision(name: str, number: int, item: Expectation) -> None:
    answer = answer_to(name, number, item)
    for pair in answer.pairs:
        drawn = is_drawn(map_of(name, number), pair)
        if drawn is not None:
            assert drawn == judge_pair(answer.near, pair).allowed


def is_drawn(connectivity: Connectivity, pair: Pair) -> bool | None:
    """Tell whether the map has a connection; ``None`` for one that maps do not show."""
    sources = list(endpoints_of(connectivity, pair.source))
    destinations = list(endpoints_of(connectivity, pair.destination))
    if pair.to_itself or pair.hairpin or not sources or not destinations:
        return None
    return all(opens(connectivity, one, other, pair) for one in sources for other in destinations)


def opens(connectivity: Connectivity, source: int, destination: int, pair: Pair) -> bool:
    mask = dict(connectivity.outgoing(source)).get(destination)
    if not mask:
        return False
    ranges = connectivity.ports(mask)
    return ranges is None or any(holds(item, pair) for item in ranges)


def holds(item: PortRange, pair: Pair) -> bool:
    return item.protocol is pair.protocol and (pair.port == 0 or item.first <= pair.port <= item.last)


def endpoints_of(connectivity: Connectivity, party: Party) -> Iterator[int]:
    """Find the endpoints of the map that an end is, or that it spreads over."""
    for number, endpoint in enumerate(connectivity.endpoints):
        match party:
            case Pod():
                first_of_template = party.from_template and party.name == party.workload[1]
                name = f"{party.name}-0" if first_of_template else party.name
                is_it = endpoint.id == f"{party.namespace}/Pod/{name}"
            case Node():
                is_it = endpoint.id == f"node/{party.name}"
            case Domain():
                is_it = endpoint.kind == "Domain" and name_covers(endpoint.name, party.name)
            case Outside():
                is_it = overlap(endpoint.ranges, party.ranges)
        if is_it:
            yield number


def overlap(some: tuple[AddressRange, ...], others: tuple[AddressRange, ...]) -> bool:
    return bool(some) and bool(intersect(some, others))


@pytest.mark.parametrize(("name", "number", "item"), EXPECTATIONS)
def test_the_command_line_says_so_too(
    name: str, number: int, item: Expectation, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_of(name, number)
    code = main(["why", *item.why, *case.with_, *case.options, "-o", "json"])
    out, err = capsys.readouterr()
    assert code == (0 if item.expect == "allow" else 1)
    # What the server would refuse is said, once, and nothing else is.
    assert bool(err) == (case.check == "any-error")
    said = json.loads(out)
    assert said["verdict"] == item.expect
    for side in ("egress", "ingress"):
        assert differences(item, side, said[side]) == {}


@pytest.mark.parametrize(("name", "number"), CASES)
def test_check_finds_what_the_story_says(name: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    case = case_of(name, number)
    namespace = [] if case.namespace is None else ["-n", case.namespace]
    code = main(["check", *case.with_, *namespace, "-o", "json"])
    listed = json.loads(capsys.readouterr().out)["findings"]
    found = [item["rule"] for item in listed if item["severity"] != "info"]
    if case.check == "any-error":
        assert found
    else:
        assert found == (case.check or [])
    assert code == (1 if found else 0)


@pytest.mark.parametrize(("name", "number", "kind"), OUTPUTS)
def test_the_printed_text_is_the_golden_one(
    name: str, number: int, kind: Printed, capsys: pytest.CaptureFixture[str]
) -> None:
    case = case_of(name, number)
    file, *question = golden_of(case, kind)
    main([*COMMANDS[kind](question), *case.with_, *case.options])
    printed = capsys.readouterr().out
    golden = HERE / name / file
    if os.environ.get("PODFENCE_UPDATE"):
        golden.write_text(printed, "utf-8")
        return
    assert printed == golden.read_text("utf-8"), RENEW


def golden_of(case: Case, kind: Printed) -> list[str]:
    found = case.golden[kind]
    return [found] if isinstance(found, str) else found


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.id)
def test_every_statement_is_shown_by_a_scenario_or_says_why_not(statement: Statement) -> None:
    reason = statement.shown_by.removeprefix("text only: ")
    if reason != statement.shown_by:
        assert len(reason) > len("because")
    else:
        assert statement.id in SCENARIOS[statement.shown_by].statements


def test_the_index_names_each_statement_once() -> None:
    names = [statement.id for statement in STATEMENTS]
    assert len(names) == len(set(names)) >= 70


@pytest.mark.parametrize(("name", "scenario"), SCENARIOS.items(), ids=SCENARIOS)
def test_every_scenario_is_in_the_index_with_its_finding(name: str, scenario: Scenario) -> None:
    rows = [statement for statement in STATEMENTS if statement.shown_by == name]
    assert {row.id for row in rows} <= set(scenario.statements) <= {row.id for row in STATEMENTS}
    if not rows:
        assert f"scenarios/{name}" in (ROOT / "docs" / "semantics.md").read_text("utf-8")
    else:
        assert scenario.finding in {row.finding for row in rows}
    assert bool(scenario.truth) or scenario.finding == "holds"


def test_every_manifest_of_a_scenario_is_used() -> None:
    used = {file for scenario in SCENARIOS.values() for case in scenario.cases for file in case.with_}
    there = {path for path in HERE.glob("*/*.yaml") if path.name != "scenario.yaml"}
    unused = [p for p in there if not {p.parent.name, f"{p.parent.name}/{p.name}"} & used]
    assert unused == []
