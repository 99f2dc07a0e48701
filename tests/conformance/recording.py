"""The recording as a whole: servers in turn, cases in parallel, files in order, and a summary of what changed."""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.conformance import builtin, extras, server, tools
from tests.conformance.answer import Line, Setting, ask
from tests.conformance.client import Client
from tests.conformance.corpus import cases
from tests.conformance.corpus.builtin.cases import builtin_cases
from tests.conformance.corpus.builtin.updates import replacements
from tests.conformance.corpus.cases import Case
from tests.conformance.corpus.requests import requests
from tests.conformance.corpus.updates import updates
from tests.conformance.openapi import ask_openapi
from tests.conformance.transcript import running as transcript

RECORDED = Path(__file__).parent / "recorded"
WORKERS = 6
Asked = Callable[[Sequence[Case]], list[Line]]

LENIENT = "--feature-gates=StrictIPCIDRValidation=false"


def record() -> int:
    """Ask a strict server with experimental CRDs, a strict one with standard CRDs, and a lenient one; gives 0.

    Raises ``MissingToolError`` when something needed is missing, ``ServerError`` when a server fails.
    """
    go, etcd = tools.require_go(), tools.require_etcd()
    program = tools.build_apiserver(go)
    network_policies = cases.network_policies()
    setting = Setting("strict", "experimental")
    with serving(go, etcd, program, setting) as (client, asked):
        strict = asked(network_policies)
        write("networkpolicy-strict.jsonl", strict)
        record_channel(asked, "experimental")
        record_extras(client, setting)
    # A server of its own, in which nothing is left of what was asked before.
    with serving(go, etcd, program, setting) as (client, _):
        record_builtin(client)
    record_transcript(etcd, program, tools.policy_crds(go, setting.channel))
    with serving(go, etcd, program, Setting("strict", "standard")) as (_, asked):
        record_channel(asked, "standard")
    with serving(go, etcd, program, Setting("lenient", "standard"), LENIENT) as (_, asked):
        write("networkpolicy-lenient.jsonl", lenient_lines(strict, asked(network_policies)))
    return 0


def record_transcript(etcd: str, program: Path, crds: Sequence[Path]) -> None:
    """Record what kubectl prints for a long script, against a server with all its admission."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        print("  transcript.txt: kubectl is not there; left as it is", flush=True)
        return
    with server.running(etcd, program, without="") as client:
        server.install_crds(client, crds)
        address = transcript.Server(f"https://127.0.0.1:{client.port}", client.token)
        said = list(transcript.run_script(address, kubectl))
    path = transcript.TRANSCRIPT
    before, text = path.read_text(encoding="utf-8") if path.is_file() else None, transcript.as_text(said)
    path.write_text(text, encoding="utf-8")
    print(f"  transcript.txt: {len(said)} commands, {state(before, text)}", flush=True)


def record_channel(asked: Asked, channel: str) -> None:
    """Record the cluster-scoped APIs for the CRDs of one channel."""
    write(f"clusternetworkpolicy-{channel}.jsonl", asked(cases.cluster_policies(channel)))
    write(f"adminnetworkpolicy-{channel}.jsonl", asked(cases.admin_policies(channel)))


def record_builtin(client: Client) -> None:
    """Record what the server says of built-in kinds, and of changes of their objects."""
    write_packed("kinds.jsonl.gz", builtin.ask_all(client, builtin_cases()))
    write_packed("openapi.jsonl.gz", ask_openapi(client))
    if not (RECORDED / "protobuf.jsonl.gz").is_file():
        # Times and uids are part of the bytes, so that these are new each time; one recording is enough.
        write_packed("protobuf.jsonl.gz", builtin.ask_encoded(client, builtin_cases()[::6]))
    write_packed("kind-updates.jsonl.gz", builtin.ask_replacements(client, list(replacements())))


def record_extras(client: Client, setting: Setting) -> None:
    """Record the requests that are more than a manifest, the updates, and kubectl where it is there."""
    write("requests.jsonl", [extras.ask_request(client, request, setting) for request in requests()])
    write("updates.jsonl", [extras.ask_update(client, update) for update in updates()])
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        print("  kubectl.jsonl: kubectl is not there; left as it is", flush=True)
        return
    version = extras.kubectl_version(kubectl)
    with ThreadPoolExecutor(WORKERS) as pool:
        lines = list(pool.map(lambda case: extras.ask_kubectl(client, kubectl, version, case), cases.for_kubectl()))
    write("kubectl.jsonl", lines)


@contextmanager
def serving(go: str, etcd: str, program: Path, setting: Setting, *flags: str) -> Iterator[tuple[Client, Asked]]:
    """Run a server of one setting; gives a client of it and a function that asks it many cases."""
    with server.running(etcd, program, *flags) as client:
        server.install_crds(client, tools.policy_crds(go, setting.channel))
        yield client, lambda found: ask_all(client, setting, found)


def ask_all(client: Client, setting: Setting, found: Sequence[Case]) -> list[Line]:
    """Ask the cases in parallel; gives their lines in the order of the cases."""
    started = time.monotonic()
    local = threading.local()
    count = itertools.count()
    same_place = threading.Lock()

    def ask_one(case: Case) -> Line:
        if not hasattr(local, "namespace"):
            local.namespace = f"recorder-{next(count)}"
        # Objects of different workers must not meet: they have a namespace each, unless the manifest says where.
        if (
            case.api.startswith("networking")
            and "namespace:" not in case.manifest
            and '"namespace"' not in case.manifest
        ):
            return ask(client, case, setting, local.namespace)
        with same_place:
            return ask(client, case, setting, local.namespace)

    with ThreadPoolExecutor(WORKERS) as pool:
        lines = list(pool.map(ask_one, found))
    spent = time.monotonic() - started
    odd = [each["id"] for each in lines if each["code"] not in {201, 400, 422}]
    if odd:
        raise server.ServerError(f"answers that are neither yes nor no, the first to {odd[0]}")
    codes = ", ".join(f"{code}: {number}" for code, number in sorted(Counter(each["code"] for each in lines).items()))
    print(f"{setting.regime:7} {setting.channel:12} {len(lines):5} answers in {spent:.0f} s ({codes})", flush=True)
    return lines


def lenient_lines(strict: Sequence[Line], lenient: Sequence[Line]) -> list[Line]:
    """Keep the themes about addresses, and whatever else the lenient server answers otherwise than the strict one."""
    kept: list[Line] = []
    for one, other in zip(strict, lenient, strict=True):
        about_addresses = other["id"].split("/")[1] in {"cidr", "except"}
        if about_addresses or one | {"regime": ""} != other | {"regime": ""}:
            kept.append(other)
    print(f"  the lenient server answers the other {len(lenient) - len(kept)} as the strict one", flush=True)
    return kept


def write(name: str, lines: Sequence[Line]) -> None:
    """Write one file of recorded answers and say whether it is other than before."""
    path = RECORDED / name
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in lines)
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"  {name}: {len(lines)} answers, {len(text) / 1e6:.2f} MB, {state(before, text)}", flush=True)


def state(before: object, now: object) -> str:
    """Say how a file is other than it was."""
    return "new" if before is None else "unchanged" if before == now else "CHANGED"


def write_packed(name: str, lines: Sequence[Line]) -> None:
    """Write one compressed file of recorded answers; equal answers give equal bytes."""
    path = RECORDED / name
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in lines).encode()
    before = gzip.decompress(path.read_bytes()) if path.is_file() else None
    path.write_bytes(gzip.compress(text, 9, mtime=0))
    codes = ", ".join(f"{code}: {number}" for code, number in sorted(Counter(each["code"] for each in lines).items()))
    print(f"  {name}: {len(lines)} answers ({codes}), {state(before, text)}", flush=True)
