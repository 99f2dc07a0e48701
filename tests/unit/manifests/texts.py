"""Manifests as text, read the way a file is."""

from __future__ import annotations

import textwrap

from podfence.manifests.gather import gather
from podfence.manifests.inputs import read_data
from podfence.manifests.loaded import Loaded
from podfence.model.net import PRIVATE_IPV4, AddressRange
from podfence.model.policy import Policy


def loaded(
    text: str,
    *,
    file: str = "cluster.yaml",
    namespace: str = "default",
    pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4,
) -> Loaded:
    """Read a manifest that is given in the test."""
    data = textwrap.dedent(text).encode()
    return gather(read_data(data, file), namespace=namespace, pod_ranges=pod_ranges)


def policy(text: str) -> Policy:
    """Read a manifest that holds one policy."""
    (only,) = loaded(text).snapshot.policies
    return only


def problems(text: str) -> list[str]:
    """List the fields that are wrong in a manifest, in the order of the text."""
    return [problem.path for problem in loaded(text).problems]
