"""What the script of the page makes of its data is what the map says and what ``judge`` blames, on random clusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt
from podfence.engine.picture import Picture
from podfence.model.verdict import DecidedIn, SideVerdict
from podfence.report.html_page import joined_script, json_in_html
from podfence.report.picture_json import picture_json
from podfence.report.ports import ports_text
from tests.browser.chromium import Chromium
from tests.properties.pairs import judged, parties
from tests.properties.test_connectivity import cluster

SEEDS = range(60)

READ = """
(() => {
  %s
  const cluster = new Cluster(%s);
  const found = { connections: [], backwards: [], between: [], reasons: {} };
  const named = (reason) => [reason.policy?.name ?? null, reason.number ?? null, reason.ports ?? null, reason.text];
  for (const source of cluster.endpoints) {
    for (const [destination, ports] of cluster.reaches(source)) {
      found.connections.push([source.id, destination.id, cluster.portsText(ports)]);
      found.reasons[`${source.id} ${destination.id}`] =
        [false, true].map((ingress) => reasons(cluster, source, destination, ports, ingress).map(named));
    }
    for (const [other, ports] of cluster.reachedFrom(source)) {
      found.backwards.push([other.id, source.id, cluster.portsText(ports)]);
    }
    for (const destination of cluster.endpoints) {
      const ports = cluster.between(source, destination);
      if (ports >= 0) found.between.push([source.id, destination.id, cluster.portsText(ports)]);
    }
  }
  return found;
})()
"""
MODULES = ("data", "reasons")
"""The modules of the page that know no page."""


def read(browser: Chromium, excerpt: Excerpt) -> dict[str, Any]:
    """Let the page's script read a picture, and give what it makes of every pair."""
    found: dict[str, Any] = browser.run(READ % (joined_script(MODULES), json_in_html(picture_json(Picture(excerpt)))))
    return found


@pytest.mark.parametrize("grouping", [Grouping.POD, Grouping.WORKLOAD])
def test_the_page_reads_the_connections_that_the_map_lists(browser: Chromium, grouping: Grouping) -> None:
    for seed in SEEDS:
        excerpt = Excerpt(Connectivity(cluster(seed), grouping))
        ends = excerpt.connectivity.endpoints
        listed = [
            [ends[source].id, ends[to].id, ports_text(excerpt.connectivity.ports(ports))]
            for source, outgoing in excerpt.connections()
            for to, ports in outgoing
        ]
        found = read(browser, excerpt)
        assert found["connections"] == found["between"] == listed, f"seed {seed}"
        assert sorted(found["backwards"]) == sorted(listed), f"seed {seed}"


def test_the_page_names_for_each_connection_and_port_what_judging_it_blames(browser: Chromium) -> None:
    wrong = [f"seed {seed}: {text}" for seed in SEEDS for text in misnamed(browser, seed)]
    assert not wrong


def misnamed(browser: Chromium, seed: int) -> Iterator[str]:
    """Name every side of an allowed connection of which the page does not say what ``judge`` says decided."""
    snapshot = cluster(seed)
    connectivity = Connectivity(snapshot, Grouping.POD)
    said = read(browser, Excerpt(connectivity))["reasons"]
    program = connectivity.program
    classed = list(parties(snapshot, program))
    ends: dict[int, list[str]] = {}
    for endpoint in connectivity.endpoints:
        ends.setdefault(endpoint.classes[0], []).append(endpoint.id)
    for a, b, verdicts in judged(program, [party for party, _ in classed], snapshot):
        names = [f"{one} {other}" for one in ends.get(classed[a][1], ()) for other in ends.get(classed[b][1], ())]
        for asked in verdicts:
            for name in names if asked.verdict.allowed else ():
                for side, listed in zip(
                    (asked.verdict.egress, asked.verdict.ingress), said.get(name, ()), strict=False
                ):
                    if not is_said(side, listed, asked.protocol.value, asked.port):
                        yield f"{asked}: {name}: {side.direction} {listed}"


def is_said(side: SideVerdict, listed: list[list[Any]], protocol: str, port: int) -> bool:
    """Tell whether a list of reasons holds what decided a side, on this port."""
    if any("own node" in text for *_, text in listed):
        return True
    if side.tier is DecidedIn.NOT_APPLICABLE or side.rule is None or side.policy is None:
        return any(policy is None for policy, *_ in listed)
    number = int(side.rule.path.rpartition("[")[2].removesuffix("]")) + 1
    return any(
        policy == side.policy.ref.name
        and rule == number
        and any(kind == protocol and first <= port <= last for kind, first, last in ports)
        for policy, rule, ports, _ in listed
        if policy is not None
    )
