"""Fuzzers of everything a user can feed in: bytes, objects of every kind, and whole commands on damaged manifests.

Each takes a seed and gives ``None`` when all is well. What is asked of the program beside not to break: one line
for each message, nothing skipped in silence, the same answer twice, and the same answer from every command.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from podfence.lint.finding import LAST_OF_THE_SERVER
from podfence.manifests.documents import Item, Unparsed
from podfence.manifests.gather import LATEST, Gathering
from podfence.manifests.inputs import read_data, read_inputs
from podfence.manifests.loaded import Loaded
from podfence.model.net import PRIVATE_IPV4
from podfence.model.snapshot import Snapshot
from podfence.model.source import position_of
from tests.fuzz import manifests
from tests.fuzz.damage import ALIKE, damaged, damaged_value, packed
from tests.fuzz.expected import silent
from tests.fuzz.running import BrokenPromiseError, Ran, answered, run

GROUPINGS = ("pod", "workload", "namespace")
PORTS = (
    "80", "8080", "7000/udp", "7050/UDP", "53/udp", "http", "web", "icmp", "other", "1", "65535", "132/sctp",
    "sql",
)  # fmt: skip
ODD_PORTS = (
    "0", "65536", "-1", "", "/", "80/", "80/icmp", "tcp/80", "99999999999999999999", "\x1b[1m", "HTTP", "é",
    "80 ",
)  # fmt: skip
ODD_ENDS = (
    "", "/", "a/b/c/d", "10.0.0.0/33", "10.0.0.256", "::1", "fe80::1%eth0", "0.0.0.0/0", "::/0", "internet",
    "node/", "x\ny", "shop/", "shop/nobody", "shop/Foo/cart", "external/10.0.0.0", "domain/x",
    "namespace/shop", "shop/Deployment/cart#9", "010.0.0.1", "1.1.1.1", "10.244.0.7", "10.96.0.10",
    "192.168.0.1", "2001:db8::1", "::ffff:10.0.0.1", "\x1b[2J", "shop",
)  # fmt: skip
SLICES = {(f"discovery.k8s.io/{version}", "EndpointSlice") for version in ("v1", "v1beta1")}
"""Of these the ones without a Service are left out."""
OUTSIDE = frozenset({"External", "Domain", "Node"})
"""Kinds of endpoints that no policy selects: a map leaves out what two of them have with each other."""
ENDS = (
    "shop/client", "shop/cart", "shop/deploy/cart", "shop/service/cart", "data/db", "data/sts/db",
    "data/logs", "node/n1", "shop/on-node", "data/cronjob/nightly", "data/old", "internet", "10.0.0.1",
    "fd00::7", "domain/a.example.com",
)  # fmt: skip
WORDS = (
    "check", "map", "why", "rule", "completion", "-", "-o", "json", "text", "json=", "sarif", "--by",
    "pod", "--focus", "-n", "shop", "-A", "--strict", "-q", "-v", "--depth", "0", "--exposed",
    "--pod-cidr", "none", "10.0.0.0/8", "--max-memory", "1KiB", "64MiB", "x", "PF001", "bash", "--color",
    "always", "--fail-on", "never", "--kubernetes-version", "1.35", "--help", "--crd-channel", "standard",
    "--show-defaults", "--", "nowhere.yaml", "\x1b[1m", "a\nb", "\ud800", "\x00", "-z", "--version",
)  # fmt: skip
CHECK_OPTIONS = (
    "--strict", "-n shop", "--fail-on never", "--fail-on error", "--crd-channel standard",
    "--kubernetes-version 1.30", "-A",
)  # fmt: skip
MAP_OPTIONS = (
    "--strict", "-n shop", "--exposed", "--focus shop/cart --depth 2", "-q", "-v", "-A", "--focus internet",
    "--pod-cidr none", "--max-memory 1GiB",
)  # fmt: skip


def fuzz_bytes(seed: int) -> str | None:
    """Read damaged bytes; every document of them must come out as something."""
    chance = Random(seed)
    data = packed(chance, damaged(chance, manifests.some(chance), 6))
    for named in (True, False):
        readings = list(read_data(data, "in.yaml", named=named))
        gathered(readings)
        wrong = silent(data, readings, named=named)
        if wrong is not None:
            return f"named={named}: {wrong}\n{data[:3_000]!r}"
    return None


def fuzz_objects(seed: int) -> str | None:
    """Gather objects of every kind with values of every type; JSON and YAML must mean the same."""
    chance = Random(seed)
    objects = [damaged_value(chance, value, values=ALIKE) for value in chance.sample(manifests.world(), 4)]
    outcomes = []
    for text in (json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=1), _as_yaml(objects)):
        loaded = gathered(read_data(text.encode(), "in"))
        outcomes.append(
            (_without_places(loaded.snapshot), [(problem.path, problem.message) for problem in loaded.problems])
        )
    if outcomes[0] != outcomes[1]:
        return f"JSON and YAML differ: {objects}\n{outcomes[0]}\n{outcomes[1]}"
    return None


def fuzz_check(seed: int) -> str | None:
    """Check damaged manifests with any options; findings and what map says of the same policies must agree."""
    chance = Random(seed)
    data = packed(chance, damaged(chance, manifests.some(chance)))
    options = _options(chance, CHECK_OPTIONS)
    ran = _twice(["check", "-", "-o", "json", *options], data)
    answer = answered(ran, "Findings")
    run(["check", "-", *options, *chance.choice(((), ("-q",), ("-v",)))], data)
    if answer is None:
        return None
    worst = {finding["severity"] for finding in answer["findings"]}
    if ran.code == 0 and "error" in worst and "never" not in options:
        return f"an error without consequence: {ran}"
    for finding in answer["findings"]:
        if finding["position"]["line"] < 1 or finding["position"]["column"] < 1:
            return f"a finding nowhere: {finding}"
    return _defaults_stay(data) or _map_says_the_same(data)


def fuzz_map(seed: int) -> str | None:
    """Map damaged manifests in every format: each must tell the same connections."""
    chance = Random(seed)
    data = packed(chance, damaged(chance, manifests.some(chance)))
    options = ["--by", chance.choice(GROUPINGS), *_options(chance, MAP_OPTIONS)]
    ran = _twice(["map", "-", "-o", "json", *options], data)
    answer = answered(ran, "ConnectivityMap")
    texts = {
        form: run(["map", "-", "-o", form, *options], data) for form in ("csv", chance.choice(("text", "md", "dot")))
    }
    if any(other.code != ran.code for other in texts.values()):
        return f"exit codes differ between formats: {ran}"
    if answer is None:
        return None
    ids = [endpoint["id"] for endpoint in answer["endpoints"]]
    pairs = [(row["source"], row["destination"]) for row in answer["connections"]]
    if len(set(ids)) != len(ids) or len(set(pairs)) != len(pairs):
        return f"an endpoint or a connection comes twice: {ran}"
    if not {end for pair in pairs for end in pair} <= set(ids):
        return f"a connection of an endpoint that is not listed: {ran}"
    rows = list(csv.reader(io.StringIO(texts["csv"].out, newline="")))[1:]
    if [(source, destination) for source, destination, _ in rows] != pairs:
        return f"CSV and JSON differ: {ran}"
    return None


def fuzz_why(seed: int) -> str | None:
    """Ask anything about damaged manifests; what is suggested against a denial must allow it."""
    chance = Random(seed)
    data = damaged(chance, manifests.WORLD.read_bytes(), 3) if chance.random() < 0.7 else manifests.WORLD.read_bytes()
    ends = [chance.choice(chance.choice((ENDS, ENDS, ENDS, ODD_ENDS))) for _ in range(2)]
    port = chance.choice(chance.choice((PORTS, PORTS, PORTS, ODD_PORTS)))
    options = chance.choice(((), ("-n", "shop"), ("--pod-cidr", "none"), ("--pod-cidr", "10.244.0.0/16")))
    question = ["why", *options, "--", *ends, port, "-"]
    ran = _twice(["why", "-o", "json", *question[1:]], data)
    other = run(question, data)
    if other.code != ran.code:
        return f"text and JSON differ: {ran}"
    answer = answered(ran, "Verdict")
    if answer is None:
        return None
    if ran.code != {"allow": 0, "deny": 1}[answer["verdict"]]:
        return f"the exit code is not the verdict: {ran}"
    if answer["suggestion"] is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        mended = Path(folder) / "mended.yaml"
        mended.write_text(answer["suggestion"], encoding="utf-8")
        after = run([*question, str(mended)], data)
    return f"the suggestion does not allow it: {ran}\n{after}" if after.code != 0 else None


def fuzz_agreement(seed: int) -> str | None:
    """Ask why about pairs of a map of damaged manifests: both must say the same."""
    chance = Random(seed)
    data = damaged(chance, manifests.some(chance), 3)
    options = chance.choice(((), ("--pod-cidr", "none"), ("--pod-cidr", "10.244.0.0/16")))
    answer = answered(run(["map", "-", "-o", "json", "--by", "pod", "-q", *options], data), "ConnectivityMap")
    if answer is None or not answer["endpoints"]:
        return None
    allowed = {(row["source"], row["destination"]): row["ports"] for row in answer["connections"]}
    numbers = [80, 8080] + [edge for ports in allowed.values() if ports != "all" for edge in _edges(ports)]
    for _ in range(4):
        source, destination = (chance.choice(answer["endpoints"]) for _ in range(2))
        if source["id"] == destination["id"] or not {source["kind"], destination["kind"]} - OUTSIDE:
            continue
        protocol, number = chance.choice(("TCP", "UDP", "SCTP", "other")), chance.choice(numbers)
        port = "other" if protocol == "other" else f"{number}/{protocol}"
        ends = [_as_argument(end) for end in (source, destination)]
        if any(end.count("/") > 2 or not end.isprintable() for end in ends):
            continue
        ran = run(["why", "-q", *options, "--", *ends, port, "-"], data)
        mapped = _holds(allowed.get((source["id"], destination["id"]), []), protocol, number)
        if ran.code != (0 if mapped else 1):
            return f"map says {'allowed' if mapped else 'denied'}: {ran}\n{data.decode('utf-8', 'replace')}"
    return None


def fuzz_folder(seed: int) -> str | None:
    """Read a folder of damaged files: each must be read or named, and one broken file must not cost another."""
    chance = Random(seed)
    found = manifests.files(chance)
    for name in chance.sample(sorted(found), min(len(found), 3)):
        data = packed(chance, damaged(chance, found.pop(name)))
        found[
            chance.choice(
                (name, name + ".gz", name[:-4] + "json", name[:-4] + "txt", name + "\n.yml", "\x1b[1m" + name)
            )
        ] = data
    with tempfile.TemporaryDirectory() as folder:
        for name, data in found.items():
            (Path(folder) / name).write_bytes(data)
        readings = list(read_inputs([folder], stdin=io.BytesIO()))
        told = {_file_of(reading) for reading in readings}
        for name, data in found.items():
            if str(Path(folder) / name) not in told and silent(data, [], named=False):
                return f"{name!r} is passed over in silence: {data[:2_000]!r}"
        run(["check", folder, "-v", "--color", "never"])
        run(["check", folder, "-o", "json"])
        run(["map", folder, "-v", "-o", "json"])
    return None


def fuzz_usage(seed: int) -> str | None:
    """Give any arguments at all: an answer or one line."""
    chance = Random(seed)
    # Any word may be taken for a path: none may lead out of the empty folder that this runs in.
    within = [word for word in (*WORDS, *ENDS, *ODD_ENDS, *PORTS) if not word.startswith(("/", ".", "~"))]
    arguments = [chance.choice(WORDS[:5]), *chance.choices(within, k=chance.randint(0, 7))]
    if "always" not in arguments:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            run(arguments, manifests.WORLD.read_bytes())
    return None


def gathered(readings: Any) -> Loaded:  # noqa: ANN401 (what read_data gives)
    """Gather readings, and account for each object: kept, replaced by a later one, or of an unknown kind."""
    gathering = Gathering("default", LATEST)
    dropped = 0
    for reading in readings:
        slices = len(gathering._endpoint_slices) + len(gathering._duplicates)
        gathering.add(reading)
        if isinstance(reading, Item):
            position_of(reading.source)
            changed = len(gathering._endpoint_slices) + len(gathering._duplicates) != slices
            dropped += (reading.api_version, reading.kind) in SLICES and not changed
    loaded = gathering.loaded(PRIVATE_IPV4)
    pods = sum(map(len, gathering._pods.values()))
    named = len(gathering._files)
    unknown = sum(count for _, count in loaded.unknown_kinds)
    if loaded.objects != pods + named + len(loaded.duplicates) + unknown + dropped:
        parts = {"pods": pods, "named": named, "twice": len(loaded.duplicates), "unknown": unknown, "dropped": dropped}
        raise BrokenPromiseError(f"{loaded.objects} objects, but {parts}")
    for problem in loaded.problems:
        if problem.position is None or problem.position.line < 1 or problem.position.column < 1:
            raise BrokenPromiseError(f"a problem nowhere: {problem}")
    return loaded


def _as_yaml(objects: Sequence[Any]) -> str:
    """Write objects as YAML in flow style, which quotes every text, so that none can turn into something else."""
    return "".join(f"---\n{json.dumps(value, ensure_ascii=False, indent=1)}\n" for value in objects)


def _without_places(snapshot: Snapshot) -> Snapshot:
    """Leave out where policies stand, which is different in each text."""
    replace = msgspec.structs.replace
    policies = (replace(policy, ref=replace(policy.ref, source=None)) for policy in snapshot.policies)
    return replace(snapshot, policies=tuple(policies))


def _twice(arguments: Sequence[str], data: bytes) -> Ran:
    first, second = run(arguments, data), run(arguments, data)
    if first != second:
        raise BrokenPromiseError(f"not the same twice: {first}\n{second}")
    return first


def _options(chance: Random, groups: Sequence[str]) -> list[str]:
    """Choose up to two options, with their values."""
    return [word for group in chance.sample(groups, chance.choice((0, 0, 1, 2))) for word in group.split(" ")]


def _defaults_stay(data: bytes) -> str | None:
    """Check that the server accepts what it would store, and stores it again as it is."""
    stored = run(["check", "-", "--show-defaults", "-q", "--fail-on", "never"], data)
    if not stored.out:
        return None
    again = run(["check", "-", "--show-defaults", "-q", "--fail-on", "error"], stored.out.encode())
    return f"stored and refused, or changed: {stored}\n{again}" if (again.code, again.out) != (0, stored.out) else None


def _map_says_the_same(data: bytes) -> str | None:
    """Every error of check in a policy must be told by map as well, at the same place."""
    ran = answered(run(["check", "-", "-o", "json"], data), "Findings")
    wanted = {
        f"-:{found['position']['line']}:{found['position']['column']}:"
        for found in ran["findings"]
        if found["severity"] == "error"
        and found["rule"] <= LAST_OF_THE_SERVER
        and found["ref"]
        and found["ref"]["kind"].endswith("NetworkPolicy")
    }
    told = run(["map", "-", "-o", "csv"], data).err
    missing = [place for place in sorted(wanted) if place not in told]
    return (
        f"check finds an error that map keeps to itself: {missing}\n{told}"
        if missing and " more; " not in told
        else None
    )


def _edges(ports: Sequence[dict[str, Any]]) -> list[int]:
    edges = [
        edge
        for item in ports
        if "port" in item
        for edge in (item["port"] - 1, item["port"], item.get("endPort", item["port"]) + 1)
    ]
    return [edge for edge in edges if 1 <= edge <= 65535]


def _holds(ports: Any, protocol: str, number: int) -> bool:  # noqa: ANN401 (as JSON has it)
    if ports == "all":
        return True
    return any(
        item["protocol"] == protocol
        and (protocol == "other" or item["port"] <= number <= item.get("endPort", item["port"]))
        for item in ports
    )


def _as_argument(endpoint: dict[str, Any]) -> str:
    return endpoint["ranges"][0].split("-")[0] if endpoint["kind"] == "External" else str(endpoint["id"])


def _file_of(reading: Any) -> str:  # noqa: ANN401 (what read_inputs gives)
    return str(reading.position.file if isinstance(reading, Unparsed) else reading.file)
