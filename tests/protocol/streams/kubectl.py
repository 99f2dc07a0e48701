"""The kubectls of this machine, each way that it speaks: whoever is installed, and older ones beside it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

ENVIRONMENT = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}


class Kubectl(msgspec.Struct, frozen=True):
    """A program and whether it is told to use SPDY."""

    path: str
    version: str
    spdy: bool

    def __str__(self) -> str:
        return f"{self.version}-{'spdy' if self.spdy else 'default'}"

    def command(self, port: int, *arguments: str) -> list[str]:
        return [self.path, "--server", f"http://127.0.0.1:{port}", *arguments]

    def environment(self, home: Path) -> dict[str, str]:
        wanted = "false" if self.spdy else "true"
        return dict(os.environ) | {"HOME": str(home), "KUBECONFIG": ""} | dict.fromkeys(ENVIRONMENT, wanted)

    def run(self, port: int, home: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(port, *arguments),
            input=given,
            capture_output=True,
            env=self.environment(home),
            timeout=60,
            check=False,
        )


def kubectls() -> list[Kubectl]:
    """Give the installed kubectl both ways, and the oldest of its neighbours."""
    installed = shutil.which("kubectl")
    if installed is None:
        return []
    found = [Kubectl(installed, "kubectl", spdy=False), Kubectl(installed, "kubectl", spdy=True)]
    real = Path(installed).resolve()
    older = sorted(one for one in real.parent.glob("kubectl.1.*") if re.fullmatch(r"kubectl\.1\.\d+", one.name))
    return found + [Kubectl(str(one), one.name, spdy=False) for one in older[:1]]
