"""Manifests with a fault that the tests of what surrounds the rules share: a port by a name that nobody has."""

from __future__ import annotations

from podfence.lint.finding import Findings
from podfence.lint.run import check
from podfence.lint.selection import EVERY_RULE, Selection
from podfence.manifests.inputs import read_data
from podfence.manifests.validation.admission import Server

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - podSelector: {}
    ports:
    - port: htp
"""
FAULTY = f"{DEPLOYMENT}---\n{POLICY}"
RULE = "PF160"


def found(text: str, selection: Selection = EVERY_RULE) -> Findings:
    """Check a text."""
    return check(read_data(text.encode(), "f.yaml"), Server(), selection=selection)


def rules(findings: Findings) -> list[str]:
    """Name the rules of what is told."""
    return [finding.rule for finding in findings.findings]
