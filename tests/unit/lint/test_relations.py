"""Running the rules over an input: what holds in which cluster, and what is shown of it."""

from __future__ import annotations

from podfence.lint.finding import Finding
from podfence.lint.profiles import PROFILES, find_profile
from podfence.lint.relations import Clusters
from podfence.lint.run import check
from podfence.manifests.inputs import read_data
from podfence.manifests.validation.admission import Server

OPERATOR = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keeper, namespace: keeper}
roleRef: {kind: Role, name: keeper}
subjects: [{kind: ServiceAccount, name: keeper}]
---
apiVersion: v1
kind: Pod
metadata: {name: keeper, namespace: keeper, labels: {app: keeper}}
spec: {serviceAccountName: keeper, containers: [{name: keeper}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: keeper, namespace: keeper}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - {to: [{ipBlock: {cidr: 10.0.0.0/25}}], ports: [{port: 6443}]}
  - {ports: [{port: 53, protocol: UDP}, {port: 53}]}
"""


def found(text: str, *profiles: str) -> list[Finding]:
    clusters = Clusters(tuple(PROFILES.get(name) or find_profile("file.yaml", name) for name in profiles))
    return list(check(read_data(text.encode(), "a.yaml"), Server(), clusters=clusters).findings)


def api_server(text: str, *profiles: str) -> list[tuple[str, ...]]:
    return [finding.profiles for finding in found(text, *profiles) if finding.rule == "PF110"]


def test_a_finding_names_the_clusters_that_it_holds_in_unless_it_holds_in_all() -> None:
    assert api_server(OPERATOR, "kind", "eks") == [("eks",)]
    assert api_server(OPERATOR, "eks", "gke") == [()]
    assert api_server(OPERATOR, "kind", "kubeadm") == []


def test_the_addresses_of_a_profile_must_all_be_reached() -> None:
    assert api_server(OPERATOR, "{extends: kind, apiCidrs: [10.0.0.16/28]}") == []
    (finding,) = [item for item in found(OPERATOR, "{extends: kind, apiCidrs: [10.0.0.0/24]}") if item.rule == "PF110"]
    assert "cidr: 10.0.0.0/24" in (finding.fix or "")


def test_the_endpoints_of_the_input_win_over_a_profile() -> None:
    slices = """\
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.7]}]
ports: [{name: https, port: 6443}]
"""
    assert api_server(OPERATOR + slices, "eks", "minikube") == []
    assert api_server(OPERATOR + slices.replace("10.0.0.7", "10.0.0.200"), "kind") == [()]


def test_a_policy_that_the_server_refuses_has_no_findings_by_relation() -> None:
    refused = OPERATOR.replace("podSelector: {}", "podSelector: {}\n  nonsense: 1")
    assert {finding.rule for finding in found(refused, "eks")} == {"PF003"}


def test_a_pod_without_a_token_does_not_use_the_api() -> None:
    assert (
        api_server(
            OPERATOR.replace("{serviceAccountName", "{automountServiceAccountToken: false, serviceAccountName"), "eks"
        )
        == []
    )


def test_nothing_is_asked_where_there_is_no_policy() -> None:
    assert found("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", "kind") == []


SHOP = """\
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring, labels: {app: prometheus}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - {from: [{namespaceSelector: {matchLabels: {name: monitoring}}}], ports: [{port: 9090}]}
  - {from: [{podSelector: {}}], ports: [{port: htp}]}
"""


def test_the_fix_of_a_rule_leaves_the_faults_of_other_rules_alone() -> None:
    covered = f"{SHOP}  - {{from: [{{namespaceSelector: {{}}}}], ports: [{{port: 9090}}]}}\n"
    (label,) = [item for item in found(covered) if item.rule == "PF130"]
    assert {change.path for change in label.changes} == set()
    (label,) = [item for item in found(SHOP) if item.rule == "PF130"]
    assert {change.path for change in label.changes} == {"spec.ingress[0].from[0].namespaceSelector"}


REFUSED = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: c}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: 7}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]
  egress:
  - {to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 443}]}
  - {to: [{podSelector: {}}], ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - {to: [{podSelector: {matchLabels: {app: cart}}}], ports: [{port: 80}]}
"""


def test_a_policy_that_the_api_server_refuses_is_not_blamed_for_the_mesh() -> None:
    rules = {(item.rule, str(item.ref)) for item in found(REFUSED, "ambient")}
    assert {ref for rule, ref in rules if rule == "PF150"} == {"shop/all"}


PARTS = """\
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: parts, labels: {app: parts-application-controller}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: parts, labels: {app: parts-server}}
spec: {containers: [{name: c}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: parts}
spec:
  podSelector: {matchLabels: {app: parts-server}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: parts-notifications-controller}}
    - podSelector: {matchLabels: {app: parts-application-controller}}
"""


def test_nobody_is_suggested_who_is_named_beside_already() -> None:
    hints = [item.hint for text in (PARTS, PARTS.rsplit("\n", 2)[0]) for item in found(text) if item.rule == "PF251"]
    assert hints == ["", "did you mean app: parts-application-controller?"]


HOOK = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: hook, namespace: keeper}
spec:
  selector: {matchLabels: {app: hook}}
  template: {metadata: {labels: {app: hook}}, spec: {containers: [{name: h, ports: [{containerPort: 9443}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: hook, namespace: keeper}
spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks: [{name: hook.example, clientConfig: {service: {name: hook, namespace: keeper}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: hook, namespace: keeper}
spec: {podSelector: {matchLabels: {app: hook}}, ingress: [{from: [PEER]}]}
"""
AGENTS = (
    "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
    "podSelector: {matchLabels: {k8s-app: konnectivity-agent}}}"
)


def webhook(peer: str, *profiles: str) -> list[tuple[str, ...]]:
    text = HOOK.replace("PEER", peer)
    return [finding.profiles for finding in found(text, *profiles) if finding.rule == "PF220"]


def test_a_rule_for_pods_elsewhere_does_not_let_the_api_server_in() -> None:
    prometheus = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}"
    assert webhook(prometheus) == [()]
    assert webhook("{namespaceSelector: {}, podSelector: {matchLabels: {app: prometheus}}}", "gke") == [()]


def test_the_agents_that_pass_its_calls_on_may_stand_for_the_api_server_where_there_are_any() -> None:
    assert webhook(AGENTS) == []
    assert webhook(AGENTS, "aks", "gke", "kind") == [("kind",)]
    assert webhook("{namespaceSelector: {}}", "gke") == []


def test_a_block_may_be_the_api_server_s_unless_its_addresses_are_known() -> None:
    block = "{ipBlock: {cidr: 203.0.113.0/24}}"
    assert webhook(block, "kind") == []
    assert webhook(block, "{extends: kind, apiCidrs: [10.0.0.0/24]}") == [()]
    assert webhook("{ipBlock: {cidr: 10.0.0.0/8}}", "{extends: kind, apiCidrs: [10.0.0.0/24]}") == []


SPLIT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: w, ports: [{containerPort: 8080}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: TYPE, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
RULE
"""


def split(rule: str, kind: str = "ClusterIP") -> list[tuple[str, str]]:
    text = SPLIT.replace("RULE", rule).replace("TYPE", kind)
    return [(item.severity.value, item.path) for item in found(text) if item.rule == "PF190"]


def test_ports_in_a_rule_of_their_own_behind_peers_without_any_are_told() -> None:
    assert split("  - ports: [{port: 8080}]") == [("info", "spec.ingress[1]")]
    assert split("    ports: [{port: 8080}]") == []
    assert split("  - {from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 8080}]}") == []


def test_ports_that_the_outside_asks_are_meant_for_anybody() -> None:
    assert split("  - ports: [{port: 8080}]", "LoadBalancer") == []
    assert split("  - ports: [{port: 9090}]", "LoadBalancer") == [("info", "spec.ingress[1]")]
