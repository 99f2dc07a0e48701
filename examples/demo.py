#!/usr/bin/env python3
"""A walk through the shop, as a person would ask: is it valid, who reaches whom, why not, and what would mend it.

Needs nothing but Python and the installed program. It works on a copy in a temporary folder and leaves no trace.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALREADY_FINE = 0
NO = 1


class DemoError(Exception):
    """A command answered otherwise than the walk expects."""


def main() -> int:
    """Walk through the shop; 0 unless a command misbehaves."""
    try:
        with tempfile.TemporaryDirectory(prefix="podfence-demo-") as folder:
            shutil.copytree(HERE / "shop", Path(folder) / "shop")
            Walk(Path(folder)).all()
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        # Somebody has seen enough; what is still buffered must not fail again when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class Walk:
    """The steps, in order, on a copy of the shop in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = 0
        self.coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def all(self) -> None:
        """Take every step."""
        self.say(
            "A shop: twelve services in one namespace, each with its policy, some of them wrong. Everything below is a"
            " copy of examples/shop; no cluster is needed, and nothing is sent anywhere."
        )
        self.is_it_valid()
        self.who_reaches_whom()
        self.who_reaches_the_money()
        self.why_not()
        self.what_is_exposed()
        self.what_next()

    def is_it_valid(self) -> None:
        """Check the manifests, and mend what the server would refuse."""
        self.step("Would the API server take these policies, and what will hurt?")
        self.podfence(NO, "check", "shop")
        self.replace("recommendation", "protcol:", "protocol:")
        self.say(
            "PF003 is one missing letter: kubectl apply would refuse the policy. It is mended in the copy. The others"
            " are valid and wrong all the same; the next steps show what they do."
        )

    def who_reaches_whom(self) -> None:
        """Draw the map."""
        self.step("Who can talk to whom?")
        self.podfence(ALREADY_FINE, "map", "shop")
        self.say(
            "Valid is not right: email is entered on 5000, where its pods do not listen, and nobody gets into currency"
            " at all. More about that below."
        )

    def who_reaches_the_money(self) -> None:
        """Look at two services closely, and take away a dash."""
        self.step("Who can reach redis, and who payment?")
        self.podfence(ALREADY_FINE, "map", "--focus", "shop/redis", "shop")
        self.podfence(ALREADY_FINE, "map", "--focus", "shop/payment", "shop")
        self.say(
            "redis is as it should be. But payment lets in monitoring/toolbox: one dash too many makes two peers of"
            " what was meant as one, 'Prometheus in the namespace monitoring'. Without the dash:"
        )
        self.replace(
            "payment",
            "    - podSelector:\n        matchLabels:\n          app: prometheus",
            "      podSelector:\n        matchLabels:\n          app: prometheus",
        )
        self.podfence(NO, "why", "monitoring/toolbox", "shop/payment", "metrics", "shop")
        self.podfence(ALREADY_FINE, "why", "monitoring/prometheus", "shop/payment", "metrics", "shop")

    def why_not(self) -> None:
        """Ask why an order gets no confirmation, apply the proposed change, and ask again."""
        self.step("Orders come in, but no confirmation goes out. Why?")
        question = ("why", "shop/checkout", "shop/service/email", "5000", "shop")
        self.podfence(NO, *question)
        said = json.loads(self.captured(*question, "-o", "json"))
        file = said["ingress"]["nearestMisses"][0]["ref"]["file"]
        (self.folder / file).write_text(said["suggestion"], encoding="utf-8")
        self.say(f"The proposed policy, whole, is in the JSON of the same answer. Written over {file}:")
        self.podfence(ALREADY_FINE, *question)

    def what_is_exposed(self) -> None:
        """Show what is reachable from outside and what can leave."""
        self.step("What is exposed?")
        self.podfence(ALREADY_FINE, "map", "--exposed", "shop")

    def what_next(self) -> None:
        """Say where to go from here."""
        self.step("Two faults are left for you to find")
        podfence, shop = os.path.relpath(program()), os.path.relpath(HERE / "shop")
        for about, arguments in (
            ("what is the matter with currency?", f"why shop/frontend shop/currency grpc {shop}"),
            ("and with shipping?", f"why shop/shipping kube-system/service/kube-dns 53/UDP {shop}"),
            ("the map for programs: json, csv, md, dot", f"map -o json {shop}"),
            ("the manual of a rule", "rule PF003"),
            ("your turn", "check YOUR-MANIFESTS"),
        ):
            print(f"  {podfence} {arguments}\n    {self.styled('2', about)}")
        print("\ndocs/guide.md explains network policies from the beginning, with examples like these.", flush=True)

    def replace(self, policy: str, old: str, new: str) -> None:
        """Edit a policy of the copy."""
        path = self.folder / "shop" / "policies" / f"{policy}.yaml"
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise DemoError(f"{path.name} of examples/shop no longer holds what the demo mends")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def podfence(self, expected: int, *arguments: str) -> None:
        """Show a command and its answer."""
        print(self.styled("2", f"$ podfence {shlex.join(arguments)}"), flush=True)
        done = subprocess.run([program(), *arguments], cwd=self.folder, check=False)
        if done.returncode != expected:
            raise DemoError(f"podfence {shlex.join(arguments)} gave exit code {done.returncode}, not {expected}")
        print(flush=True)

    def captured(self, *arguments: str) -> str:
        """Give the output of a command instead of showing it."""
        return subprocess.run(
            [program(), *arguments], cwd=self.folder, check=False, capture_output=True, encoding="utf-8"
        ).stdout

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        print(self.styled("1", f"\n{self.steps}. {title}") + "\n", flush=True)

    def say(self, text: str) -> None:
        """Tell the person what is to be seen."""
        print(textwrap.fill(text, 100) + "\n", flush=True)

    def styled(self, code: str, text: str) -> str:
        """Style a text where the terminal shows it."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text


def program() -> str:
    """Find the program beside the Python that runs this, else in the project's environment."""
    for folder in (Path(sys.executable).parent, HERE.parent / ".venv" / "bin"):
        if (folder / "podfence").is_file():
            return str(folder / "podfence")
    raise DemoError("podfence is not installed; run ./dev setup")


if __name__ == "__main__":
    sys.exit(main())
