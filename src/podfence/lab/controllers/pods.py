"""What controllers ask of pods, and how a template becomes one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from podfence.lab.controllers.clock import seconds
from podfence.lab.controllers.conditions import condition, is_true
from podfence.lab.controllers.ownership import owner_reference
from podfence.lab.interface import Object, Resource
from podfence.manifests.convert.selectors import read_selector

PODS = Resource("", "pods")

_SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names: no vowels, so no words (``k8s.io/apimachinery/pkg/util/rand``)."""


def from_template(template: Object, owner: Object, *, labels: Mapping[str, str] | None = None) -> Object:
    """Make a pod of a template, without a name, owned by whoever the template belongs to."""
    written = template.get("metadata") or {}
    metadata: Object = {"namespace": owner["metadata"]["namespace"], "ownerReferences": [owner_reference(owner)]}
    metadata["labels"] = {**(written.get("labels") or {}), **(labels or {})}
    metadata |= {name: written[name] for name in ("annotations", "finalizers") if written.get(name)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": dict(template["spec"])}


def template_hash(value: object) -> str:
    """Give a short name-safe hash of a template: equal templates, equal names."""
    number = int.from_bytes(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:8], "big")
    letters = []
    for _ in range(10):
        number, place = divmod(number, len(_SAFE_LETTERS))
        letters.append(_SAFE_LETTERS[place])
    return "".join(letters)


def selects(selector: Object | None) -> Callable[[Object], bool]:
    """Give the test of a workload's label selector; none selects nothing."""
    if not selector:
        return lambda _: False
    read = read_selector(selector, "spec.selector", checked=False)
    return lambda value: read.matches(value["metadata"].get("labels") or {})


def is_terminating(pod: Object) -> bool:
    """Tell whether a pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_finished(pod: Object) -> bool:
    """Tell whether all containers of a pod have ended for good."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_active(pod: Object) -> bool:
    """Tell whether a pod counts as a replica."""
    return not is_finished(pod) and not is_terminating(pod)


def is_ready(pod: Object) -> bool:
    """Tell whether a pod takes traffic."""
    return is_true(pod.get("status", {}).get("conditions"), "Ready")


def unavailable_for_s(pod: Object, min_ready_s: int, now_s: float) -> float | None:
    """Give how long a pod must still stay ready to be available: 0 when it is, ``None`` when it is not ready."""
    ready = condition(pod.get("status", {}).get("conditions"), "Ready")
    if ready is None or ready["status"] != "True":
        return None
    if not min_ready_s or not ready.get("lastTransitionTime"):
        return 0.0
    return max(0.0, seconds(ready["lastTransitionTime"]) + min_ready_s - now_s)
