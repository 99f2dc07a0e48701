"""Selectors for given pods: they select those, nothing that labels can spare, and no label of a rollout."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podfence.model.labels import label_set
from podfence.model.objects import Pod
from podfence.synthesis.telling import Plain, selectors_for


def pods(*labels: dict[str, str]) -> list[Pod]:
    return [Pod("a", f"p{number}", label_set(found)) for number, found in enumerate(labels)]


def meets(selector: Plain, labels: dict[str, str]) -> bool:
    """Read a plain selector as the API documentation does."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for item in selector.get("matchExpressions", []):
        key = item["key"]
        if item["operator"] == "DoesNotExist" and key in labels:
            return False
        if item["operator"] == "NotIn" and labels.get(key) in item["values"]:
            return False
    return True


def test_the_most_telling_label_is_enough() -> None:
    found = pods({"app": "web", "version": "v1", "pod-template-hash": "1", "helm.sh/chart": "c-1"}, {"app": "db"})
    assert selectors_for(found[:1], found) == [{"matchLabels": {"app": "web"}}]


def test_labels_that_are_needed_stay() -> None:
    found = pods({"app": "web", "tier": "front"}, {"app": "web", "tier": "back"}, {"app": "db", "tier": "front"})
    assert selectors_for(found[:1], found) == [{"matchLabels": {"app": "web", "tier": "front"}}]


def test_made_up_labels_are_used_only_where_nothing_else_tells_the_pods_apart() -> None:
    name = "statefulset.kubernetes.io/pod-name"
    found = pods({"app": "db", name: "db-0"}, {"app": "db", name: "db-1"})
    assert selectors_for(found, found) == [{"matchLabels": {"app": "db"}}]
    assert name in selectors_for(found[:1], found)[0]["matchLabels"]


def test_pods_that_share_no_telling_label_are_selected_apart() -> None:
    found = pods({"app": "web"}, {"app": "db"}, {"app": "cache"})
    assert selectors_for(found[:2], found) == [{"matchLabels": {"app": "db"}}, {"matchLabels": {"app": "web"}}] or (
        selectors_for(found[:2], found)
        == [{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["cache"]}]}]
    )


def test_an_absent_label_tells_as_well() -> None:
    found = pods({"app": "web"}, {"app": "web", "debug": "yes"})
    (selector,) = selectors_for(found[:1], found)
    assert selector == {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "debug", "operator": "DoesNotExist"}],
    }


def test_pods_without_labels_are_told_from_those_with() -> None:
    found = pods({}, {"app": "web"})
    assert selectors_for(found[:1], found) == [{"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}]
    assert selectors_for(found[:1], found[:1]) == [{}]


LABELS = st.dictionaries(st.sampled_from(["app", "tier", "pod-template-hash"]), st.sampled_from(["a", "b", ""]))


@given(st.lists(LABELS, min_size=1, max_size=7), st.integers(1, 7))
def test_exactly_the_pods_with_these_label_sets_are_selected(labels: list[dict[str, str]], count: int) -> None:
    found = pods(*labels)
    wanted = {pod.labels for pod in found[:count]}
    selectors = selectors_for(found[:count], found)
    for pod in found:
        selected = any(meets(selector, dict(pod.labels)) for selector in selectors)
        assert selected == (pod.labels in wanted)
