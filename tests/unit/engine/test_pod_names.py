"""Made-up names of pods: never that of another pod, the same every time."""

from __future__ import annotations

from podfence.engine.pod_names import names_of_all
from podfence.model.objects import Pod


def template(kind: str, name: str = "web", count: int = 1, own: str = "") -> Pod:
    return Pod("a", own or name, workload=(kind, name), count=count, from_template=True)


def real(name: str, namespace: str = "a") -> Pod:
    return Pod(namespace, name, workload=("Pod", name))


def test_pods_of_a_template_are_numbered_from_0_and_a_pod_keeps_its_name() -> None:
    assert names_of_all([template("Deployment", count=2), real("lone")]) == [("web-0", "web-1"), ("lone",)]


def test_a_number_that_a_pod_of_the_namespace_has_is_passed_over() -> None:
    found = names_of_all([template("Deployment", count=2), real("web-0"), real("web-1", "b")])
    assert found[0] == ("web-1", "web-2")


def test_a_statefulset_comes_first_then_the_kinds_by_name_in_whatever_order_they_are_listed() -> None:
    pods = [template("Job"), template("Deployment", count=2), template("StatefulSet")]
    assert names_of_all(pods) == [("web-3",), ("web-1", "web-2"), ("web-0",)]
    assert names_of_all(pods[::-1]) == [("web-0",), ("web-1", "web-2"), ("web-3",)]


def test_the_pods_of_a_daemonset_keep_their_numbers_as_long_as_these_are_free() -> None:
    pods = [template("DaemonSet", own=f"web-{number}") for number in (0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert names_of_all(pods) == [(pod.name,) for pod in pods]
    assert names_of_all([*pods[:2], real("web-0")])[:2] == [("web-1",), ("web-2",)]


def test_no_pods_have_no_names() -> None:
    assert names_of_all([template("Deployment", count=0)]) == [()]
