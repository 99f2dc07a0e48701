"""One object of a cluster came, changed or went: what a watcher tells to whoever keeps something up to date."""

from __future__ import annotations

import msgspec

from podfence.model.objects import EndpointSlice, Namespace, Node, Pod, Service
from podfence.model.policy import Policy

Changing = Namespace | Pod | Node | Service | EndpointSlice | Policy


class Change(msgspec.Struct, frozen=True, gc=False):
    """The object before and after, of one kind and identity; ``None`` before it came and after it went.

    A pod that has Succeeded or Failed is gone, as it is for every other part of the model.
    """

    before: Changing | None
    after: Changing | None
