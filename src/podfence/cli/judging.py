"""Which API server judges: of which version, and with which CRDs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.manifests.validation.admission import Server

STRICT_SINCE = (1, 36)
"""Kubernetes refuses ambiguous CIDRs from this version on."""

_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:[.+-].*)?\Z")


def server_for(version: str | None, channel: str = "experimental") -> Server:
    """Choose the server to judge for: strict about CIDRs from 1.36 on. Raises ``PodfenceError``."""
    from podfence.manifests.validation.admission import Server
    from podfence.manifests.validation.cluster_policy import Channel
    from podfence.manifests.validation.ip_block import CidrRegime

    regime = CidrRegime.STRICT
    if version and version != "latest":
        match = _VERSION.match(version)
        if match is None:
            raise PodfenceError(f"--kubernetes-version {version}: no version; write 1.35 or v1.36.3")
        if (int(match[1]), int(match[2])) < STRICT_SINCE:
            regime = CidrRegime.LENIENT
    return Server(regime, Channel(channel))
