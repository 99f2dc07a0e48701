"""Writes a file whole or not at all, so that nobody ever reads half of it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from podfence.model.error import PodfenceError

_PLAIN = 0o666


def write_atomically(file: str, data: bytes) -> None:
    """Put bytes into a file, with the permissions that it has; a link stays a link. Raises ``PodfenceError``."""
    try:
        _replace(Path(file).resolve(), data)
    except OSError as error:
        raise PodfenceError(f"{file}: cannot be written: {(error.strerror or str(error)).lower()}") from None


def _replace(target: Path, data: bytes) -> None:
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _PLAIN & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(mode)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Ask for the umask; there is no way to ask but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
