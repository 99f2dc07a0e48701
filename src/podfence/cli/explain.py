"""``podfence explain``: policies in plain sentences, and as a firewall would list them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from podfence.cli.names import complete_endpoint
from podfence.cli.options import Output, inputs, outputs, pod_cidr, talk, write_outputs
from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.engine.portrait import Portraits
    from podfence.manifests.loaded import Loaded
    from podfence.model.policy import Policy
    from podfence.model.snapshot import Snapshot
    from podfence.report.explain_words import Explained, Row
    from podfence.report.languages import Phrases


@click.command(short_help="A policy in plain sentences.")
@inputs
@click.option("--policy", "policies", multiple=True, metavar="[NS/]NAME", help="Only this policy. May be repeated.")
@click.option(
    "--focus",
    metavar="ENDPOINT",
    shell_complete=complete_endpoint,
    help="Only the policies that select this endpoint, and all of them in one table.",
)
@click.option("--lang", type=click.Choice(("en", "zh")), default="en", help="English or Chinese (default: en).")
@outputs("text", "md", "json")
@pod_cidr
@talk
def command(
    *,
    paths: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    strict: bool,
    policies: tuple[str, ...],
    focus: str | None,
    lang: str,
    outputs: tuple[Output, ...],
    pod_cidrs: tuple[str, ...],
    color: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Say in plain sentences what policies do: whom they select, who may talk to whom, and what goes without saying.

    Each is shown as a firewall would list it as well: source, destination, service, action, cleanup rule included.
    Exit codes: 0 fine, 2 the question could not be answered.
    """
    from podfence.cli.reading import read_manifests
    from podfence.engine.portrait import Portraits
    from podfence.report.explain_words import Teller
    from podfence.report.languages import LANGUAGES

    loaded = read_manifests(
        paths,
        stdin=sys.stdin.buffer,
        namespace=namespace,
        pod_cidrs=pod_cidrs,
        strict=strict,
        quiet=quiet,
        verbose=verbose,
    )
    shown = None if all_namespaces else namespace
    portraits = Portraits(loaded.snapshot)
    teller = Teller(LANGUAGES[lang])
    chosen = _chosen(loaded.snapshot, portraits, policies, focus, shown, paths)
    drawn = [portraits.of(policy) for policy in chosen]
    found = [teller.explain(portrait, defaulted=_is_defaulted(portrait.policy, loaded)) for portrait in drawn]
    table = teller.table(focus, drawn) if focus is not None else ()
    _write(found, focus, table, LANGUAGES[lang], outputs, color)
    return 0


def _chosen(
    snapshot: Snapshot,
    portraits: Portraits,
    names: Sequence[str],
    focus: str | None,
    namespace: str | None,
    paths: Sequence[str],
) -> list[Policy]:
    """List the policies that were asked for; raises ``PodfenceError`` when a name or an endpoint is not there."""
    if focus is not None:
        from podfence.engine.directory import Directory
        from podfence.engine.resolve import resolve

        found = portraits.touching(resolve(Directory(snapshot, ", ".join(paths)), focus, namespace).pods)
    else:
        found = [p for p in snapshot.policies if namespace is None or p.ref.namespace in (None, namespace)]
    if not names:
        return found
    return [policy for name in names for policy in _named(found, name, namespace)]


def _is_defaulted(policy: Policy, loaded: Loaded) -> bool:
    """Tell whether a NetworkPolicy leaves its policyTypes to the server."""
    spec = loaded.documents.get(policy.ref.identity, {}).get("spec")
    return policy.ref.kind == "NetworkPolicy" and isinstance(spec, dict) and not spec.get("policyTypes")


def _named(policies: Sequence[Policy], name: str, namespace: str | None) -> list[Policy]:
    wanted = {name, f"{namespace}/{name}"} if namespace is not None else {name}
    found = [policy for policy in policies if str(policy.ref) in wanted] or [
        policy for policy in policies if policy.ref.name == name
    ]
    if not found:
        import difflib

        near = difflib.get_close_matches(name, [str(policy.ref) for policy in policies], n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise PodfenceError(f"{name}: no such policy in the input{hint}")
    return found


def _write(
    found: list[Explained],
    focus: str | None,
    table: tuple[Row, ...],
    phrases: Phrases,
    outputs: tuple[Output, ...],
    color: str,
) -> None:
    def text(on_screen: bool) -> str:  # noqa: FBT001 (the one thing that a text is told)
        from podfence.report.explain_text import explain_text, table_text
        from podfence.report.term import Terminal, terminal_for

        terminal = terminal_for(sys.stdout, color) if on_screen else Terminal()
        lines = [*explain_text(found, phrases, terminal)]
        if focus is not None:
            head = [terminal.paint(focus, "name"), "", *table_text(table, phrases, terminal), ""]
            lines = [*head, *lines]
        return "".join(f"{line}\n" for line in lines)

    def markdown(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.explain_md import explain_md, table_md

        head = f"# {focus}\n\n" + "".join(table_md(table, phrases)) if focus is not None else ""
        return head + "".join(explain_md(found, phrases))

    def plain(_: bool) -> str:  # noqa: FBT001 (likewise)
        from podfence.report.explain_json import explain_json

        return explain_json(found, focus, table)

    texts: dict[str, Callable[[bool], str]] = {"text": text, "md": markdown, "json": plain}
    write_outputs(outputs, texts)
