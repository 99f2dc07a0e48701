"""``podfence test``: assertions about who may talk to whom, in a file, held against a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from podfence.cli.live import lab_named, named
from podfence.cli.options import Output, cluster, outputs, pod_cidr, talk, write_outputs
from podfence.cli.progress import Progress
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.engine.assertions import Outcome
    from podfence.model.assertion import Assertion
    from podfence.model.snapshot import Snapshot

FORMATS = ("text", "json", "junit")

_PACKET_TIMEOUT_S = 1.0
"""How long a packet is waited for."""


@click.command(short_help="Whether the cluster is as a file expects it.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--against",
    multiple=True,
    metavar="PATH",
    help="What to hold the tests against: a file, a folder, -, live[:CONTEXT] or lab[:NAME]. May be repeated.",
)
@cluster
@click.option("--init", is_flag=True, help="Write a first file of tests from what is true today, and exit.")
@click.option("-n", "--namespace", metavar="NAMESPACE", help="Namespace of ends that name none.")
@outputs(*FORMATS)
@pod_cidr
@talk
def command(
    *,
    files: tuple[str, ...],
    against: tuple[str, ...],
    init: bool,
    namespace: str | None,
    outputs: tuple[Output, ...],
    pod_cidrs: tuple[str, ...],
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Hold the tests of FILEs (kind: ConnectivityTest) against manifests, the objects of a cluster, or a lab's packets.

    A test says which ends may, or may not, reach which, on which ports. expect: allow holds when every pair may,
    expect: deny when none may, and only: true when nobody else may. Exit codes: 0 all hold, 1 some do not, 2 a
    test or the input could not be read.
    """
    if init == bool(files):
        raise click.UsageError("give FILEs with tests, or --init to have a first one written")
    assertions = () if init else _assertions(files)
    with Progress(wanted=not quiet) as progress:
        progress.step("reading")
        snapshot, searched = _snapshot(against, namespace, pod_cidrs, quiet=quiet)
        if init:
            return _init(snapshot)
        outcomes = _examine(assertions, snapshot, namespace, searched, progress)
        outcomes = _with_packets(outcomes, against, namespace, progress)
    _write(outcomes, outputs, color, verbose=verbose)
    if any(outcome.error for outcome in outcomes):
        return 2
    return 0 if all(outcome.holds for outcome in outcomes) else 1


def _snapshot(
    against: tuple[str, ...], namespace: str | None, pod_cidrs: tuple[str, ...], *, quiet: bool
) -> tuple[Snapshot, str]:
    """Read what the tests are held against, and its name for people; without anything the chosen cluster."""
    from podfence.cli.live import searched
    from podfence.cli.reading import gather_live, read_manifests

    connection = named(against[0]) if len(against) == 1 else None
    if connection is not None:
        return gather_live(connection, pod_cidrs, quiet=quiet).snapshot, connection.name
    loaded = read_manifests(
        against,
        stdin=sys.stdin.buffer,
        namespace=namespace,
        pod_cidrs=pod_cidrs,
        strict=False,
        quiet=quiet,
        verbose=False,
    )
    return loaded.snapshot, searched(against)


def _assertions(files: tuple[str, ...]) -> tuple[Assertion, ...]:
    from podfence.manifests.assertions import read_assertions
    from podfence.manifests.inputs import read_inputs

    found = read_assertions(read_inputs(files, stdin=sys.stdin.buffer))
    if not found:
        raise PodfenceError(f"no tests in {', '.join(files)}; podfence test --init writes a first file")
    return found


def _init(snapshot: Snapshot) -> int:
    from podfence.engine.connectivity import Connectivity
    from podfence.engine.endpoints import Grouping
    from podfence.report.assertions_file import assertions_file

    sys.stdout.write(assertions_file(Connectivity(snapshot, Grouping.WORKLOAD)))
    return 0


def _examine(
    assertions: Sequence[Assertion], snapshot: Snapshot, namespace: str | None, searched: str, progress: Progress
) -> list[Outcome]:
    from podfence.engine.assertions import Examiner

    examiner = Examiner(snapshot, namespace, searched)
    return [examiner.examine(item) for item in progress.over("testing", assertions, len(assertions), every=1)]


def _with_packets(
    outcomes: list[Outcome], against: tuple[str, ...], namespace: str | None, progress: Progress
) -> list[Outcome]:
    """Hold the tests against packets as well, when they are held against a lab."""
    folder = lab_named(against[0]) if len(against) == 1 else None
    if folder is None:
        return outcomes
    from podfence.lab.asserting import hold

    progress.step("trying connections")
    return hold(folder, outcomes, namespace, _PACKET_TIMEOUT_S)


def _write(outcomes: list[Outcome], outputs: tuple[Output, ...], color: str, *, verbose: bool) -> None:
    from podfence.cli.lines import line_reader

    def text(on_screen: bool) -> str:  # noqa: FBT001 (the one thing that a text is told)
        from podfence.report.assertions_text import assertions_text
        from podfence.report.term import Terminal, terminal_for

        terminal = terminal_for(sys.stdout, color) if on_screen else Terminal()
        return "".join(f"{line}\n" for line in assertions_text(outcomes, line_reader(), terminal, verbose=verbose))

    def plain(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.assertions_json import assertions_json

        return assertions_json(outcomes)

    def xml(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.assertions_junit import assertions_junit

        return assertions_junit(outcomes, line_reader())

    texts: dict[str, Callable[[bool], str]] = {"text": text, "json": plain, "junit": xml}
    write_outputs(outputs, texts)
