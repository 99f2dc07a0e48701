"""Paths as the API server writes them, found in the marks of a value."""

import pytest

from podfence.manifests.field_path import Mark, locate

VALUE = {
    "metadata": {"labels": {"app.kubernetes.io/name": "a", "app": "b"}},
    "spec": {"ports": [80, {"port": 81}], "empty": {}},
}
MARK: Mark = [0, [1, [2, 3, 4]], [5, [6, 7, [8, 9]], 10]]


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("", 0),
        ("metadata", 1),
        ("metadata.labels", 2),
        ("metadata.labels.app.kubernetes.io/name", 3),
        ("metadata.labels[app.kubernetes.io/name]", 3),
        ("metadata.labels.app", 4),
        ("spec.ports", 6),
        ("spec.ports[0]", 7),
        ("spec.ports[1]", 8),
        ("spec.ports[1].port", 9),
        ("spec.empty", 10),
    ],
)
def test_a_path_leads_to_its_field(path: str, mark: int) -> None:
    assert locate(VALUE, MARK, path) == mark


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("spec.ports[2]", 6),
        ("spec.ports[x]", 6),
        ("spec.ports.port", 6),
        ("spec.ports[1].endPort", 8),
        ("spec.ports[0].port", 7),
        ("spec.empty.a.b", 10),
        ("nope", 0),
        ("[0]", 0),
        ("..", 0),
        ("spec.ports[", 6),
        ("spec[", 5),
    ],
)
def test_a_missing_field_answers_with_its_nearest_parent(path: str, mark: int) -> None:
    assert locate(VALUE, MARK, path) == mark
