"""The lab's own ``/agnhost``: the sub-commands of Kubernetes' test image that policy tests and tutorials use."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore, run

SUBCOMMANDS = {
    "connect": "connect",
    "netexec": "netexec",
    "pause": "pause",
    "porter": "porter",
    "serve-hostname": "serve_hostname",
}


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Run a sub-command; ``arguments`` start with the program's own name."""
    words = list(arguments[1:])
    if not words or words[0] in {"help", "--help", "-h"}:
        print("Usage:\n  agnhost [command]\n\nAvailable Commands:")
        print("\n".join(f"  {name}" for name in sorted(SUBCOMMANDS)), flush=True)
        ready()
        return 0
    if words[0] not in SUBCOMMANDS:
        print(f'Error: unknown command "{words[0]}" for "app"', file=sys.stderr, flush=True)
        ready()
        return 1
    return run(SUBCOMMANDS[words[0]], words, ready)
