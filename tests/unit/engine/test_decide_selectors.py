"""What selectors pick, as subjects and as peers, on pods and on namespaces: rows L14 to L24 of the checklist."""

from __future__ import annotations

from tests.unit.engine.builders import EVERY_POD, Cluster, namespace, np, pod

PODS = (
    pod("x/both", {"app": "web", "tier": "front"}),
    pod("x/web", {"app": "web"}),
    pod("x/db", {"app": "db"}),
    pod("x/empty", {"app": ""}),
    pod("x/other", {"zone": "a"}),
    pod("x/none", {"": ""}),
)
ALL = {f"x/{item.name}" for item in PODS}
NAMESPACES = (namespace("x"),)


def selected(selector: str) -> set[str]:
    """List the pods that a selector picks: as subject, they are isolated; as peer, they get in."""
    as_subject = Cluster(
        np("x", f"{{podSelector: {selector}, policyTypes: [Ingress]}}"), pods=PODS, namespaces=NAMESPACES
    )
    isolated = {name for name in ALL if not as_subject.allows("8.8.8.8", name)}
    target = pod("x/target", {"target": "yes"})
    spec = f"{{podSelector: {{matchLabels: {{target: 'yes'}}}}, ingress: [{{from: [{{podSelector: {selector}}}]}}]}}"
    as_peer = Cluster(np("x", spec), pods=(*PODS, target), namespaces=NAMESPACES)
    assert as_peer.who_reaches("x/target") == isolated
    return isolated


def expression(key: str, operator: str, *values: str) -> str:
    listed = f", values: [{', '.join(values)}]" if values else ""
    return f"{{matchExpressions: [{{key: {key}, operator: {operator}{listed}}}]}}"


def test_L14_labels_and_expressions_must_all_match() -> None:
    both = "{matchLabels: {app: web}, matchExpressions: [{key: tier, operator: Exists}]}"
    assert selected(both) == {"x/both"}
    assert selected("{matchLabels: {app: web, tier: front}}") == {"x/both"}
    assert selected("{matchLabels: {app: web, tier: back}}") == set()


def test_L15_in_does_not_match_an_absent_key() -> None:
    assert selected(expression("app", "In", "web", "db")) == {"x/both", "x/web", "x/db"}


def test_L16_not_in_matches_an_absent_key() -> None:
    assert {"x/other", "x/none"} <= selected(expression("app", "NotIn", "web"))


def test_L17_not_in_matches_a_value_that_is_not_listed() -> None:
    assert selected(expression("app", "NotIn", "web")) == ALL - {"x/both", "x/web"}


def test_L18_exists_matches_an_empty_value() -> None:
    assert selected(expression("app", "Exists")) == {"x/both", "x/web", "x/db", "x/empty"}


def test_L19_does_not_exist_matches_an_absent_key_alone() -> None:
    assert selected(expression("app", "DoesNotExist")) == {"x/other", "x/none"}


def test_L20_an_empty_value_does_not_match_an_absent_key() -> None:
    assert selected("{matchLabels: {app: ''}}") == {"x/empty"}
    assert selected(expression("app", "In", "''")) == {"x/empty"}


def test_L21_an_empty_selector_matches_everything_pods_without_labels_too() -> None:
    assert selected("{}") == ALL
    assert selected("{matchLabels: {}, matchExpressions: []}") == ALL


def test_L22_keys_and_values_compare_exactly() -> None:
    assert selected("{matchLabels: {app: Web}}") == set()
    assert selected("{matchLabels: {App: web}}") == set()
    assert selected("{matchLabels: {app: we}}") == set()


def test_L23_values_of_in_are_alternatives() -> None:
    assert selected(expression("app", "In", "db", "''")) == {"x/db", "x/empty"}


def test_L24_not_in_on_namespaces_matches_those_without_the_label() -> None:
    spec = f"{{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {expression('ns', 'NotIn', 'y')}}}]}}]}}"
    namespaces = (namespace("x", ns="x"), namespace("y", ns="y"), namespace("z"))
    cluster = Cluster(np("x", spec), namespaces=namespaces)
    assert cluster.who_reaches("x/a") == {name for name in EVERY_POD if not name.startswith("y/")} - {"x/a"}
