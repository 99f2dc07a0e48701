"""The live cluster as input: which one the options mean, and everything in it as items.

``--kubeconfig`` and ``--context`` are kept beside the command instead of among its arguments, so that whatever reads
PATHs reads a cluster as well.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.kube.config import Connection
    from podfence.kube.kinds import Kind
    from podfence.kube.reading import ClusterReading
    from podfence.lab.folder import LabFolder

_KEPT = "podfence.cluster"

LIVE = "live"
LAB = "lab"


def keep(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Keep the value of an option for ``chosen``; a callback of click."""
    context.meta.setdefault(_KEPT, {})[option.name] = value


def keep_named(context: click.Context, _: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Keep a PATH that names a cluster (``named``) for ``chosen`` if it is the only one; gives the others."""
    if len(paths) != 1 or paths[0].partition(":")[0] not in (LIVE, LAB) or Path(paths[0]).exists():
        return paths
    context.meta.setdefault(_KEPT, {})["named"] = paths[0]
    return ()


def _kept() -> dict[str, Any]:
    context = click.get_current_context(silent=True)
    kept: dict[str, Any] = {} if context is None else context.meta.setdefault(_KEPT, {})
    return kept


def chosen() -> Connection:
    """Give the connection to the cluster that the options mean. Raises ``PodfenceError`` with what to do."""
    kept = _kept()
    if "connection" not in kept:
        from podfence.kube.config import connection

        by_name = named(kept["named"]) if "named" in kept else None
        kept["connection"] = by_name or connection(kept.get("kubeconfig"), kept.get("context"))
    found: Connection = kept["connection"]
    return found


def named(text: str) -> Connection | None:
    """Give the cluster that ``live[:CONTEXT]`` or ``lab[:NAME]`` names, ``None`` for any other text.

    Raises ``PodfenceError`` when there is no such cluster.
    """
    word, _, name = text.partition(":")
    if word == LIVE:
        from podfence.kube.config import connection

        return connection(_kept().get("kubeconfig"), name or _kept().get("context"))
    if word == LAB:
        from podfence.kube.config import connection

        folder = lab_named(text)
        return connection(str(folder.kubeconfig)) if folder is not None else None
    return None


def lab_named(text: str) -> LabFolder | None:
    """Give the running lab that ``lab[:NAME]`` names, ``None`` for any other text.

    Raises ``PodfenceError`` when no such lab runs.
    """
    word, _, name = text.partition(":")
    if word != LAB:
        return None
    from podfence.lab.control_client import require
    from podfence.lab.folder import DEFAULT_NAME, LabFolder

    return require(LabFolder(name or DEFAULT_NAME))


def read_live(*, quiet: bool, connection: Connection | None = None, more: Sequence[Kind] = ()) -> ClusterReading:
    """List everything that is read of a cluster, the chosen one by default, and say how far it is if it takes long.

    Kinds of which there may be none, or which may not be listed, are ``more``.

    Raises ``PodfenceError`` when a list fails: an answer without it would be wrong.
    """
    from podfence.cli.progress import Progress
    from podfence.kube.client import UnreachableError
    from podfence.kube.config import GIVE_PATHS
    from podfence.kube.reading import read_cluster

    connection = connection or chosen()
    try:
        with Progress(wanted=not quiet) as progress:
            live = read_cluster(
                connection, more=more, on_page=lambda done, total: progress.step("listing the cluster", total, done)
            )
    except UnreachableError as error:
        raise PodfenceError(f"{error}; {GIVE_PATHS}") from None
    if live.hidden and not quiet:
        hidden = ", ".join(live.hidden)
        print(f"may not be listed: {hidden}; what is allowed here they may deny", file=sys.stderr)
    if live.unread and not quiet:
        unread = ", ".join(live.unread)
        print(f"cannot be listed: {unread}; what policies mean for them is not checked", file=sys.stderr)
    return live


def searched(paths: tuple[str, ...]) -> str:
    """Name the input for people: the PATHs, or the cluster where there are none."""
    return ", ".join(paths) if paths else chosen().name


def shown_namespace(paths: tuple[str, ...], namespace: str | None, *, all_namespaces: bool = False) -> str | None:
    """Give the namespace to narrow an answer to, ``None`` for all: of a cluster that which its context names."""
    if all_namespaces:
        return None
    if namespace is not None or paths:
        return namespace
    return chosen().namespace or None
