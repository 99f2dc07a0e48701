"""``podfence why SRC DST PORT``: is this connection allowed, which rule decided, and what would change it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from podfence.cli.live import searched, shown_namespace
from podfence.cli.names import complete_endpoint
from podfence.cli.options import Output, inputs, max_memory, outputs, pod_cidr, talk, write_outputs
from podfence.cli.progress import Progress

if TYPE_CHECKING:
    from podfence.engine.directory import Directory
    from podfence.engine.explanation import Explanation
    from podfence.manifests.loaded import Identity, Loaded
    from podfence.report.patch import Insertion
    from podfence.report.why_text import Remedy
    from podfence.synthesis.edit import Edit
    from podfence.synthesis.suggest import Suggestion

_ALLOWED, _DENIED, _REFUSED = 0, 1, 2


@click.command(short_help="Why one connection is allowed or denied.")
@click.argument("source", metavar="SRC", shell_complete=complete_endpoint)
@click.argument("destination", metavar="DST", shell_complete=complete_endpoint)
@click.argument("port", metavar="PORT")
@inputs
@outputs("text", "json")
@pod_cidr
@max_memory
@talk
def command(
    *,
    source: str,
    destination: str,
    port: str,
    paths: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    outputs: tuple[Output, ...],
    pod_cidrs: tuple[str, ...],
    max_memory: int | None,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say whether SRC may connect to PORT of DST, which policies and rules decide, and what would allow it.

    \b
    SRC and DST  NS/NAME          a pod or workload, NS/KIND/NAME to be exact
                 NS/service/NAME  its pods; PORT is then the Service's
                 10.0.0.7         an address, or a block such as 10.0.0.0/8
                 node/NAME        a node
                 internet         every public address
    PORT         80, 53/UDP, http (by name), icmp, other

    An argument that stands for several endpoints is allowed only if all are. Without PATH the live cluster is
    read. Exit codes: 0 allowed, 1 denied, 2 there is no answer.
    """  # noqa: D301 (click marks a paragraph that must not be wrapped with a backspace)
    from podfence.cli.memory import memory_limit
    from podfence.cli.reading import read_manifests
    from podfence.engine.directory import Directory
    from podfence.engine.explanation import explain
    from podfence.engine.question import parse_port
    from podfence.engine.resolve import resolve

    asked = parse_port(port)
    home = shown_namespace(paths, namespace, all_namespaces=all_namespaces)
    with Progress(wanted=not quiet) as progress:
        progress.step("reading")
        loaded = read_manifests(
            paths,
            stdin=sys.stdin.buffer,
            namespace=namespace,
            pod_cidrs=pod_cidrs,
            strict=False,  # the answer is given all the same
            quiet=quiet,
            verbose=verbose,
        )
        directory = Directory(loaded.snapshot, searched=searched(paths))
        start, end = (resolve(directory, text, home) for text in (source, destination))
        found = _with_refusals(explain(directory, start, end, asked), loaded)
        remedy = (
            None if found.verdict.allowed else _remedy(directory, loaded, found, memory_limit(max_memory), progress)
        )
    _write(found, remedy, outputs, color)
    if strict and loaded.problems:
        return _REFUSED
    return _ALLOWED if found.verdict.allowed else _DENIED


def _with_refusals(found: Explanation, loaded: Loaded) -> Explanation:
    """Add to the notes which of the policies that matter the API server refuses, unless a note says it already."""
    import msgspec

    near = {policy.ref.identity for policy in found.answer.near.policies}
    notes: dict[Identity, str] = {}
    for problem in loaded.problems:
        ref = problem.ref
        if (
            ref is None
            or ref.identity not in near
            or any(note.startswith(f"{ref.name} cannot be read at") for note in found.notes)
        ):
            continue
        where = f" at {problem.path}" if problem.path else ""
        place = problem.position
        if place is not None:
            where += f" ({place.file}:{place.line})"
        notes.setdefault(
            ref.identity,
            f"the API server refuses {ref.kind} {ref.name}{where}; "
            f"what cannot be read fails closed, so that it opens nothing",
        )
    return msgspec.structs.replace(found, notes=(*found.notes, *notes.values()))


def _write(found: Explanation, remedy: Remedy | None, outputs: tuple[Output, ...], color: str) -> None:
    def text(on_screen: bool) -> str:  # noqa: FBT001 (the one thing that a text is told)
        from podfence.cli.lines import line_reader
        from podfence.report.term import Terminal, terminal_for
        from podfence.report.why_text import why_text

        terminal = terminal_for(sys.stdout, color) if on_screen else Terminal()
        return why_text(found, remedy, line_reader(), terminal)

    def plain(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.why_json import why_json

        return why_json(found, remedy)

    write_outputs(outputs, {"text": text, "json": plain})


def _remedy(directory: Directory, loaded: Loaded, found: Explanation, limit: int, progress: Progress) -> Remedy:
    """Find out what would allow a denied connection, and put it into words."""
    from podfence.report.why_text import Remedy
    from podfence.synthesis.suggest import Refusal, suggest

    refused = {problem.ref.identity for problem in loaded.problems if problem.ref is not None}
    documents = {identity: value for identity, value in loaded.documents.items() if identity not in refused}
    question = (found.source, found.destination, found.port)
    suggested = suggest(directory, documents, *question, limit=limit, progress=progress.step)
    if isinstance(suggested, Refusal):
        return Remedy(reason=suggested.reason)
    return Remedy(
        insertions=tuple(_insertion(edit, loaded) for edit in suggested.edits),
        besides=_besides(suggested),
        manifests=suggested.manifests,
    )


def _insertion(edit: Edit, loaded: Loaded) -> Insertion:
    from podfence.report.patch import Insertion

    document = loaded.documents.get(edit.identity, {})
    return Insertion(edit.ref, edit.path, edit.index, edit.items, document, above=edit.ordered)


def _besides(suggested: Suggestion) -> tuple[str, ...]:
    """Say what opens besides what was asked, and how much more there is than is said."""
    from podfence.report.ports import ports_text

    lines = [f"{item.source} → {item.destination} {ports_text(item.ports)}" for item in suggested.besides]
    if suggested.pairs > len(lines):
        lines.append(f"in all {suggested.pairs:,} pairs of endpoints")
    return tuple(lines)
