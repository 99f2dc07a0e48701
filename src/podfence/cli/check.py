"""``podfence check``: what the API server would refuse or warn about, and what will hurt."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from podfence.cli.live import read_live, searched, shown_namespace
from podfence.cli.options import Output, inputs, max_memory, outputs, pod_cidr, talk, write_outputs
from podfence.cli.settings import is_excluded, say_settings, settings
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.kube.reading import ClusterReading
    from podfence.lint.baseline import Baseline
    from podfence.lint.finding import Findings
    from podfence.lint.profiles import Profile
    from podfence.lint.relations import Clusters
    from podfence.lint.selection import Selection
    from podfence.manifests.manual.rule import Severity
    from podfence.manifests.validation.admission import Server


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
    from podfence.cli.judging import server_for
    from podfence.cli.memory import memory_limit
    from podfence.cli.reading import pod_ranges
    from podfence.lint.relations import Clusters
    from podfence.lint.selection import selection

    if verbose:
        say_settings()
    chosen = selection(select, ignore, settings().severity)
    clusters = Clusters(tuple(map(profile_for, profiles)), pod_ranges(pod_cidrs), memory_limit(max_memory))
    known = None if baseline is None else _baseline(baseline)
    if paths:
        server = server_for(kubernetes_version, crd_channel)
        findings, lines = _check(paths, server, namespace or "default", clusters, chosen)
    else:
        live = read_live(quiet=quiet)
        shown = shown_namespace(paths, namespace, all_namespaces=all_namespaces)
        server = server_for(kubernetes_version or live.version, crd_channel)
        findings, lines = _check_live(live, server, shown, clusters, chosen)
    if not findings.objects and not findings.findings:
        raise PodfenceError(f"no Kubernetes objects in {searched(paths)}{_reason(findings)}")
    if write_baseline is not None:
        return _write_baseline(findings, write_baseline, quiet=quiet)
    if baseline is not None and known is not None:
        findings = _without_known(findings, known, baseline, chosen)
    worst = _severity(fail_on)
    _tell(findings, lines, outputs, color, worst, show_defaults=show_defaults, quiet=quiet, verbose=verbose)
    if strict and findings.refused_anything:
        return 2
    return int(findings.at_least(worst))


def _severity(fail_on: str) -> Severity | None:
    from podfence.manifests.manual.rule import Severity

    return None if fail_on == "never" else Severity(fail_on)


def _baseline(file: str) -> Baseline:
    from podfence.lint.baseline import read_baseline

    try:
        return read_baseline(Path(file).read_bytes(), file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PodfenceError(f"--baseline {file}: {reason}; --write-baseline {file} makes it") from None


def _without_known(findings: Findings, known: Baseline, file: str, selection: Selection) -> Findings:
    from podfence.lint.baseline import without_known

    return without_known(findings, known, file, selection.rules)


def _write_baseline(findings: Findings, file: str, *, quiet: bool) -> int:
    from podfence.cli.atomic import write_atomically
    from podfence.lint.baseline import baseline_json, baseline_of

    write_atomically(file, baseline_json(baseline_of(findings.findings)).encode())
    if not quiet:
        print(f"{file}: {len(findings.findings):,} findings written", file=sys.stderr)
    return 0


def profile_for(word: str) -> Profile:
    """Find a profile by its name, or read the file of that name. Raises ``PodfenceError``."""
    from podfence.lint.profiles import PROFILES, find_profile

    if word in PROFILES or not Path(word).suffix:
        return find_profile(word)
    try:
        return find_profile(word, Path(word).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PodfenceError(f"--profile {word}: cannot be read: {error}") from error


def _check(
    paths: tuple[str, ...], server: Server, namespace: str, clusters: Clusters, selection: Selection
) -> tuple[Findings, Callable[[str], Sequence[str]]]:
    from podfence.cli.lines import line_reader
    from podfence.lint.run import check
    from podfence.manifests.collector import paused_gc
    from podfence.manifests.inputs import read_inputs

    stdin = sys.stdin.buffer.read() if "-" in paths else b""
    with paused_gc():
        findings = check(
            read_inputs(paths, stdin=io.BytesIO(stdin), is_excluded=is_excluded()),
            server,
            namespace,
            clusters,
            selection,
        )
    return findings, line_reader(stdin)


def _check_live(
    live: ClusterReading, server: Server, namespace: str | None, clusters: Clusters, selection: Selection
) -> tuple[Findings, Callable[[str], Sequence[str]]]:
    """Judge all that a cluster holds, and keep what is said of a namespace and of what has none."""
    from podfence.lint.run import check
    from podfence.manifests.collector import paused_gc

    with paused_gc():
        findings = check(iter(live.items), server, clusters=clusters, selection=selection)
    return findings if namespace is None else findings.within(namespace), lambda _: ()


def _reason(findings: Findings) -> str:
    if not findings.skipped:
        return ""
    more = f" (and {len(findings.skipped) - 1} more)" if len(findings.skipped) > 1 else ""
    return f": not read were {findings.skipped[0]}{more}"


def _tell(
    findings: Findings,
    lines: Callable[[str], Sequence[str]],
    outputs: tuple[Output, ...],
    color: str,
    fail_on: Severity | None,
    *,
    show_defaults: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from podfence.report.check_text import check_text
    from podfence.report.term import Terminal, terminal_for

    def text(to_standard_output: bool) -> str:  # noqa: FBT001 (see write_outputs)
        terminal = terminal_for(sys.stdout, color) if to_standard_output else Terminal()
        return _joined(check_text(findings, terminal, lines, quiet=quiet, verbose=verbose))

    texts = {"text": text, **_for_programs(findings, fail_on)}
    if not show_defaults:
        write_outputs(outputs, texts)
        return
    from podfence.manifests.judge import stored_yaml

    # Standard output is for the policies; what was asked for as a file is written all the same.
    write_outputs([output for output in outputs if output.file not in {None, "-"}], texts)
    sys.stdout.writelines(stored_yaml(findings.stored))
    if findings.findings and not quiet:
        terminal = terminal_for(sys.stderr, color)
        sys.stderr.write(_joined(check_text(findings, terminal, lines, verbose=verbose)))


def _for_programs(findings: Findings, fail_on: Severity | None) -> dict[str, Callable[[bool], str]]:
    """Give the formats that are the same wherever they go."""

    def plain(_: bool) -> str:  # noqa: FBT001 (see write_outputs)
        from podfence.report.check_json import findings_json

        return findings_json(findings)

    def sarif(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.lint.registry import RULES
        from podfence.report.check_annotations import check_sarif

        return check_sarif(findings, RULES)

    def github(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.check_annotations import check_github

        return "".join(check_github(findings))

    def junit(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.check_junit import check_junit

        return check_junit(findings, fail_on)

    def markdown(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.check_md import check_md

        return "".join(check_md(findings))

    return {"json": plain, "sarif": sarif, "github": github, "junit": junit, "md": markdown}


def _joined(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
