"""``podfence completion SHELL``: the script that teaches a shell to complete podfence's arguments."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from podfence.cli.main import COMPLETE_VARIABLE

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    Endpoints are completed as well where PODFENCE_INPUT names the files or folders that hold them.

    \b
    bash  source <(podfence completion bash)
    zsh   source <(podfence completion zsh)
    fish  podfence completion fish | source
    """  # noqa: D301 (click marks a paragraph that must not be wrapped with a backspace)
    click.echo(completion_script(ctx.find_root().command, shell), nl=False)


def completion_script(program: click.Command, shell: str) -> str:
    """Write the completion script of a program for one of ``SHELLS``."""
    completion = get_completion_class(shell)
    if completion is None:
        raise click.BadParameter(f"no completion for {shell}")
    # The base class's source(): that of bash would first start bash to ask for its version.
    return ShellComplete.source(completion(program, {}, "podfence", COMPLETE_VARIABLE)) + "\n"
