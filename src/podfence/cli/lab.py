"""``podfence lab``: a whole cluster on one machine: an API for kubectl, pods, Services, DNS, and the same agent."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from podfence.cli.options import Output, outputs, talk, write_outputs
from podfence.cli.progress import Progress
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.lab.folder import LabFolder
    from podfence.report.truth_table import Tried

_SECONDS = click.FloatRange(min=0, min_open=True)
_name = click.option("--name", default="default", metavar="NAME", help="Which lab (default: default).")


@click.group(short_help="A whole cluster on this machine, with real packets.")
def command() -> None:
    """Run a cluster on this machine, for kubectl and real packets; without root where the system allows it.

    Nothing in it can reach the machine's network, and nothing is left after "down".
    """


@command.command("up")
@click.option("-f", "files", multiple=True, metavar="PATH", help="Apply these manifests. May be repeated; - is stdin.")
@_name
@click.option("--nodes", type=click.IntRange(1, 50), default=None, help="How many nodes (default: 1).")
@click.option("--data", metavar="FILE", help="Keep the objects in this SQLite file; they are there again next time.")
@click.option(
    "--crd-channel",
    type=click.Choice(("standard", "experimental")),
    default=None,
    help="CRDs of the cluster-scoped policies (default: experimental).",
)
@click.option("--no-agent", is_flag=True, help="Enforce nothing, as network plugins do that know no policy.")
@click.option("-n", "--namespace", default="default", metavar="NAMESPACE", help="Namespace of objects that name none.")
@click.option("--timeout", "timeout_s", type=_SECONDS, default=120.0, help="Seconds to wait for pods (default: 120).")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing beyond the result.")
def up(
    *,
    files: tuple[str, ...],
    name: str,
    nodes: int | None,
    data: str | None,
    crd_channel: str | None,
    no_agent: bool,
    namespace: str,
    timeout_s: float,
    quiet: bool,
) -> int:
    """Start a lab, or take the one that runs; apply manifests; return when every pod is ready and enforced.

    Exit codes: 0 ready, 1 the server refused some of the manifests, 2 the lab cannot start or get ready.
    """
    from podfence.lab.control_client import ask, start
    from podfence.lab.folder import LabFolder
    from podfence.lab.options import LabOptions, Started

    began = time.monotonic()
    folder = LabFolder(name)
    with Progress(wanted=not quiet) as progress:
        if folder.is_running:
            wanted = {"--nodes": nodes, "--data": _absolute(data), "--crd-channel": crd_channel}
            _refuse_other(folder, {**wanted, "--no-agent": True if no_agent else None})
        else:
            progress.step("starting")
            options = LabOptions(nodes or 1, _absolute(data), crd_channel or "experimental", enforced=not no_agent)
            start(folder, Started(name, options))
        progress.step("applying")
        refused = _apply(folder, files, namespace)
        progress.step("waiting for pods")
        status = ask(folder, "POST", f"/ready?timeout={timeout_s}")
    click.echo(_summary(folder, status, time.monotonic() - began))
    if not quiet:
        click.echo(_hints(folder))
    return 1 if refused else 0


def _refuse_other(folder: LabFolder, wanted: dict[str, int | str | None]) -> None:
    """Refuse options that the running lab was started without: they cannot be changed while it runs."""
    from podfence.lab.control_client import ask

    status = ask(folder, "GET", "/status")
    has = {"--nodes": len(status["nodes"]), "--data": status.get("data"), "--crd-channel": status.get("crd_channel")}
    has["--no-agent"] = not status["enforces"] or None
    for option, value in wanted.items():
        if value is not None and value != has[option]:
            end = f"podfence lab down{_name_option(folder)}"
            without = "without" if has[option] is None else f"with {has[option]} as"
            instead = "" if value is True else f", not {value}"
            raise PodfenceError(f"lab {folder.name!r} runs {without} {option}{instead}; end it first: {end}")


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _apply(folder: LabFolder, files: tuple[str, ...], namespace: str) -> bool:
    """Apply manifests and say on standard error what was not taken; tells whether anything was not."""
    if not files:
        return False
    from podfence.kube.config import connection
    from podfence.lab.applying import Applier, lines
    from podfence.manifests.inputs import read_inputs
    from podfence.model.text import one_line

    readings = list(read_inputs(files, stdin=sys.stdin.buffer))
    with Applier(connection(str(folder.kubeconfig)).server, namespace) as applier:
        applied = applier.apply(readings)
    for line in lines(applied):
        click.echo(one_line(line), err=True)
    if not applied.objects and not applied.faults:
        raise PodfenceError(f"no Kubernetes objects in {', '.join(files)}")
    return bool(applied.faults)


def _summary(folder: LabFolder, status: dict[str, Any], took_s: float | None = None) -> str:
    pods, nodes, policies = status["pods"], len(status["nodes"]), status["policies"]
    kept = ("not enforced" if status.get("behind") else "enforced") if status["enforces"] else "and no agent"
    parts = [
        f"{pods} {_many('pod', pods)} on {nodes} {_many('node', nodes)}",
        f"{policies} {'policy' if policies == 1 else 'policies'} {kept}",
    ]
    ready = f", ready in {took_s:.1f} s" if took_s is not None else ""
    return f'Lab "{folder.name}": {", ".join(parts)}{ready}.'


def _many(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _name_option(folder: LabFolder) -> str:
    return "" if folder.name == "default" else f" --name {folder.name}"


def _hints(folder: LabFolder) -> str:
    option = _name_option(folder)
    return (
        f"  kubectl:   export KUBECONFIG=$(podfence lab kubeconfig --path{option})\n"
        f"  try:       podfence lab probe{option}      podfence flows --follow --name {folder.name}"
    )


@command.command("down")
@_name
def down(*, name: str) -> int:
    """End a lab; nothing of it is left. That there was none is fine."""
    from podfence.lab.control_client import end
    from podfence.lab.folder import LabFolder

    was_there = end(LabFolder(name))
    click.echo(f'Lab "{name}" is gone.' if was_there else f'There is no lab "{name}".')
    return 0


@command.command("status")
@click.option("--name", default=None, metavar="NAME", help="Only this lab.")
def status(*, name: str | None) -> int:
    """Say which labs run, or how one of them is. Exit codes: 0 fine, 2 the lab that was named does not run."""
    from podfence.lab.control_client import ask
    from podfence.lab.folder import LabFolder, labs

    names = labs() if name is None else [name]
    for one in names:
        folder = LabFolder(one)
        found = ask(folder, "GET", "/status?behind")
        click.echo(_summary(folder, found))
        for line in found.get("behind", ()):
            click.echo(f"  {line}")
    if not names:
        click.echo("No lab runs.")
    return 0


@command.command("kubeconfig")
@_name
@click.option("--path", "wants_path", is_flag=True, help="Print where the file is instead of its text.")
def kubeconfig(*, name: str, wants_path: bool) -> int:
    """Print the kubeconfig of a lab."""
    from podfence.lab.control_client import require
    from podfence.lab.folder import LabFolder

    folder = require(LabFolder(name))
    click.echo(str(folder.kubeconfig) if wants_path else folder.kubeconfig.read_text("utf-8"), nl=wants_path)
    return 0


@command.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_name
@click.option("-c", "--container", metavar="NAME", help="Which container (default: the first).")
@click.option("-i", "--stdin", "has_input", is_flag=True, help="Hand standard input to the command.")
@click.argument("pod", metavar="[NS/]NAME")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def exec_(*, name: str, container: str | None, has_input: bool, pod: str, words: tuple[str, ...]) -> int:
    """Run a command in a pod and give its output as it comes, and its exit code."""
    from podfence.cli.lab_exec import run_in_lab

    return run_in_lab(name, pod, words[1:] if words[:1] == ("--",) else words, container, has_input=has_input)


@command.command("probe", short_help="Hold real packets against what the policies say.")
@_name
@click.option("--timeout", "timeout_s", type=_SECONDS, default=1.0, help="Seconds until a packet counts as dropped.")
@outputs("text", "json")
@talk
def probe(*, name: str, timeout_s: float, outputs: tuple[Output, ...], color: str, quiet: bool, verbose: bool) -> int:
    """Try every pair of pods, nodes and hosts outside on every port, and compare with what the policies say.

    Exit codes: 0 all as the policies say, 1 a difference, 2 it could not be tried.
    """
    del verbose
    from podfence.lab.control_client import require
    from podfence.lab.folder import LabFolder

    with Progress(wanted=not quiet) as progress:
        progress.step("trying connections")
        tried = _tried(require(LabFolder(name)), timeout_s)

    def text(on_screen: bool) -> str:  # noqa: FBT001 (the one thing that a text is told)
        from podfence.report.term import Terminal, terminal_for
        from podfence.report.truth_table import truth_text

        terminal = terminal_for(sys.stdout, color) if on_screen else Terminal()
        return "".join(f"{line}\n" for line in truth_text(tried, terminal))

    def plain(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.truth_table import truth_json

        return truth_json(tried)

    write_outputs(outputs, {"text": text, "json": plain})
    return 0 if all(one.agrees for one in tried) else 1


def _tried(folder: LabFolder, timeout_s: float) -> list[Tried]:
    from podfence.lab.comparing import compare
    from podfence.report.truth_table import Tried

    return [
        Tried(
            *(cell.question.source, cell.question.destination, cell.question.address),
            *(cell.question.protocol, cell.question.port, cell.question.expected),
            *(cell.arrived, cell.outcome, cell.agrees),
        )
        for cell in compare(folder, timeout_s)
    ]


@command.command("log", hidden=True)
@_name
def log(*, name: str) -> int:
    """Print what a lab and its agents have logged."""
    from podfence.lab.control_client import require
    from podfence.lab.folder import LabFolder

    folder = require(LabFolder(name))
    for path in sorted(folder.path.glob("*log")):
        click.echo(f"== {os.path.basename(path)} ==\n{path.read_text('utf-8', 'replace')}")  # noqa: PTH119
    return 0
