"""The program of the image hello-world: says hello and ends."""

from __future__ import annotations

from collections.abc import Sequence

from podfence.lab.programs.commands import Ready, ignore


def main(arguments: Sequence[str], ready: Ready = ignore) -> int:
    """Greet."""
    del arguments
    ready()
    print(
        "\nHello from Docker!\nThis message shows that your installation appears to be working correctly.\n", flush=True
    )
    return 0
