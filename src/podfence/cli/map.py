"""``podfence map``: who can reach whom, on which ports."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from podfence.cli.live import searched, shown_namespace
from podfence.cli.names import complete_endpoint
from podfence.cli.options import Output, inputs, max_memory, outputs, pod_cidr, talk
from podfence.cli.progress import Progress
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.engine.connectivity import Connectivity
    from podfence.engine.excerpt import Excerpt
    from podfence.manifests.loaded import Loaded
    from podfence.report.overview import Asked

FORMATS = ("text", "json", "csv", "md", "dot", "mermaid", "html")


@click.command(short_help="Who can reach whom, on which ports.")
@inputs
@click.option(
    "--by",
    type=click.Choice(("pod", "workload", "namespace")),
    default="workload",
    help="What an endpoint inside the cluster is (default: workload).",
)
@click.option(
    "--focus",
    multiple=True,
    metavar="ENDPOINT",
    shell_complete=complete_endpoint,
    help="Only what this endpoint reaches and who reaches it. May be repeated.",
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    default=None,
    help="With --focus: follow up to so many connections (default: 1).",
)
@click.option("--exposed", is_flag=True, help="Only what enters the cluster from outside, and what leaves it.")
@outputs(*FORMATS)
@pod_cidr
@max_memory
@talk
def command(
    *,
    paths: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    by: str,
    focus: tuple[str, ...],
    depth: int | None,
    exposed: bool,
    outputs: tuple[Output, ...],
    pod_cidrs: tuple[str, ...],
    max_memory: int | None,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say who can reach whom, on which ports.

    An ENDPOINT is NS/NAME, NS/KIND/NAME, NS/service/NAME, node/NAME, an address, internet, or an id of -o json.
    With -n, only the endpoints of that namespace and what they connect with are shown, and NS/ may be left out.
    Without PATH the live cluster is read.
    Exit codes: 0 fine, 2 the question could not be answered.
    """
    from podfence.cli.memory import memory_limit
    from podfence.cli.reading import read_manifests
    from podfence.report.overview import Asked

    if depth is not None and not focus:
        raise click.UsageError("--depth has no effect without --focus ENDPOINT")
    shown = shown_namespace(paths, namespace, all_namespaces=all_namespaces)
    if by == "namespace" and any(output.format == "html" for output in outputs):
        raise click.UsageError("-o html folds workloads into namespaces itself; leave out --by namespace")
    with Progress(wanted=not quiet) as progress:
        progress.step("reading")
        loaded = read_manifests(
            paths,
            stdin=sys.stdin.buffer,
            namespace=namespace,
            pod_cidrs=pod_cidrs,
            strict=False,
            quiet=quiet,
            verbose=verbose,
        )
        progress.step("comparing pods")
        connectivity = _connectivity(loaded, by, memory_limit(max_memory))
        progress.step("finding connections")
        focused = _focused(connectivity, focus, shown, paths)
        excerpt = _excerpt(connectivity, focused, depth or 1, shown, exposed=exposed)
        asked = Asked(focus=focus, focused=focused, exposed=exposed, namespace=shown, depth=depth or 1)
        for output in outputs:
            _write(output, progress.over("writing", _text(output, excerpt, asked, color), len(connectivity.endpoints)))
    return 2 if strict and loaded.problems else 0


def _connectivity(loaded: Loaded, by: str, limit: int) -> Connectivity:
    from podfence.engine.compile import Program
    from podfence.engine.connectivity import Connectivity
    from podfence.engine.endpoints import Grouping
    from podfence.engine.frame import Frame

    program = Program(Frame(loaded.snapshot, limit=limit))
    return Connectivity(loaded.snapshot, Grouping(by), program)


def _focused(
    connectivity: Connectivity, focus: Sequence[str], namespace: str | None, paths: tuple[str, ...]
) -> frozenset[int]:
    if not focus:
        return frozenset()
    from podfence.engine.focus import Focus

    finder = Focus(connectivity, searched(paths))
    return frozenset(number for text in focus for number in finder.find(text, namespace))


def _excerpt(
    connectivity: Connectivity, focused: frozenset[int], depth: int, namespace: str | None, *, exposed: bool
) -> Excerpt:
    from podfence.engine.excerpt import Excerpt, around, of_namespace, of_outside

    scopes = []
    if focused:
        scopes.append(around(connectivity, focused, depth))
    if namespace is not None:
        if namespace not in {item.name for item in connectivity.snapshot.namespaces}:
            raise PodfenceError(f"there is no namespace {namespace} in the input")
        scopes.append(of_namespace(connectivity, namespace))
    if exposed:
        scopes.append(of_outside(connectivity))
    return Excerpt(connectivity, scopes)


def _text(output: Output, excerpt: Excerpt, asked: Asked, color: str) -> Iterator[str]:
    """Write the excerpt in the format of an output, in chunks; each module is imported when it is needed."""
    match output.format:
        case "json":
            from podfence.report.map_json import map_json

            return map_json(excerpt)
        case "csv":
            from podfence.report.map_csv import map_csv

            return map_csv(excerpt)
        case "md":
            from podfence.report.map_md import map_md

            return map_md(excerpt, asked)
        case "dot" | "mermaid" | "html":
            return _picture(output.format, excerpt, asked)
        case _:
            from podfence.report.map_text import map_text
            from podfence.report.term import Terminal, terminal_for

            terminal = terminal_for(sys.stdout, color) if output.file is None else Terminal()
            return (f"{line}\n" for line in map_text(excerpt, terminal, asked))


def _picture(wanted: str, excerpt: Excerpt, asked: Asked) -> Iterator[str]:
    """Draw the excerpt."""
    if wanted == "dot":
        from podfence.report.map_dot import map_dot

        return map_dot(excerpt)
    if wanted == "mermaid":
        from podfence.report.map_mermaid import map_mermaid

        return map_mermaid(excerpt)
    from podfence.report.map_html import map_html

    return map_html(excerpt, asked)


def _write(output: Output, chunks: Iterable[str]) -> None:
    """Write chunks as they come. Raises ``PodfenceError`` when a file cannot be written."""
    if output.file is None or output.file == "-":
        _copy(chunks, sys.stdout)
        return
    try:
        with open(output.file, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:  # noqa: PTH123 (pathlib would cost its import)
            _copy(chunks, file)
    except OSError as error:
        raise PodfenceError(f"{output.file}: cannot be written: {(error.strerror or str(error)).lower()}") from None


def _copy(chunks: Iterable[str], file: TextIO) -> None:
    file.writelines(chunks)
