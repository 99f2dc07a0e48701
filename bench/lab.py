"""Manifests of a lab to measure: Deployments of ten pods, each with a policy that lets only the next one in."""

from __future__ import annotations

REPLICAS = 10

_DEPLOYMENT = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec: {{containers: [{{name: web, image: nginx, ports: [{{name: http, containerPort: 80}}]}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: app-{number}}}
spec:
  podSelector: {{matchLabels: {{app: app-{number}}}}}
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: app-{other}}}}}}}], ports: [{{port: http}}]}}]
"""


def deployments(pods: int) -> str:
    """Write manifests for some pods, a multiple of ten."""
    count = pods // REPLICAS
    return "".join(
        _DEPLOYMENT.format(number=number, other=(number + 1) % count, replicas=REPLICAS) for number in range(count)
    )
