"""The table of commands: each lives in a module of its own, imported only when it was asked for."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem


class Entry(NamedTuple):
    """Where a command is defined, and its line in the overview.

    ``module`` holds a click command under the name ``command``. Its callback returns the exit code: ``None``
    or 0 fine, 1 when the answer is "no"; it raises ``PodfenceError`` when there is no answer.
    """

    module: str
    help: str


TABLE = {
    "check": Entry("podfence.cli.check", "What the API server would reject or warn about."),
    "map": Entry("podfence.cli.map", "Who can reach whom, on which ports."),
    "why": Entry("podfence.cli.why", "Why one connection is allowed or denied."),
    "agent": Entry("podfence.cli.agent", "Enforce the policies on a node."),
    "rule": Entry("podfence.cli.rule", "The manual of each rule that check applies."),
    "completion": Entry("podfence.cli.completion", "Completion script for bash, zsh or fish."),
}


class LazyGroup(click.Group):
    """A click group that answers overview, completion and typing errors from the table alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click calls it so)
        """Name the commands in the order of the table, most used first."""
        return list(TABLE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (likewise)
        """Import the module of a command; ``None`` when there is no such command."""
        if cmd_name not in TABLE:
            return None
        command: click.Command = importlib.import_module(TABLE[cmd_name].module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; a name misspelt is answered with the nearest ones."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=TABLE, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (likewise)
        """Write the overview; click's own would import every command for its first line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in TABLE.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands that start as typed, with their line of the overview, then the options."""
        names = [CompletionItem(name, help=TABLE[name].help) for name in TABLE if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine; 1 the answer is no; 2 the question could not be answered.",
)
@click.option("--version", is_flag=True, help="Show the version and exit.")
@click.pass_context
def podfence(ctx: click.Context, version: bool) -> None:  # noqa: FBT001 (click passes by name)
    """Understand Kubernetes network policy: what is invalid, who can talk to whom, and why."""
    if version:
        from podfence import __version__

        click.echo(f"podfence {__version__}")
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
