"""What the script of the page makes of its data is what the map says, on random clusters."""

from __future__ import annotations

import json

import pytest

from podfence.engine.connectivity import Connectivity
from podfence.engine.endpoints import Grouping
from podfence.engine.excerpt import Excerpt
from podfence.engine.picture import Picture
from podfence.report.html_page import joined_script, json_in_html
from podfence.report.map_json import map_json
from podfence.report.picture_json import picture_json
from podfence.report.ports import ports_text
from tests.browser.chromium import Chromium
from tests.properties.test_connectivity import cluster

SEEDS = range(60)

READ = """
(() => {
  %s
  const cluster = new Cluster(%s);
  const found = { connections: [], backwards: [], unexplained: [], sizes: [] };
  for (const source of cluster.endpoints) {
    for (const [destination, ports] of cluster.reaches(source)) {
      const row = [source.id, destination.id, cluster.portsText(ports)];
      found.connections.push(row);
      if (cluster.between(source, destination) !== ports) found.unexplained.push(["between", ...row]);
      for (const ingress of [false, true]) {
        let open = cluster.ports[ports].ranges ?? ALL;
        for (const reason of reasons(cluster, source, destination, ports, ingress)) {
          open = reason.ports ? without(open, reason.ports) : [];
        }
        if (open.length) found.unexplained.push([ingress, ...row, open]);
      }
    }
    for (const [other, ports] of cluster.reachedFrom(source)) {
      found.backwards.push([other.id, source.id, cluster.portsText(ports)]);
    }
  }
  return found;
})()
"""
ALL = 'const ALL = [["TCP", 1, 65535], ["UDP", 1, 65535], ["SCTP", 1, 65535], ["other", 0, 0]];'


def modules() -> str:
    """Give the modules of the page that know no page."""
    return joined_script(("data", "reasons")) + ALL


@pytest.mark.parametrize("grouping", [Grouping.POD, Grouping.WORKLOAD])
def test_the_page_reads_the_connections_that_the_map_lists_and_explains_each(
    browser: Chromium, grouping: Grouping
) -> None:
    for seed in SEEDS:
        excerpt = Excerpt(Connectivity(cluster(seed), grouping))
        ends = excerpt.connectivity.endpoints
        listed = [
            [ends[source].id, ends[to].id, ports_text(excerpt.connectivity.ports(ports))]
            for source, outgoing in excerpt.connections()
            for to, ports in outgoing
        ]
        assert len(json.loads("".join(map_json(excerpt)))["connections"]) == len(listed)
        found = browser.run(READ % (modules(), json_in_html(picture_json(Picture(excerpt)))))
        assert found["connections"] == listed, f"seed {seed}"
        assert sorted(found["backwards"]) == sorted(listed), f"seed {seed}"
        assert found["unexplained"] == [], f"seed {seed}"
