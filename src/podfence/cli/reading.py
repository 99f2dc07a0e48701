"""From PATHs, or from a cluster without any, to a snapshot for the commands that answer from one.

What was noticed on the way goes to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from podfence.cli.live import read_live, searched
from podfence.cli.settings import is_excluded
from podfence.model.error import PodfenceError
from podfence.model.net import PRIVATE_IPV4, AddressRange, parse_cidr, union
from podfence.model.text import one_line

if TYPE_CHECKING:
    from podfence.kube.config import Connection
    from podfence.manifests.loaded import Loaded

MOST_PROBLEMS = 100
"""Problems that are written out; the rest is counted."""


class StrictError(PodfenceError):
    """With ``--strict``: the input holds what the API server would refuse."""


def read_manifests(
    paths: tuple[str, ...],
    *,
    stdin: BinaryIO,
    namespace: str | None,
    pod_cidrs: Iterable[str],
    strict: bool,
    quiet: bool,
    verbose: bool,
) -> Loaded:
    """Read a snapshot and say on standard error what the API server would refuse, once for each place.

    Without any path the live cluster is read. Raises ``PodfenceError`` for a path that cannot be opened, a cluster
    that cannot be read and input without any Kubernetes object; ``StrictError`` when ``strict`` and something would
    be refused.
    """
    from podfence.manifests.load import load

    if paths:
        ranges, left_out = pod_ranges(pod_cidrs), is_excluded()
        loaded = load(paths, stdin=stdin, namespace=namespace or "default", pod_ranges=ranges, is_excluded=left_out)
    else:
        loaded = gather_live(None, pod_cidrs, quiet=quiet)
    if not quiet:
        say_problems(loaded)
        say_other_policies(loaded)
    if verbose:
        say_left_out(loaded)
    if not loaded.objects:
        raise PodfenceError(f"no Kubernetes objects in {searched(paths)}{_reason(loaded)}")
    if strict and loaded.problems:
        raise StrictError("--strict: the API server would refuse some of the input; podfence check says what")
    return loaded


def gather_live(connection: Connection | None, pod_cidrs: Iterable[str], *, quiet: bool) -> Loaded:
    """Read a cluster, the chosen one without a connection. Raises ``PodfenceError`` when it cannot be read."""
    from podfence.cli.judging import server_for
    from podfence.manifests.collector import paused_gc
    from podfence.manifests.gather import gather

    ranges = pod_ranges(pod_cidrs)
    with paused_gc():
        live = read_live(quiet=quiet, connection=connection)
        return gather(live.items, pod_ranges=ranges, server=server_for(live.version))


def pod_ranges(pod_cidrs: Iterable[str]) -> tuple[AddressRange, ...]:
    """Read every ``--pod-cidr``: where pods of unknown address live, nowhere for ``none``."""
    texts = list(pod_cidrs)
    if not texts:
        return PRIVATE_IPV4
    if "none" in texts:
        if len(texts) > 1:
            raise PodfenceError("--pod-cidr none: give blocks or none, not both")
        return ()
    return union(_block(text) for text in texts)


def say_problems(loaded: Loaded) -> None:
    """Write each problem to standard error, none of them twice, and how many more there are."""
    lines = list(dict.fromkeys(one_line(str(problem)) for problem in loaded.problems))
    for line in lines[:MOST_PROBLEMS]:
        print(line, file=sys.stderr)
    if len(lines) > MOST_PROBLEMS:
        print(f"and {len(lines) - MOST_PROBLEMS:,} more; podfence check lists them all", file=sys.stderr)


def say_other_policies(loaded: Loaded) -> None:
    """Warn on standard error of policies that Podfence does not read: what it calls allowed, they may deny."""
    from podfence.manifests.kinds import is_other_policy

    found = [f"{kind} {count}" for kind, count in loaded.unknown_kinds if is_other_policy(kind.partition(" ")[0])]
    if found:
        kinds = one_line(", ".join(found))
        print(f"not taken into account: {kinds}; what is allowed here they may deny", file=sys.stderr)


def say_left_out(loaded: Loaded) -> None:
    """Write to standard error what was not used and which files were not read."""
    if loaded.unknown_kinds_line:
        print(one_line(loaded.unknown_kinds_line), file=sys.stderr)
    for skipped in loaded.skipped:
        print(one_line(f"not read: {skipped}"), file=sys.stderr)


def _block(text: str) -> AddressRange:
    try:
        return parse_cidr(text)
    except ValueError:
        raise PodfenceError(f"--pod-cidr {text}: not a block of addresses; write 10.244.0.0/16 or none") from None


def _reason(loaded: Loaded) -> str:
    if loaded.problems:
        return "; nothing there could be parsed"
    if not loaded.skipped:
        return ""
    more = f" (and {len(loaded.skipped) - 1} more)" if len(loaded.skipped) > 1 else ""
    return f": not read were {loaded.skipped[0]}{more}"
