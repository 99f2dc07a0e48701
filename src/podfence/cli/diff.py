"""``podfence diff``: which connections a change opens and closes, and which policy change caused each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from podfence.cli.options import Output, max_memory, outputs, pod_cidr, talk, write_outputs
from podfence.cli.progress import Progress
from podfence.cli.settings import is_excluded
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.engine.difference import Difference
    from podfence.engine.endpoints import Grouping
    from podfence.manifests.inputs import Reading
    from podfence.manifests.loaded import Loaded
    from podfence.model.objects import ObjectRef
    from podfence.report.diff_entries import Entry

FORMATS = ("text", "json", "md", "sarif", "github", "html")


@click.command(short_help="Which connections a change opens and closes.")
@click.argument("old")
@click.argument("new")
@click.option(
    "--by",
    type=click.Choice(("pod", "workload")),
    default="workload",
    help="What an endpoint inside the cluster is (default: workload).",
)
@click.option(
    "--expect",
    type=click.Choice(("equal", "narrower", "wider")),
    help="Exit 0 if NEW allows the same, nothing more, or nothing less than OLD; else 1 and a witness.",
)
@click.option("-n", "--namespace", metavar="NAMESPACE", help="Namespace of objects that name none (default: default).")
@click.option("--strict", is_flag=True, help="Exit 2 when the API server would refuse an object of the input.")
@outputs(*FORMATS)
@pod_cidr
@max_memory
@talk
def command(
    *,
    old: str,
    new: str,
    by: str,
    expect: str | None,
    namespace: str | None,
    strict: bool,
    outputs: tuple[Output, ...],
    pod_cidrs: tuple[str, ...],
    max_memory: int | None,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say which connections a change opens and closes, and which policy change caused each.

    OLD and NEW are files, folders, - for standard input, git:REVISION:PATH, live[:CONTEXT] or lab[:NAME]. What counts
    is what policies mean: another name, order or spelling is no difference. Connections of endpoints that are on one
    side only are left out; those endpoints are named. What a changed policy means for pods that neither side holds is
    a difference, too, and shown by examples. Exit codes: 0 no difference, 1 a difference, 2 no answer.
    """
    from podfence.cli.memory import memory_limit
    from podfence.engine.difference import difference
    from podfence.engine.endpoints import Grouping
    from podfence.engine.joint import join
    from podfence.report.diff_entries import entries

    if old == new == "-":
        raise click.UsageError("standard input (-) can be read only once")
    with Progress(wanted=not quiet) as progress:
        progress.step("reading")
        reader = _Reader(namespace, pod_cidrs, quiet=quiet, verbose=verbose)
        before, after = (reader.read(side, strict=strict) for side in (old, new))
        if not before.objects and not after.objects:
            raise PodfenceError(f"no Kubernetes objects in {old} and {new}: nothing to compare")
        progress.step("comparing")
        joint = join(before.snapshot, after.snapshot, memory_limit(max_memory))
        changes = difference(joint, Grouping(by))
        progress.step("finding causes")
        found = entries(changes)
    if not quiet:
        _say_uncompared(_uncompared(changes, expect))
    if expect is not None:
        return _expected(expect, changes, found, quiet=quiet)
    _write(changes, found, outputs, color, Grouping(by))
    return 0 if changes.is_empty else 1


def _say_uncompared(refs: Sequence[ObjectRef]) -> None:
    """Say for which changed policies not everything that they may mean was compared."""
    if refs:
        policies = "1 changed policy" if len(refs) == 1 else f"{len(refs):,} changed policies"
        print(
            f"not all that {policies} may mean for pods outside of the input was compared: {_some(refs)}",
            file=sys.stderr,
        )


def _uncompared(changes: Difference, expect: str | None) -> Sequence[ObjectRef]:
    """List the policies of which something that matters to an answer was not compared for possible pods."""
    possible = changes.joint.possible
    matters = (possible.may_open and expect != "wider") or (possible.may_close and expect != "narrower")
    return possible.unsure if matters else ()


def _some(refs: Sequence[ObjectRef]) -> str:
    return ", ".join(map(str, refs[:_MOST_NAMED])) + (" …" if len(refs) > _MOST_NAMED else "")


class _Reader:
    """Reads the two sides alike; a document that both have is read once."""

    def __init__(self, namespace: str | None, pod_cidrs: tuple[str, ...], *, quiet: bool, verbose: bool) -> None:
        from podfence.manifests.yaml_events import Memory

        self._memory = Memory(whole=True)
        self._namespace = namespace or "default"
        self._pod_cidrs = pod_cidrs
        self._quiet, self._verbose = quiet, verbose

    def read(self, text: str, *, strict: bool) -> Loaded:
        """Read a side; raises ``PodfenceError`` when it cannot be opened, or with ``strict`` holds what is refused."""
        from podfence.cli.live import named
        from podfence.cli.reading import (
            StrictError,
            gather_live,
            pod_ranges,
            say_left_out,
            say_other_policies,
            say_problems,
        )
        from podfence.manifests.collector import paused_gc
        from podfence.manifests.gather import gather

        connection = named(text)
        if connection is not None:
            loaded = gather_live(connection, self._pod_cidrs, quiet=self._quiet)
        else:
            with paused_gc():
                ranges = pod_ranges(self._pod_cidrs)
                loaded = gather(self._readings(text), namespace=self._namespace, pod_ranges=ranges)
        if not self._quiet:
            say_problems(loaded)
            say_other_policies(loaded)
        if self._verbose:
            say_left_out(loaded)
        if strict and loaded.problems:
            raise StrictError("--strict: the API server would refuse some of the input; podfence check says what")
        return loaded

    def _readings(self, text: str) -> Iterable[Reading]:
        from podfence.cli.revision import PREFIX, read_revision
        from podfence.manifests.inputs import read_inputs

        if text.startswith(PREFIX):
            return read_revision(text, self._memory, is_excluded())
        return read_inputs((text,), stdin=sys.stdin.buffer, memory=self._memory, is_excluded=is_excluded())


def _expected(expect: str, changes: Difference, found: Iterable[Entry], *, quiet: bool) -> int:
    """Answer ``--expect``: 0 and a sentence, or 1 and a connection that shows why not."""
    from podfence.report.diff_entries import Names, witness
    from podfence.report.possible import NOT_IN_INPUT

    more, less = expect != "wider", expect != "narrower"
    names = Names(changes, NOT_IN_INPUT)
    shown = next((entry for entry in found if (entry.opened and more) or (not entry.opened and less)), None)
    came = [*(changes.added if more else ()), *(changes.removed if less else ())]
    if shown is None and not came:
        if not quiet:
            click.echo(f"YES  NEW is {_RELATIONS[expect]} OLD{_reservation(_uncompared(changes, expect))}.")
        return 0
    reason = witness(shown, names) if shown is not None else f"{came[0].id} is on one side only"
    click.echo(f"NO  NEW is not {_RELATIONS[expect]} OLD: {reason}.")
    return 1


def _reservation(unsure: Sequence[ObjectRef]) -> str:
    """Say for whom the answer holds, if not for everybody: what was not compared for pods outside of the input."""
    if not unsure:
        return ""
    return f" for the pods of the input; for others, not all that {_some(unsure)} may mean was compared"


_MOST_NAMED = 5
_RELATIONS = {"equal": "equal to", "narrower": "equal to or narrower than", "wider": "equal to or wider than"}


def _write(
    changes: Difference, found: list[Entry], outputs: tuple[Output, ...], color: str, grouping: Grouping
) -> None:
    def text(on_screen: bool) -> str:  # noqa: FBT001 (the one thing that a text is told)
        from podfence.report.diff_text import diff_text
        from podfence.report.term import Terminal, terminal_for

        terminal = terminal_for(sys.stdout, color) if on_screen else Terminal()
        return "".join(f"{line}\n" for line in diff_text(changes, found, terminal))

    def plain(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.diff_json import diff_json

        return diff_json(changes, found)

    def markdown(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.diff_md import diff_md

        return "".join(diff_md(changes, found))

    def sarif(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.diff_annotations import diff_sarif

        return diff_sarif(changes, found)

    def github(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.diff_annotations import diff_github

        return "".join(diff_github(changes, found))

    def html(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.diff_html import diff_html

        return "".join(diff_html(changes, found, grouping))

    texts: dict[str, Callable[[bool], str]] = {
        "text": text,
        "json": plain,
        "md": markdown,
        "sarif": sarif,
        "github": github,
        "html": html,
    }
    write_outputs(outputs, texts)
