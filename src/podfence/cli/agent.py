"""``podfence agent``: enforces on a node, shows what it would load, or removes what it left."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from podfence.cli.options import inputs, talk
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.agent.agent import Places
    from podfence.agent.interface import AgentOptions
    from podfence.model.net import AddressRange
    from podfence.model.snapshot import Snapshot

UNINSTALL = "uninstall"


@click.command(short_help="Enforce policies on this node with nftables.")
@inputs
@click.option("--node", metavar="NAME", envvar="NODE_NAME", help="The node's name (default: NODE_NAME).")
@click.option("--render", is_flag=True, help="Print the nftables text for these manifests, and load nothing.")
@click.option("--audit", is_flag=True, help="Log what would be dropped, and drop nothing.")
@click.option(
    "--cutoff",
    type=click.Choice(("all", "none")),
    default="all",
    help="Connections that a change denies: cut all, or none.",
)
@click.option(
    "--unready",
    type=click.Choice(("drop", "accept")),
    default="drop",
    help="Traffic of pods of this node that are not programmed yet.",
)
@click.option(
    "--pod-cidr",
    "pod_cidrs",
    multiple=True,
    metavar="CIDR",
    help="Where pods of this node live, so that unready ones are known. May be repeated.",
)
@click.option(
    "--resolver",
    "resolvers",
    multiple=True,
    metavar="ADDRESS",
    help="A resolver beside cluster DNS whose answers domainNames go by. May be repeated.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:9470",
    show_default=True,
    help="Where to serve /livez, /readyz and /metrics.",
)
@click.option("--flows-socket", metavar="PATH", help="Where to serve flows (default: /run/podfence/NODE.sock).")
@talk
def command(
    *,
    paths: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    node: str | None,
    render: bool,
    audit: bool,
    cutoff: str,
    unready: str,
    pod_cidrs: tuple[str, ...],
    resolvers: tuple[str, ...],
    listen: str,
    flows_socket: str | None,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Enforce the policies of a cluster on this node, until told to end; the rules stay enforced after that.

    "podfence agent uninstall" removes them. With --render PATHs are read instead of a cluster, and what would be
    loaded is printed: no root, no cluster, any system. Exit codes: 0 fine, 2 the agent cannot enforce here, or the
    question could not be answered.
    """
    del all_namespaces  # a node has pods of any namespace
    from podfence.agent.interface import AgentOptions

    options = AgentOptions(
        node=_node(node, uninstalls=paths == (UNINSTALL,) and not render),
        audit=audit,
        cuts_off=cutoff == "all",
        drops_unready=unready == "drop",
        pod_ranges=_ranges(pod_cidrs),
        resolvers=_addresses(resolvers),
    )
    if render:
        return _render(options, paths, namespace, pod_cidrs, strict=strict, quiet=quiet, verbose=verbose)
    _configure_logs(color, verbose=verbose)
    if paths == (UNINSTALL,):
        return _uninstall(options)
    if paths:
        raise PodfenceError(f"{paths[0]}: the agent reads a cluster; PATHs go with --render")
    return _run(options, _places(options.node, listen, flows_socket))


def _node(node: str | None, *, uninstalls: bool) -> str:
    if node:
        return node
    if uninstalls:
        return ""
    raise PodfenceError("name the node that this is with --node (or NODE_NAME)")


def _ranges(texts: tuple[str, ...]) -> tuple[AddressRange, ...]:
    from podfence.model.net import parse_cidr, union

    try:
        return union(parse_cidr(text) for text in texts)
    except ValueError as error:
        raise PodfenceError(f"--pod-cidr {error}") from None


def _addresses(texts: tuple[str, ...]) -> tuple[int, ...]:
    from podfence.model.net import parse_address

    try:
        return tuple(sorted({parse_address(text) for text in texts}))
    except ValueError as error:
        raise PodfenceError(f"--resolver {error}; write an address, such as 10.96.0.10") from None


def _places(node: str, listen: str, flows_socket: str | None) -> Places:
    from podfence.agent.agent import Places
    from podfence.flows.place import socket_path

    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise PodfenceError(f"--listen {listen}: write HOST:PORT, such as 127.0.0.1:9470")
    place = Path(flows_socket) if flows_socket is not None else socket_path(node)
    return Places(host.strip("[]"), int(port), place)


def _configure_logs(color: str, *, verbose: bool) -> None:
    from podfence.agent.logs import configure_logs
    from podfence.report.term import terminal_for

    configure_logs(sys.stderr, verbose=verbose, colour=terminal_for(sys.stderr, color).colour)


def _render(
    options: AgentOptions,
    paths: tuple[str, ...],
    namespace: str | None,
    pod_cidrs: tuple[str, ...],
    *,
    strict: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    from podfence.agent.parts import render
    from podfence.cli.reading import read_manifests

    loaded = read_manifests(
        paths,
        stdin=sys.stdin.buffer,
        namespace=namespace,
        pod_cidrs=pod_cidrs,
        strict=strict,
        quiet=quiet,
        verbose=verbose,
    )
    _require_node(loaded.snapshot, options.node)
    sys.stdout.write(render(loaded.snapshot, options))
    return 0


def _require_node(snapshot: Snapshot, node: str) -> None:
    """Raise ``PodfenceError`` when nothing in the input is on the node, or is it."""
    names = {item.name for item in snapshot.nodes} | {pod.node for pod in snapshot.pods if pod.node is not None}
    if node not in names:
        known = (
            f"there are {', '.join(sorted(names))}"
            if names
            else "no pod there has a spec.nodeName; kubectl get pods -A -o yaml gives them"
        )
        raise PodfenceError(f"there is no node {node} in the input: {known}")


def _uninstall(options: AgentOptions) -> int:
    from podfence.agent.parts import make_dataplane

    _require_root()
    make_dataplane(options).uninstall()
    return 0


def _run(options: AgentOptions, places: Places) -> int:
    import asyncio

    from podfence.agent.agent import refuse_unfit_host, run_agent
    from podfence.agent.heap import keep_one_heap
    from podfence.agent.parts import make_parts
    from podfence.cli.live import chosen

    _require_root()
    keep_one_heap()
    gc.enable()  # switched off for commands that end soon
    parts = make_parts(options, chosen())
    refuse_unfit_host(parts)

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_agent(options, parts, places, stop)

    asyncio.run(until_signal())
    return 0


def _require_root() -> None:
    if sys.platform != "linux":
        raise PodfenceError("the agent enforces on Linux only; --render works everywhere")
    if os.geteuid() != 0:
        raise PodfenceError("the agent needs root (CAP_NET_ADMIN); --render works without")
