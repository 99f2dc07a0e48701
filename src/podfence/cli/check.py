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
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.kube.reading import ClusterReading
    from podfence.lint.finding import Findings
    from podfence.lint.profiles import Profile
    from podfence.lint.relations import Clusters
    from podfence.manifests.validation.admission import Server


@click.command(short_help="What the API server would reject or warn about.")
@inputs
@outputs("text", "json")
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
    fail_on: str,
    kubernetes_version: str | None,
    crd_channel: str,
    profiles: tuple[str, ...],
    pod_cidrs: tuple[str, ...],
    max_memory: int | None,
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
    from podfence.manifests.manual.rule import Severity

    clusters = Clusters(tuple(map(profile_for, profiles)), pod_ranges(pod_cidrs), memory_limit(max_memory))
    if paths:
        server = server_for(kubernetes_version, crd_channel)
        findings, lines = _check(paths, server, namespace or "default", clusters)
    else:
        live = read_live(quiet=quiet)
        shown = shown_namespace(paths, namespace, all_namespaces=all_namespaces)
        server = server_for(kubernetes_version or live.version, crd_channel)
        findings, lines = _check_live(live, server, shown, clusters)
    if not findings.objects and not findings.findings:
        raise PodfenceError(f"no Kubernetes objects in {searched(paths)}{_reason(findings)}")
    _tell(findings, lines, outputs, color, show_defaults=show_defaults, quiet=quiet, verbose=verbose)
    if strict and findings.refused_anything:
        return 2
    return int(findings.at_least(None if fail_on == "never" else Severity(fail_on)))


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
    paths: tuple[str, ...], server: Server, namespace: str, clusters: Clusters
) -> tuple[Findings, Callable[[str], Sequence[str]]]:
    from podfence.cli.lines import line_reader
    from podfence.lint.run import check
    from podfence.manifests.collector import paused_gc
    from podfence.manifests.inputs import read_inputs

    stdin = sys.stdin.buffer.read() if "-" in paths else b""
    with paused_gc():
        findings = check(read_inputs(paths, stdin=io.BytesIO(stdin)), server, namespace, clusters)
    return findings, line_reader(stdin)


def _check_live(
    live: ClusterReading, server: Server, namespace: str | None, clusters: Clusters
) -> tuple[Findings, Callable[[str], Sequence[str]]]:
    """Judge all that a cluster holds, and keep what is said of a namespace and of what has none."""
    from podfence.lint.run import check
    from podfence.manifests.collector import paused_gc

    with paused_gc():
        findings = check(iter(live.items), server, clusters=clusters)
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
    *,
    show_defaults: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from podfence.report.check_json import findings_json
    from podfence.report.check_text import check_text
    from podfence.report.term import Terminal, terminal_for

    def text(to_standard_output: bool) -> str:  # noqa: FBT001 (see write_outputs)
        terminal = terminal_for(sys.stdout, color) if to_standard_output else Terminal()
        return _joined(check_text(findings, terminal, lines, quiet=quiet, verbose=verbose))

    texts = {"text": text, "json": lambda _: findings_json(findings)}
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


def _joined(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
