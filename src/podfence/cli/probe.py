"""``podfence probe``: whether policy is enforced on this cluster, on every node, now."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import click

from podfence.cli.live import chosen
from podfence.cli.options import Output, cluster, outputs, talk, write_outputs
from podfence.cli.progress import Progress

if TYPE_CHECKING:
    from podfence.kube.probe_stage import Settings
    from podfence.model.enforcement import ProbeResult

_ENFORCED, _NOT_ENFORCED, _UNKNOWN = 0, 1, 2


@click.command(short_help="Whether policy is enforced on every node, now.")
@cluster
@click.option("--node", "nodes", multiple=True, metavar="NODE", help="Only this node. May be repeated.")
@click.option("--image", metavar="IMAGE", help="Image of the pods, with /agnhost in it (default: agnhost 2.47).")
@click.option(
    "--timeout",
    "settle_s",
    type=click.FloatRange(1),
    default=20.0,
    metavar="SECONDS",
    help="How long to wait for a policy to take effect (default: 20).",
)
@outputs("text", "json")
@talk
def command(
    *,
    nodes: tuple[str, ...],
    image: str | None,
    settle_s: float,
    outputs: tuple[Output, ...],
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Find out with real connections whether NetworkPolicy is enforced on every node of a cluster.

    In a namespace of its own, a pod on each node connects to one on the same node and to one on the next: that
    must work without policies, stop with a deny, and work again with an allow, for ingress and for egress. The
    namespace goes in the end, also after Ctrl-C.

    Exit codes: 0 enforced everywhere, 1 not enforced on some node (PF300), 2 it cannot be told.
    """
    from podfence.kube.probe_plan import IMAGE
    from podfence.kube.probe_stage import Settings
    from podfence.model.enforcement import Enforcement

    settings = Settings(nodes=nodes, image=image or IMAGE, settle_s=settle_s)
    with Progress(wanted=not quiet) as progress:
        try:
            result = asyncio.run(_probe(settings, progress, verbose=verbose))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None  # ended by a signal, after it cleaned up
    _write(result, outputs, color, quiet=quiet)
    if result.with_worst(Enforcement.NOT_ENFORCED):
        return _NOT_ENFORCED
    return _UNKNOWN if result.with_worst(Enforcement.UNKNOWN) else _ENFORCED


async def _probe(settings: Settings, progress: Progress, *, verbose: bool) -> ProbeResult:
    from podfence.kube.client import Client
    from podfence.kube.probe import Probe

    def tell(text: str) -> None:
        progress.step(text)
        if verbose:
            print(text, file=sys.stderr)

    running = asyncio.current_task()
    if running is not None:
        # As Ctrl-C does: the probe is cancelled, and cleans up. Windows has no such handlers.
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with Client(chosen()) as client:
        return await Probe(client, settings, tell=tell).run()


def _write(result: ProbeResult, outputs: tuple[Output, ...], color: str, *, quiet: bool) -> None:
    from podfence.report.probe_json import probe_json
    from podfence.report.probe_text import probe_text
    from podfence.report.term import Terminal, terminal_for

    def text(on_screen: bool) -> str:  # noqa: FBT001 (the one thing that a text is told)
        terminal = terminal_for(sys.stdout, color) if on_screen else Terminal()
        return "".join(f"{line}\n" for line in probe_text(result, terminal, quiet=quiet))

    write_outputs(outputs, {"text": text, "json": lambda _: probe_json(result)})
