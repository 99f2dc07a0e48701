"""Questions to manifests that are written in a test: from YAML to an explanation or a suggestion."""

from __future__ import annotations

import io

from podfence.engine.directory import Directory
from podfence.engine.explanation import Explanation, explain
from podfence.engine.question import parse_port
from podfence.engine.resolve import resolve
from podfence.manifests.load import load
from podfence.manifests.loaded import Loaded
from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.synthesis.suggest import Refusal, Suggestion, suggest


def loaded(text: str, pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4) -> Loaded:
    """Read manifests from a text."""
    return load(["-"], stdin=io.BytesIO(text.encode()), pod_ranges=pod_ranges)


def asked(
    text: str, source: str, destination: str, port: str, pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4
) -> Explanation:
    """Ask whether a connection is allowed."""
    directory = Directory(loaded(text, pod_ranges).snapshot)
    return explain(directory, resolve(directory, source), resolve(directory, destination), parse_port(port))


def suggested(text: str, source: str, destination: str, port: str) -> Suggestion | Refusal:
    """Ask what would allow a connection; documents with a fault are left alone, as the command does."""
    read = loaded(text)
    refused = {problem.ref.identity for problem in read.problems if problem.ref is not None}
    documents = {identity: value for identity, value in read.documents.items() if identity not in refused}
    directory = Directory(read.snapshot)
    ends = (resolve(directory, source), resolve(directory, destination))
    return suggest(directory, documents, *ends, parse_port(port))


def pod(place: str, *, address: str = "", node: str = "", host: bool = False, ports: str = "", **labels: str) -> str:
    """Write a Pod, ``NS/NAME``; its ports as ``name:number`` or ``name:number/PROTOCOL``, with spaces between."""
    namespace, _, name = place.partition("/")
    written = []
    for item in ports.split():
        port_name, _, rest = item.partition(":")
        number, _, protocol = rest.partition("/")
        written.append(f"{{name: {port_name}, containerPort: {number}, protocol: {protocol or 'TCP'}}}")
    pairs = ", ".join(f"{key}: {value!r}" for key, value in labels.items())
    return (
        "apiVersion: v1\nkind: Pod\n"
        f"metadata: {{name: {name}, namespace: {namespace}, labels: {{{pairs}}}}}\n"
        f"spec: {{hostNetwork: {str(host).lower()}, {f'nodeName: {node}, ' if node else ''}"
        f"containers: [{{name: c, image: i, ports: [{', '.join(written)}]}}]}}\n"
        f"status: {{phase: Running{f', podIP: {address!r}' if address else ''}}}\n---\n"
    )


def network_policy(place: str, spec: str) -> str:
    """Write a NetworkPolicy, ``NS/NAME``; ``spec`` is flow or block YAML, indented by two."""
    namespace, _, name = place.partition("/")
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n{spec.rstrip()}\n---\n"
    )


def cluster_policy(name: str, tier: str, priority: int, rules: str) -> str:
    """Write a ClusterNetworkPolicy about every pod; ``rules`` is block YAML, indented by two."""
    return (
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
        f"metadata: {{name: {name}}}\nspec:\n  tier: {tier}\n  priority: {priority}\n"
        f"  subject: {{namespaces: {{}}}}\n{rules.rstrip()}\n---\n"
    )
