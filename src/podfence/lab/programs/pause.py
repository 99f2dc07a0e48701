"""``/pause``: does nothing until it is told to end, and then ends well."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Wait for SIGTERM or SIGINT."""
    del arguments
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    ready()
    signal.sigwait(ending)
    return 0
