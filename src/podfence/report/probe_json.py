"""What a probe found, as JSON: ``kind: Probe``."""

from __future__ import annotations

import json
from typing import Any

from podfence.model.enforcement import Enforcement, NodeEnforcement, ProbeResult
from podfence.report.probe_text import RULE


def probe_json(result: ProbeResult) -> str:
    """Write the result: ``enforced`` is null when it is unknown of a node and refuted of none."""
    document = {
        "apiVersion": "podfence/v1",
        "kind": "Probe",
        "cluster": result.cluster,
        "enforced": _sum(result),
        "nodes": [_node(node) for node in result.nodes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _sum(result: ProbeResult) -> bool | None:
    if result.with_worst(Enforcement.NOT_ENFORCED):
        return False
    return None if result.with_worst(Enforcement.UNKNOWN) else True


def _node(node: NodeEnforcement) -> dict[str, Any]:
    return {
        "name": node.node,
        "ingress": node.ingress.value,
        "egress": node.egress.value,
        "rule": RULE if node.worst is Enforcement.NOT_ENFORCED else None,
        "reasons": list(node.reasons),
    }
