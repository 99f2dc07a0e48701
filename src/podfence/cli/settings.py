"""``--config``: finds and reads ``podfence.yaml``, and lets it answer for the options that were not given.

What the file says becomes the default of the options, so that the command line wins without anybody asking twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from podfence.model.error import PodfenceError

if TYPE_CHECKING:
    from podfence.lint.settings import Settings

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

NONE = "none"
_KEPT = "podfence.settings"


def config(command: Decorated) -> Decorated:
    """Add --config, whose file ``settings`` gives."""
    return click.option(
        "--config",
        metavar="FILE|none",
        is_eager=True,
        expose_value=False,
        callback=_load,
        help="Settings (default: podfence.yaml in this folder or the nearest above it).",
    )(command)


def settings() -> Settings:
    """Give the settings of the running command; nothing is settled where there is no file."""
    from podfence.lint.settings import NOTHING_SETTLED

    context = click.get_current_context(silent=True)
    found: Settings = NOTHING_SETTLED if context is None else context.meta.get(_KEPT, NOTHING_SETTLED)
    return found


def is_excluded() -> Callable[[str], bool] | None:
    """Give the test for files that the settings leave out; ``None`` when they leave out nothing."""
    context = click.get_current_context(silent=True)
    known: Settings | None = None if context is None else context.meta.get(_KEPT)
    return known.is_excluded if known is not None and known.exclude else None


def say_settings() -> None:
    """Name the file that settles something on standard error."""
    if file := settings().file:
        print(f"settings: {file}", file=sys.stderr)


def _load(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if context.resilient_parsing or value == NONE:
        return
    file = value if value is not None else _nearest()
    if file is None:
        return
    from podfence.lint.settings import read_settings

    found = read_settings(_read(file), file)
    context.meta[_KEPT] = found
    context.default_map = {**(context.default_map or {}), **_defaults(found)}


def _nearest() -> str | None:
    """Find the file for the current folder, as a path that people would write."""
    folder, name = os.getcwd(), "podfence.yaml"  # noqa: PTH109 (pathlib would cost its import)
    # Looked for here, so that whoever has no such file does not pay for the reader of it.
    while True:
        candidate = os.path.join(folder, name)  # noqa: PTH118 (likewise)
        if os.path.isfile(candidate):  # noqa: PTH113 (likewise)
            return os.path.relpath(candidate)
        parent = os.path.dirname(folder)  # noqa: PTH120 (likewise)
        if parent == folder or os.path.exists(os.path.join(folder, ".git")):  # noqa: PTH110, PTH118 (likewise)
            return None
        folder = parent


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 (likewise)
            return stream.read()
    except OSError as error:
        raise PodfenceError(f"--config {file}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def _defaults(found: Settings) -> dict[str, Any]:
    """Turn settings into the defaults of the options, by the names of their parameters."""
    profiles = [found.path(word) if os.path.splitext(word)[1] else word for word in found.profiles]  # noqa: PTH122 (likewise)
    defaults = {
        "select": found.select,
        "ignore": found.ignore,
        "fail_on": found.fail_on,
        "profiles": profiles,
        "pod_cidrs": found.pod_cidr,
        "baseline": found.path(found.baseline) if found.baseline else None,
        "kubernetes_version": found.kubernetes_version,
        "crd_channel": found.crd_channel,
    }
    return {name: value for name, value in defaults.items() if value}
