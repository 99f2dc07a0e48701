"""What comes from outside: Go, etcd, the API server and the suites built from their modules, and the policy CRDs.

Everything made or fetched stays in Go's own caches and in one cache folder outside the work tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KUBERNETES = "v1.36.3"
BUNDLES = {"v1alpha1": "v0.1.7", "v1alpha2": "v0.2.0"}
CHANNELS = ("standard", "experimental")
MODULE = Path(__file__).parent / "apiserver"
E2E_MODULE = Path(__file__).parent / "e2e"
BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")


class MissingToolError(Exception):
    """What is not there and what to do about it, in one line."""


def require_go() -> str:
    """Give the path of the Go tool."""
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        raise MissingToolError("go is not there: install Go 1.26 or later (Kubernetes' parts are built from source)")
    return found


def require_etcd() -> str:
    """Give the path of etcd; installs it as root on a Debian, after saying so."""
    found = shutil.which("etcd")
    if found is None and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("installing etcd-server (apt-get install etcd-server)", flush=True)
        command = ["apt-get", "install", "--yes", "--no-install-recommends", "etcd-server"]
        done = subprocess.run(command, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, check=False)
        found = shutil.which("etcd") if done.returncode == 0 else None
    if found is None:
        raise MissingToolError("etcd is not there: apt-get install etcd-server, or put an etcd on PATH")
    return found


def cache_folder() -> Path:
    """Give the folder for what is built, outside the work tree; makes it if need be."""
    base = os.environ.get("XDG_CACHE_HOME")
    home = Path.home() / ".cache"
    folder = (Path(base) if base else home) / "podfence-conformance"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / "podfence-conformance"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def build_apiserver(go: str) -> Path:
    """Build the API server unless the cache holds it; gives the program's path. Minutes the first time."""
    program = cached("apiserver", [MODULE / name for name in ("main.go", "go.mod", "go.sum")])
    if not program.is_file():
        print(f"building kube-apiserver {KUBERNETES} (a few minutes the first time)", flush=True)
        build([go, "build", *BUILD_FLAGS, "-ldflags", link_flags()], program, ".", MODULE)
    return program


def build_e2e(go: str) -> Path:
    """Build Kubernetes' own e2e suite for NetworkPolicy unless the cache holds it; gives the program's path."""
    program = cached("e2e", [E2E_MODULE / name for name in ("netpol_test.go", "go.mod", "go.sum")])
    if not program.is_file():
        print(f"building the e2e suite of Kubernetes {KUBERNETES} (minutes the first time)", flush=True)
        build([go, "test", "-c", *BUILD_FLAGS, "-ldflags", link_flags()], program, ".", E2E_MODULE)
    return program


def build_policy_suite(go: str, version: str) -> Path:
    """Build the suite of one version of network-policy-api, in its own module, unless the cache holds it."""
    program = cache_folder() / f"network-policy-api-{version}"
    if not program.is_file():
        print(f"building the conformance suite of network-policy-api {version}", flush=True)
        build([go, "test", "-c", *BUILD_FLAGS], program, "./conformance", policy_module(go, version))
    return program


def cached(name: str, sources: list[Path]) -> Path:
    """Give the place of a program made from these files and Kubernetes; others lead to another place."""
    parts = [source.read_bytes() for source in sources]
    stamp = hashlib.sha256(b"\0".join([*parts, KUBERNETES.encode()])).hexdigest()[:16]
    return cache_folder() / f"{name}-{KUBERNETES}-{stamp}"


def build(command: list[str], program: Path, package: str, module: Path) -> None:
    """Build a program in a module; it is there once it is whole."""
    unfinished = program.with_name(f"{program.name}.part")
    run_go([*command, "-o", str(unfinished), package], module)
    unfinished.replace(program)


def build_typetable(go: str) -> Path:
    """Build the program that writes the table of types, in the API server's module; gives its path."""
    program = cache_folder() / f"typetable-{KUBERNETES}"
    run_go([go, "build", *BUILD_FLAGS, "-o", str(program), "./typetable"])
    return program


def link_flags() -> str:
    """Give the linker flags that make the server report its version, which kubectl wants to read."""
    package = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    values = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s", "-w", *(f"-X {package}.{name}={value}" for name, value in values.items())])


def policy_crds(go: str, channel: str) -> list[Path]:
    """List the CRD files of ANP and BANP v1alpha1 and CNP v1alpha2 of one channel, in Go's module cache."""
    files: list[Path] = []
    for bundle in BUNDLES.values():
        folder = policy_module(go, bundle) / "config" / "crd" / channel
        files += sorted(folder.glob("policy.networking.k8s.io_*.yaml"))
    return files


def policy_module(go: str, version: str) -> Path:
    """Give the folder of network-policy-api in Go's module cache."""
    output = run_go([go, "mod", "download", "-json", f"sigs.k8s.io/network-policy-api@{version}"])
    return Path(json.loads(output)["Dir"])


def run_go(command: list[str], module: Path = MODULE) -> str:
    """Run Go in a module, the API server's by default. Raises MissingToolError with what Go said."""
    done = subprocess.run(command, cwd=module, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        raise MissingToolError(f"{' '.join(command[1:3])} failed; what Go said is above")
    return done.stdout
