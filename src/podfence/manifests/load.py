"""From paths to a snapshot: what ``map``, ``why`` and every other command that answers from manifests begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from podfence.manifests.collector import paused_gc
from podfence.manifests.gather import LATEST, gather
from podfence.manifests.inputs import read_inputs
from podfence.manifests.loaded import Loaded
from podfence.manifests.validation.admission import Server
from podfence.model.net import PRIVATE_IPV4, AddressRange


def load(
    paths: Sequence[str],
    *,
    stdin: BinaryIO,
    namespace: str = "default",
    pod_ranges: tuple[AddressRange, ...] = PRIVATE_IPV4,
    server: Server = LATEST,
    is_excluded: Callable[[str], bool] | None = None,
) -> Loaded:
    """Read files, folders and ``-`` into a snapshot.

    ``namespace`` is that of objects which name none; ``pod_ranges`` is where pods of unknown address may live,
    empty for nowhere; ``server`` judges policies that look odd; ``is_excluded`` leaves files of folders out. Faults
    in the text end in ``Loaded.problems``; raises ``PodfenceError`` only for a path that cannot be opened.
    """
    with paused_gc():
        readings = read_inputs(paths, stdin=stdin, is_excluded=is_excluded)
        return gather(readings, namespace=namespace, pod_ranges=pod_ranges, server=server)
