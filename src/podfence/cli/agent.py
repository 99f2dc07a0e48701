"""``podfence agent``: what enforces the policies on a node; for now it shows what it would load."""

from __future__ import annotations

import sys

import click

from podfence.cli.options import inputs, pod_cidr, talk
from podfence.model.error import PodfenceError
from podfence.model.snapshot import Snapshot


@click.command(short_help="Enforce the policies on a node.")
@inputs
@click.option("--render", is_flag=True, help="Print the nftables text for the manifests in PATH, and exit.")
@click.option("--node", metavar="NAME", help="The node to enforce on.")
@click.option("--audit", is_flag=True, help="Log what would be dropped, and drop nothing.")
@pod_cidr
@talk
def command(
    *,
    paths: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    render: bool,
    node: str | None,
    audit: bool,
    pod_cidrs: tuple[str, ...],
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Enforce the network policies of a cluster on one node.

    With --render nothing is enforced: the nftables text that the node would load for these manifests is printed.
    That needs no root and works on any system. Exit codes: 0 fine, 2 the question could not be answered.
    """
    del all_namespaces, color  # a node has pods of any namespace, and nft knows no colours
    from podfence.cli.reading import read_manifests
    from podfence.dataplane.render import render as rendered
    from podfence.dataplane.settings import Settings

    if not render or node is None:
        raise click.UsageError("give --render --node NAME PATH...")
    loaded = read_manifests(
        paths,
        stdin=sys.stdin.buffer,
        namespace=namespace,
        pod_cidrs=pod_cidrs,
        strict=strict,
        quiet=quiet,
        verbose=verbose,
    )
    _require_node(loaded.snapshot, node)
    sys.stdout.write(rendered(loaded.snapshot, Settings(node, audit=audit)))
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
