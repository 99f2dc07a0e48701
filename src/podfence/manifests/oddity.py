"""Tell quickly which policies need the long look of the API server's own rules.

Judging every policy of a large cluster would take longer than reading it, and nearly all are plain. What the
conversion to the model cannot read it reports itself; here is what it has no reason to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from podfence.manifests.convert.selectors import is_label_key, is_label_value
from podfence.manifests.documents import Item
from podfence.manifests.validation.cidr import parse_sloppy, strict_complaint
from podfence.manifests.validation.names import dns_label_complaints, dns_subdomain_complaints
from podfence.model.policy import AddressPeer, Policy

CLUSTER_POLICIES = frozenset({"AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"})

_TOP_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec"})
_COMMON_METADATA = frozenset({"name", "namespace", "labels", "annotations"})
_SERVER_METADATA = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
_ANNOTATIONS_BYTES = 256 * 1024
_WIDEST_SIGN = 4
_SERVED = "networking.k8s.io/v1"


def may_be_refused(item: Item, value: Mapping[str, Any], policy: Policy) -> bool:
    """Tell whether an API server might refuse a policy whose spec can be read; ``False`` means that it does not.

    ``value`` is its plain value, ``policy`` what was made of it.

    Cluster-scoped policies are few and their schema bounds every list, so each of them may.
    """
    return (
        item.kind in CLUSTER_POLICIES
        or item.api_version != _SERVED
        or not _TOP_FIELDS.issuperset(value)
        or bool(item.duplicates)
        or not _is_plain(value.get("metadata"))
        or not all(_is_strict(text) for text in _blocks(policy))
    )


def _blocks(policy: Policy) -> Iterator[str]:
    for rule in (*(policy.ingress or ()), *(policy.egress or ())):
        for peer in rule.peers or ():
            if isinstance(peer, AddressPeer):
                yield peer.text


@lru_cache(maxsize=1 << 14)
def _is_strict(block: str) -> bool:
    """Tell whether the servers of today take every CIDR of a block, which is spelled as ``AddressPeer`` does."""
    parsed = [parse_sloppy(cidr) for cidr in block.replace(" except ", ", ").split(", ")]
    return all(cidr is not None and strict_complaint(cidr) is None for cidr in parsed)


def _is_plain(metadata: object) -> bool:
    """Tell whether metadata is what nearly everybody writes, or what a live cluster adds to it."""
    if not isinstance(metadata, dict):
        return False
    live = isinstance(metadata.get("uid"), str)
    known = _COMMON_METADATA | _SERVER_METADATA if live else _COMMON_METADATA
    return (
        known.issuperset(metadata)
        and _is_named(metadata.get("name"), metadata.get("namespace"))
        and _are_labels(metadata.get("labels"))
        and _are_texts(metadata.get("annotations"))
    )


def _is_named(name: object, namespace: object) -> bool:
    return (
        isinstance(name, str)
        and not dns_subdomain_complaints(name)
        and (not namespace or (isinstance(namespace, str) and _is_namespace(namespace)))
    )


@lru_cache(maxsize=1 << 14)
def _is_namespace(name: str) -> bool:
    return not dns_label_complaints(name)


def _are_labels(labels: object) -> bool:
    return labels is None or (
        isinstance(labels, dict)
        and all(isinstance(value, str) and is_label_value(value) and is_label_key(key) for key, value in labels.items())
    )


def _are_texts(annotations: object) -> bool:
    if annotations is None:
        return True
    return (
        isinstance(annotations, dict)
        and all(isinstance(value, str) and is_label_key(key.lower()) for key, value in annotations.items())
        and sum(len(key) + len(value) for key, value in annotations.items()) < _ANNOTATIONS_BYTES // _WIDEST_SIGN
    )
