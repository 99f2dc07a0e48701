"""``podfence check``: what the API server would refuse or warn about, and what will hurt."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from podfence.cli.live import searched
from podfence.cli.options import Output, inputs, max_memory, outputs, pod_cidr, talk
from podfence.cli.settings import say_settings, settings
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.cli.checking import Checking
    from podfence.lint.finding import Findings
    from podfence.manifests.manual.rule import Severity


@click.command(short_help="What the API server would reject or warn about.")
@inputs
@outputs("text", "json", "sarif", "junit", "github", "md")
@click.option(
    "--select", multiple=True, metavar="RULE", help="Only these rules: an id, a name, or the beginning of ids as PF1."
)
@click.option("--ignore", multiple=True, metavar="RULE", help="All rules but these, named likewise.")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning", "info", "never")),
    default="warning",
    help="Exit 1 from this severity on.",
)
@click.option(
    "--kubernetes-version", metavar="VERSION", help="Server to judge for, such as 1.35 (default: the newest)."
)
@click.option(
    "--crd-channel",
    type=click.Choice(("standard", "experimental")),
    default="experimental",
    help="CRDs of the cluster-scoped policies.",
)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME|FILE",
    help="Cluster to check for: kind, minikube, kubeadm, k3s, eks, gke, gke-nodelocal, gke-clouddns, aks, openshift, "
    "ambient, or a YAML file; repeatable.",
)
@click.option("--baseline", metavar="FILE", help="Suppress the findings that this file has; only new ones are told.")
@click.option(
    "--write-baseline", metavar="FILE", help="Write the findings of today into a file for --baseline, and exit with 0."
)
@click.option("--fix", "fixing", is_flag=True, help="Write proved fixes into the files, and show what changed.")
@click.option("--diff", "showing", is_flag=True, help="Show what --fix would change, and write nothing.")
@click.option("--show-defaults", is_flag=True, help="Print each policy as the server would store it.")
@pod_cidr
@max_memory
@talk
def command(
    *,
    paths: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    outputs: tuple[Output, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str,
    kubernetes_version: str | None,
    crd_channel: str,
    profiles: tuple[str, ...],
    pod_cidrs: tuple[str, ...],
    max_memory: int | None,
    baseline: str | None,
    write_baseline: str | None,
    fixing: bool,
    showing: bool,
    show_defaults: bool,
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say what the API server would refuse or warn about, and what will hurt, with file, line and column.

    Every policy is judged as kubectl apply would have it judged, unknown and repeated fields included; of other
    objects what decides about connections. Then all of it together: what policies mean for Services, namespaces,
    DNS, webhooks, monitors and the rest of the input, in a cluster like each --profile. Without PATH what the live
    cluster holds is judged, which may be older than the server's rules. Exit codes: 0 nothing found, 1 findings at
    or above --fail-on, 2 the input could not be read.
    """
    if fixing and showing:
        raise click.UsageError("give --fix or --diff, not both")
    edits = fixing or showing
    if edits and (not paths or show_defaults or write_baseline is not None):
        raise click.UsageError("--fix and --diff edit files: give PATHs, without --show-defaults and --write-baseline")
    from podfence.cli import checking
    from podfence.cli.check_outputs import write_findings
    from podfence.cli.lines import line_reader

    if verbose:
        say_settings()
    baseline = baseline if write_baseline is None else None  # a new one takes note of everything
    wanted = _checking(kubernetes_version, crd_channel, profiles, pod_cidrs, max_memory, select, ignore, baseline)
    if paths:
        findings, stdin = _of_files(wanted, paths, namespace, outputs, color, edits=edits, dry=showing, quiet=quiet)
        lines = line_reader(stdin)
    else:
        findings = wanted.of_cluster(namespace, all_namespaces=all_namespaces, quiet=quiet)
        lines = checking.no_lines
    if not findings.objects and not findings.findings:
        raise PodfenceError(f"no Kubernetes objects in {searched(paths)}{_reason(findings)}")
    if write_baseline is not None:
        checking.write_baseline(findings, write_baseline, quiet=quiet)
        return 0
    worst = _severity(fail_on)
    if not showing:
        options = {"show_defaults": show_defaults, "quiet": quiet, "verbose": verbose}
        write_findings(findings, lines, outputs, color, worst, **options)
    if strict and findings.refused_anything:
        return 2
    return int(findings.at_least(worst))


def _checking(
    version: str | None,
    channel: str,
    profiles: tuple[str, ...],
    pod_cidrs: tuple[str, ...],
    max_memory: int | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    baseline: str | None,
) -> Checking:
    from podfence.cli.checking import Checking, baseline_in, profiles_for
    from podfence.cli.memory import memory_limit
    from podfence.cli.reading import pod_ranges
    from podfence.lint.relations import Clusters
    from podfence.lint.selection import selection

    return Checking(
        version=version,
        channel=channel,
        clusters=Clusters(profiles_for(profiles), pod_ranges(pod_cidrs), memory_limit(max_memory)),
        selection=selection(select, ignore, settings().severity),
        baseline=None if baseline is None else baseline_in(baseline),
        baseline_file=baseline or "",
    )


def _of_files(
    wanted: Checking,
    paths: tuple[str, ...],
    namespace: str | None,
    outputs: tuple[Output, ...],
    color: str,
    *,
    edits: bool,
    dry: bool,
    quiet: bool,
) -> tuple[Findings, bytes]:
    """Check files, and fix them where that is wanted; gives what is left to tell, and what standard input held."""
    from podfence.manifests.files import read_bytes

    stdin = sys.stdin.buffer.read() if "-" in paths else b""
    check = wanted.of_files(paths, namespace or "default", stdin)
    if not edits:
        return check(read_bytes), stdin
    from podfence.cli.fixing import fix

    return fix(check, outputs, color, dry=dry, quiet=quiet), stdin


def _severity(fail_on: str) -> Severity | None:
    from podfence.manifests.manual.rule import Severity

    return None if fail_on == "never" else Severity(fail_on)


def _reason(findings: Findings) -> str:
    if not findings.skipped:
        return ""
    more = f" (and {len(findings.skipped) - 1} more)" if len(findings.skipped) > 1 else ""
    return f": not read were {findings.skipped[0]}{more}"
