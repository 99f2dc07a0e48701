"""Runs the commands of the script against a server and writes down what they print, without what differs each time.

The script is one shell command a line; comments make sections. What a command prints to standard error is marked, and
a command that fails gives its code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

HERE = Path(__file__).parent
SCRIPT, TRANSCRIPT = HERE / "script.txt", HERE / "transcript.txt"
PATIENCE_SECONDS = 60


class Server(msgspec.Struct, frozen=True):
    """Where a server is: its address with scheme and port, and a token if it wants one."""

    url: str
    token: str = ""


class Said(msgspec.Struct, frozen=True):
    """A command and what it printed, made constant."""

    command: str
    lines: tuple[str, ...]


def commands() -> list[str]:
    """List the commands of the script in order."""
    return [line for line in SCRIPT.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def run_script(server: Server, kubectl: str) -> Iterator[Said]:
    """Run every command against a server, one after the other, with a home folder of their own."""
    with tempfile.TemporaryDirectory(prefix="podfence-transcript-") as name:
        home = Path(name)
        shutil.copytree(HERE / "files", home / "files")
        (home / "config").write_text(kubeconfig(server), encoding="utf-8")
        paths = f"{Path(kubectl).parent}:/usr/bin:/bin"
        environment = {
            "HOME": name,
            "KUBECONFIG": str(home / "config"),
            "PATH": paths,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        for command in commands():
            yield Said(command, tuple(run(command, home, environment | proxies(), server)))


def proxies() -> dict[str, str]:
    """Keep kubectl from asking a proxy about an address of this machine."""
    return {"NO_PROXY": "127.0.0.1"} if os.environ.get("HTTPS_PROXY") else {}


def kubeconfig(server: Server) -> str:
    """Write the configuration with which kubectl reaches a server."""
    user = f"\n    token: {server.token}" if server.token else " {}"
    trust = "\n    insecure-skip-tls-verify: true" if server.url.startswith("https") else ""
    return f"""\
apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: {{cluster: here, user: me}}
clusters:
- name: here
  cluster:
    server: {server.url}{trust}
users:
- name: me
  user:{user}
"""


def run(command: str, home: Path, environment: dict[str, str], server: Server) -> Iterator[str]:
    """Run one command in a shell; gives its lines, constant, standard error marked."""
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    for mark, text in (("", done.stdout), ("! ", done.stderr)):
        hidden = text.replace(server.url, "SERVER").replace(str(home), "HOME")
        yield from (mark + line for line in in_order(constant(hidden).splitlines()))
    if done.returncode:
        yield f"? {done.returncode}"


def in_order(lines: list[str]) -> Iterator[str]:
    """Sort the causes of a refusal, which the server lists in an order that is partly random."""
    causes: list[str] = []
    for line in lines:
        if line.startswith("* "):
            causes.append(line)
            continue
        yield from sorted(causes)
        causes.clear()
        yield line
    yield from sorted(causes)


_UID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CONSTANT = (
    (rf"{_UID}", "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", "TIME"),
    (r'(resourceVersion"?: ?"?)\d+', r"\1VERSION"),
    (r"\b10\.96\.\d+\.\d+", "10.96.IP"),
    (r"\b3[0-2]\d{3}(?=/TCP|\b)", "NODEPORT"),
    (r"kube-api-access-\w{5}", "kube-api-access-xxxxx"),
    (r"kubectl-edit-\d+\.yaml", "kubectl-edit.yaml"),
    # Not minutes alone: 100m is a tenth of a processor, and nothing here lives for ten minutes.
    (r"(?<=\s)(\d+m)?\d+s(?=\s|$)", "AGE"),
    (r"(?<=\s)<unknown>(?=\s|$)", "AGE"),
    (r"hash=\w+", "hash=HASH"),
    # Columns are as wide as what stands in them, which is of another width now.
    (r"(?<=\S)  +", "   "),
    (r"^ {12,}", " " * 12),
    (r"[ \t]+$", ""),
)
_PATTERNS = tuple((re.compile(pattern, re.MULTILINE), into) for pattern, into in _CONSTANT)


def constant(text: str) -> str:
    """Replace uids, times, versions, ages and addresses that a server gives out, which differ each time."""
    for pattern, into in _PATTERNS:
        text = pattern.sub(into, text)
    return text


def as_text(said: list[Said]) -> str:
    """Write a transcript as a file that people can read."""
    return "".join(f"$ {each.command}\n" + "".join(f"{line}\n" for line in each.lines) + "\n" for each in said)


def from_text(text: str) -> list[Said]:
    """Read a transcript from its file."""
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, rest = part.partition("\n")
        found.append(Said(command, tuple(rest.removesuffix("\n").splitlines())))
    return found
