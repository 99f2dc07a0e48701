"""Where agents serve their records: one Unix socket for each node, in a folder that its user alone may list."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from podfence.model.error import PodfenceError

_SUFFIX: Final = ".sock"
_SYSTEM: Final = Path("/run/podfence")

LONGEST_PATH_BYTES: Final = 107
"""Of a Unix socket (``sun_path`` of unix(7), less its final zero)."""


def socket_path(
    node: str, lab: str | None = None, *, environment: Mapping[str, str] | None = None, user: int | None = None
) -> Path:
    """Choose the socket of a node's agent; ``lab`` is the lab that the node belongs to.

    Raises ``PodfenceError`` when the path is longer than a socket's may be.
    """
    path = socket_folder(lab, environment=environment, user=user) / f"{node}{_SUFFIX}"
    if len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise PodfenceError(f"{path}: too long for a socket ({LONGEST_PATH_BYTES} bytes); name a shorter one")
    return path


def socket_folder(
    lab: str | None = None, *, environment: Mapping[str, str] | None = None, user: int | None = None
) -> Path:
    """Choose the folder: /run/podfence for root, else within XDG_RUNTIME_DIR, or /tmp where that is not set."""
    known = os.environ if environment is None else environment
    number = os.geteuid() if user is None else user
    if number == 0:
        folder = _SYSTEM
    elif runtime := known.get("XDG_RUNTIME_DIR"):
        folder = Path(runtime) / "podfence"
    else:
        folder = Path(f"/tmp/podfence-{number}")  # noqa: S108 (checked by who makes it: mode 0700, own user)
    return folder if lab is None else folder / "lab" / lab


def find_sockets(lab: str | None = None) -> list[Path]:
    """List the sockets of agents by name: those of this user, else those of root.

    Raises ``PodfenceError`` when no agent serves.
    """
    own, system = socket_folder(lab), socket_folder(lab, user=0)
    return sockets_in(own, system)


def sockets_in(*folders: Path) -> list[Path]:
    """List the sockets of the first folder that has any; raises ``PodfenceError`` when none has."""
    for folder in folders:
        if found := _sockets(folder):
            return found
    raise PodfenceError(
        f"no agent serves flows here ({folders[0]} holds no socket); start podfence agent, or name one with --socket"
    )


def _sockets(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PodfenceError(f"{folder}: {(error.strerror or str(error)).lower()}; run it as the agent's user") from None
