"""Where a lab lies on the machine: one folder with its kubeconfig, its sockets and its log, gone with the lab."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
from pathlib import Path
from typing import Final

from podfence.flows.place import socket_folder
from podfence.model.error import PodfenceError

DEFAULT_NAME: Final = "default"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?\Z")


class LabFolder:
    """The folder of the lab of one name, of the user who asks. Raises ``PodfenceError`` for what is no name."""

    def __init__(self, name: str) -> None:
        if not _NAME.match(name):
            raise PodfenceError(f"{name!r} names no lab: write small letters, digits and dashes, 32 at most")
        self.name = name
        self.path = socket_folder(name)
        self.kubeconfig = self.path / "kubeconfig"
        self.control = self.path / "control"
        self.log = self.path / "log"

    @property
    def is_running(self) -> bool:
        """Tell whether the lab's server answers there."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.control))
            except OSError:
                return False
            return True

    def make(self) -> None:
        """Make the folder anew; what a lab that died has left in it goes. Raises ``PodfenceError``."""
        self.remove()
        try:
            self.path.mkdir(parents=True, mode=0o700)
            owner = self.path.stat().st_uid
        except OSError as error:
            raise PodfenceError(f"{self.path}: {(error.strerror or str(error)).lower()}") from None
        if owner != os.geteuid():
            raise PodfenceError(f"{self.path}: belongs to another user")

    def remove(self) -> None:
        """Remove the folder, and the folders above it that were made for labs and are empty now."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()

    def write_kubeconfig(self, port: int) -> None:
        """Write the kubeconfig by which people and programs of the machine reach the lab."""
        context = f"podfence-{self.name}"
        self.kubeconfig.write_text(kubeconfig(f"http://127.0.0.1:{port}", context), encoding="utf-8")


def kubeconfig(server: str, context: str) -> str:
    """Write a kubeconfig for a server that asks nobody who he is."""
    return f"""\
apiVersion: v1
kind: Config
clusters:
- name: {context}
  cluster:
    server: {server}
contexts:
- name: {context}
  context:
    cluster: {context}
    user: {context}
users:
- name: {context}
  user: {{}}
current-context: {context}
"""


def labs() -> list[str]:
    """Name the labs of this user that run, in order; folders of labs that died are removed."""
    folder = socket_folder("x").parent
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(folder).iterdir()):
            lab = LabFolder(path.name)
            if lab.is_running:
                found.append(lab.name)
            elif not _is_starting(lab):
                lab.remove()
    return found


def _is_starting(lab: LabFolder) -> bool:
    """Tell whether a server is about to open its socket: its process holds the log locked."""
    import fcntl  # noqa: PLC0415 - nobody else here needs it

    try:
        with lab.log.open("rb") as log:
            fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
