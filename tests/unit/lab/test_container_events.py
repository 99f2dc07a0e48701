"""What is told of containers, against the events that a kubelet writes."""

from __future__ import annotations

from typing import Any

from podfence.lab.container_events import container_events, field_path

POD = {"metadata": {"name": "web", "namespace": "shop", "uid": "u-1"}}


def status(number: int, state: dict[str, Any], last: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
    one = {
        "name": "c",
        "image": "busybox",
        "state": state,
        "lastState": last or {},
        "containerID": f"containerd://{number}",
    }
    return {"containerStatuses": [one | more]}


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [event.reason for event in container_events(POD, before, after)]


RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
WAITING = {"waiting": {"reason": "CrashLoopBackOff"}}


def ended(number: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"containerID": f"containerd://{number}", "reason": reason, "message": "exec: no such file"}}


def test_a_start_is_told_once_and_every_restart_again() -> None:
    assert told({}, status(1, RUNNING)) == ["Pulled", "Created", "Started"]
    assert told(status(1, RUNNING), status(1, RUNNING, ready=True)) == []
    assert told(status(1, ended(1)), status(2, RUNNING, ended(1))) == ["Pulled", "Created", "Started"]


def test_a_container_that_waits_to_be_started_again_is_told_of_when_it_begins_to_wait() -> None:
    assert told(status(1, ended(1)), status(1, WAITING, ended(1))) == ["BackOff"]
    assert told(status(1, WAITING, ended(1)), status(1, WAITING, ended(1))) == []
    event = next(container_events(POD, status(1, ended(1)), status(1, WAITING, ended(1))))
    assert event.message == "Back-off restarting failed container c in pod web_shop(u-1)"
    assert (event.is_warning, event.container) == (True, "c")


def test_a_program_that_is_not_there_is_a_failure_and_no_start() -> None:
    assert told({}, status(1, WAITING, ended(1, "StartError"))) == ["Pulled", "Created", "Failed", "BackOff"]


def test_nothing_is_told_of_containers_that_still_wait_for_the_init_containers() -> None:
    waiting = {"name": "later", "image": "busybox", "state": {"waiting": {"reason": "PodInitializing"}}}
    init = status(1, RUNNING)["containerStatuses"]
    events = list(container_events(POD, {}, {"initContainerStatuses": init, "containerStatuses": [waiting]}))
    assert {event.container for event in events} == {"c"}


def test_an_event_is_about_the_field_of_its_container() -> None:
    pod = {"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "first"}]}}
    assert [field_path(pod, name) for name in ("c", "first")] == ["spec.containers{c}", "spec.initContainers{first}"]


def test_what_a_container_lacks_before_it_can_be_created_is_told_once_for_each_reason() -> None:
    def lacking(name: str) -> dict[str, Any]:
        waiting = {"reason": "CreateContainerConfigError", "message": f'configmap "{name}" not found'}
        return {"containerStatuses": [{"name": "c", "image": "busybox", "state": {"waiting": waiting}}]}

    (event,) = container_events(POD, {}, lacking("settings"))
    assert (event.reason, event.message) == ("Failed", 'Error: configmap "settings" not found')
    assert told(lacking("settings"), lacking("settings")) == []
    assert told(lacking("settings"), lacking("others")) == ["Failed"]
