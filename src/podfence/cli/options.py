"""Options that several commands share, and what their values become.

Every command that reads a cluster takes the same inputs: PATHs or nothing, a namespace, output formats, colour
(design: commands). ``rich`` is not imported here, so that JSON costs no more than JSON.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from podfence.cli.live import keep, keep_named
from podfence.cli.settings import config
from podfence.model.error import PodfenceError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_SIZE = re.compile(r"([0-9]+)\s*(B|K|KB|KiB|M|MB|MiB|G|GB|GiB)?\Z", re.IGNORECASE)
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3}


class Output(msgspec.Struct, frozen=True):
    """One ``-o``: a format, and the file it goes to, ``None`` for standard output."""

    format: str
    file: str | None = None


class OutputType(click.ParamType[Output]):
    """Reads ``FORMAT`` or ``FORMAT=FILE``; only the formats of the command are allowed."""

    name = "FORMAT[=FILE]"

    def __init__(self, formats: tuple[str, ...]) -> None:
        self.formats = formats

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Output:  # noqa: ANN401 (click hands over anything)
        """Read one ``-o``; fails with the formats that exist."""
        if isinstance(value, Output):
            return value
        format_, equals, file = str(value).partition("=")
        if format_ not in self.formats:
            self.fail(f"{format_!r} is no format of this command; choose {', '.join(self.formats)}", param, ctx)
        if equals and not file:
            self.fail(f"a file name must follow {format_}=", param, ctx)
        return Output(format_, file or None)


class SizeType(click.ParamType[int]):
    """Reads a size such as 512MiB or 2G as bytes; K, M and G are powers of 1024."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 (click hands over anything)
        """Read a size; fails with an example."""
        if isinstance(value, int):
            return value
        match = _SIZE.match(str(value))
        if match is None:
            self.fail(f"{value!r} is no size; write 512MiB or 2GiB", param, ctx)
        unit = (match.group(2) or "")[:1].casefold()
        return int(match.group(1)) << 10 * _POWERS[unit]


def inputs(command: Decorated) -> Decorated:
    """Add PATH, -n, -A, --strict: ``paths``, ``namespace``, ``all_namespaces``, ``strict``.

    A PATH that names a cluster, such as ``lab``, is kept by ``cli.live``, and then there are no ``paths``.
    --kubeconfig and --context are added as well; ``cli.live`` keeps what they say.
    """
    for decorate in (
        click.option(
            "--strict",
            is_flag=True,
            help="Exit 2 when the API server would refuse an object of the input.",
        ),
        click.option(
            "-A",
            "--all-namespaces",
            is_flag=True,
            help="All namespaces (the default with PATHs, and where the context names none).",
        ),
        click.option(
            "-n",
            "--namespace",
            metavar="NAMESPACE",
            help="Namespace of objects that name none (default: default); of a cluster, the one to show.",
        ),
        click.argument("paths", nargs=-1, metavar="[PATH]...", callback=keep_named),
    ):
        command = decorate(command)
    return cluster(command, "Without PATHs: the ")


def cluster(command: Decorated, lead: str = "The ") -> Decorated:
    """Add --context and --kubeconfig, which ``cli.live`` keeps."""
    for decorate in (
        click.option(
            "--context",
            metavar="NAME",
            expose_value=False,
            callback=keep,
            help=f"{lead}context of the cluster to talk to (default: the current one).",
        ),
        click.option(
            "--kubeconfig",
            metavar="FILE",
            expose_value=False,
            callback=keep,
            help=f"{lead}file that has the context (default: KUBECONFIG, else ~/.kube/config).",
        ),
    ):
        command = decorate(command)
    return command


def outputs(*formats: str) -> Callable[[Decorated], Decorated]:
    """Add -o FORMAT[=FILE], repeatable, as ``outputs``; the first format is the default."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        type=OutputType(formats),
        multiple=True,
        default=(Output(formats[0]),),
        help=f"Format: {', '.join(formats)}; FORMAT=FILE writes a file. May be repeated.",
    )


def talk(command: Decorated) -> Decorated:
    """Add --color, -q, -v: ``color``, ``quiet``, ``verbose``."""
    for decorate in (
        click.option("-v", "--verbose", is_flag=True, help="Also say what was left out."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing beyond the result."),
        click.option(
            "--color",
            type=click.Choice(("auto", "always", "never")),
            default="auto",
            help="Colours: auto is on a terminal without NO_COLOR.",
        ),
    ):
        command = decorate(command)
    return command


def pod_cidr(command: Decorated) -> Decorated:
    """Add --pod-cidr, repeatable, as ``pod_cidrs``: texts, not yet read; and --config, which may settle it."""
    option = click.option(
        "--pod-cidr",
        "pod_cidrs",
        multiple=True,
        metavar="CIDR|none",
        help="Where pods of unknown address live (default: the private IPv4 ranges). May be repeated.",
    )
    return option(config(command))


def max_memory(command: Decorated) -> Decorated:
    """Add --max-memory as ``max_memory``: bytes, or ``None`` for the default (``cli.memory``)."""
    return click.option(
        "--max-memory",
        type=SizeType(),
        help="Refuse what would need more, such as 2GiB (default: half of what the machine has).",
    )(command)


def write_outputs(outputs: Iterable[Output], texts: Mapping[str, Callable[[bool], str]]) -> None:
    """Write each output; ``texts`` makes the text of a format, told whether it goes to standard output.

    Raises ``PodfenceError`` when a file cannot be written.
    """
    for output in outputs:
        if output.file is None or output.file == "-":
            sys.stdout.write(texts[output.format](True))  # noqa: FBT003 (the one thing that a text is told)
            continue
        try:
            with open(output.file, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 (pathlib would cost its import)
                file.write(texts[output.format](False))  # noqa: FBT003 (likewise)
        except OSError as error:
            raise PodfenceError(f"{output.file}: cannot be written: {(error.strerror or str(error)).lower()}") from None
