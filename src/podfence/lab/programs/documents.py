"""Files that a pod has mounted where its web server would look for them; the machine's own are never served."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

# Of the types that nginx knows by a file's name, those that people put into a ConfigMap.
_TYPES = {
    ".html": "text/html", ".htm": "text/html", ".css": "text/css", ".js": "application/javascript",
    ".json": "application/json", ".txt": "text/plain", ".xml": "text/xml", ".svg": "image/svg+xml",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".ico": "image/x-icon",
    ".webp": "image/webp", ".pdf": "application/pdf", ".wasm": "application/wasm",
}  # fmt: skip

MACHINE = ("/usr", "/.etc")
"""Where a pod sees folders of the machine that a web server might look into; volumes are on file systems of the lab."""


class Documents:
    """The folder that a web server serves, as far as the pod has mounted it or something in it."""

    def __init__(self, folder: str, machine: Sequence[str] = MACHINE) -> None:
        self._folder = os.path.normpath(folder)
        self._machine = machine

    def are_mounted(self) -> bool:
        """Tell whether the whole folder is the pod's, so that what is not in it is nowhere."""
        return is_own(Path(self._folder), self._machine)

    def find(self, path: str) -> Path | None:
        """Find what a request's path names; nothing for what the pod has not mounted, and nothing outside."""
        wanted = os.path.normpath(f"{self._folder}/{path}")
        if not f"{wanted}/".startswith(f"{self._folder}/") or not is_own(Path(wanted), self._machine):
            return None
        return Path(wanted)


def is_own(path: Path, machine: Sequence[str] = MACHINE) -> bool:
    """Tell whether a file or folder is there and on none of the file systems on which these of the machine are."""
    try:
        found = path.stat()
    except OSError:
        return False
    is_file_or_folder = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return is_file_or_folder and found.st_dev not in {one.stat().st_dev for one in map(Path, machine) if one.exists()}


def content_type(path: Path, other: str) -> str:
    """Give the type of a file by its name, ``other`` for a name that says nothing."""
    return _TYPES.get(path.suffix.lower(), other)
