"""Bodies in protobuf: the one place that knows who decodes them."""

from __future__ import annotations

from typing import Any

from podfence.lab.apiserver.status import unsupported_media_type


def decode_protobuf(text: bytes) -> dict[str, Any]:
    r"""Decode the envelope ``k8s\\0`` and the object in it; raises 415 as long as no decoder is there."""
    del text
    raise unsupported_media_type(("application/json", "application/yaml"))
