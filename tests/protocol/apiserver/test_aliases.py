"""One object under two API versions: written in the words of one, read in those of the other."""

from __future__ import annotations

import pytest

from tests.protocol.apiserver.asking import Asking

NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
CORE_EVENTS = "/api/v1/namespaces/default/events"
AUTOSCALERS = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"

EVENT = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "e"},
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    "note": "It happened.",
    "reason": "Happened",
    "action": "Happening",
    "type": "Normal",
    "reportingController": "example.com/tester",
    "reportingInstance": "one",
    "eventTime": "2026-01-01T00:00:00.000000Z",
}


@pytest.fixture
def lab() -> Asking:
    return Asking()


def test_an_event_is_the_same_in_both_groups(lab: Asking) -> None:
    made = lab.ask("POST", NEW_EVENTS, EVENT)
    assert (made.code, made.value["apiVersion"], made.value["note"]) == (201, "events.k8s.io/v1", "It happened.")
    core = lab.ask("GET", f"{CORE_EVENTS}/e").value
    assert (core["apiVersion"], core["message"], core["involvedObject"]["name"]) == ("v1", "It happened.", "p")
    listed = lab.ask("GET", NEW_EVENTS).value
    assert (listed["apiVersion"], listed["items"][0]["regarding"]["name"]) == ("events.k8s.io/v1", "p")


def test_a_watch_speaks_the_words_of_its_version(lab: Asking) -> None:
    lab.ask("POST", NEW_EVENTS, EVENT)
    (event,) = lab.ask("GET", f"{NEW_EVENTS}?watch=true&timeoutSeconds=1").lines
    assert (event["type"], event["object"]["note"]) == ("ADDED", "It happened.")


def test_a_wanted_load_is_a_metric_in_the_newer_version(lab: Asking) -> None:
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 3}
    body = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
    old = AUTOSCALERS.format("v1")
    made = lab.ask("POST", old, {**body, "spec": {**spec, "targetCPUUtilizationPercentage": 80}})
    assert (made.code, made.value["spec"]["targetCPUUtilizationPercentage"]) == (201, 80)
    metrics = lab.ask("GET", f"{AUTOSCALERS.format('v2')}/h").value["spec"]["metrics"]
    assert metrics[0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}
    patch = {"spec": {"targetCPUUtilizationPercentage": 50}}
    changed = lab.ask("PATCH", f"{old}/h", patch, form="application/merge-patch+json")
    assert changed.value["spec"]["targetCPUUtilizationPercentage"] == 50


def test_a_refusal_is_passed_on(lab: Asking) -> None:
    assert lab.ask("GET", f"{NEW_EVENTS}/none").value["message"] == 'events "none" not found'
