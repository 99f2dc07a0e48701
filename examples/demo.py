#!/usr/bin/env python3
"""A walk through the shop, as a person would ask: is it valid, who reaches whom, why not, and what would mend it.

Needs nothing but Python and the installed program. It works on a copy in a temporary folder and leaves no trace. In
the end real packets tell the same, in a lab of its own, where the machine can have one.
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
NOT_POSSIBLE = 2
NO_ANSWER = 28
"""What curl says when nothing came in time."""
LAB = "demo"
CLUSTER_ADDRESS = "10.96.0.80"


class DemoError(Exception):
    """A command answered otherwise than the walk expects."""


def main() -> int:
    """Walk through the shop; 0 unless a command misbehaves."""
    try:
        with tempfile.TemporaryDirectory(prefix="podfence-demo-") as folder:
            for name in ("shop", "packets"):
                shutil.copytree(HERE / name, Path(folder) / name)
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
            " copy of examples/shop; no cluster is needed."
        )
        self.is_it_valid()
        self.who_reaches_whom()
        self.who_reaches_the_money()
        self.why_not()
        self.what_is_exposed()
        self.what_do_packets_say()
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

    def what_do_packets_say(self) -> None:
        """Tell the story of deny-all, allow one, and the forgotten DNS with packets, where the machine can."""
        self.step("What do real packets say?")
        print(self.styled("2", f"$ podfence lab up --name {LAB} -f packets/10-app.yaml"), flush=True)
        started = self.run("lab", "up", "-q", "--name", LAB, "-f", "packets/10-app.yaml")
        if started.returncode == NOT_POSSIBLE:
            self.say(f"Not on this machine: {started.stderr.strip().removeprefix('podfence: ')}.")
            return
        print(started.stdout, flush=True)
        try:
            self.packets()
        finally:
            self.run("lab", "down", "--name", LAB)

    def packets(self) -> None:
        """Close the lab's namespace, and open what is needed, one policy after the other."""
        self.say("A cluster of its own, on this machine and with no way out of it. The client asks books by name:")
        self.curl(ALREADY_FINE, "books")
        self.say("Now a policy that closes the namespace. By address, so that nothing but the connection is asked for:")
        self.lab("20-deny-all.yaml")
        self.curl(NO_ANSWER, CLUSTER_ADDRESS)
        self.podfence(ALREADY_FINE, "flows", "--name", LAB, "--last", "1")
        self.say("Every drop has its reason. One rule lets the client out, another lets it in to books:")
        self.lab("30-allow-client.yaml")
        self.curl(ALREADY_FINE, CLUSTER_ADDRESS)
        self.say("By name it does not work, and the error speaks of everything but the cause:")
        self.curl(NO_ANSWER, "books")
        self.podfence(ALREADY_FINE, "flows", "--name", LAB, "--last", "1")
        self.say("The DNS that everybody forgets. With it, and with every pair of ends tried against the policies:")
        self.lab("40-dns.yaml")
        self.curl(ALREADY_FINE, "books")
        self.podfence(ALREADY_FINE, "lab", "probe", "--name", LAB)

    def lab(self, file: str) -> None:
        """Apply a file to the lab."""
        self.podfence(ALREADY_FINE, "lab", "up", "-q", "--name", LAB, "-f", f"packets/{file}")

    def curl(self, expected: int, host: str) -> None:
        """Ask a host from the client's pod."""
        self.podfence(expected, "lab", "exec", "--name", LAB, "client", "--", "curl", "-sm", "2", host)

    def what_next(self) -> None:
        """Say where to go from here."""
        self.step("Two faults are left for you to find")
        podfence, shop = os.path.relpath(program()), os.path.relpath(HERE / "shop")
        for about, arguments in (
            ("what is the matter with currency?", f"why shop/frontend shop/currency grpc {shop}"),
            ("and with shipping?", f"why shop/shipping kube-system/service/kube-dns 53/UDP {shop}"),
            ("a lab to play with; then export KUBECONFIG=$(podfence lab kubeconfig --path)", f"lab up -f {shop}"),
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
        return self.run(*arguments).stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command and keep what it says."""
        return subprocess.run(
            [program(), *arguments], cwd=self.folder, check=False, capture_output=True, encoding="utf-8"
        )

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
