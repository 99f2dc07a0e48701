"""``./dev bench``: how fast and how small Podfence is, on clusters that are made anew from fixed seeds.

Every figure is the median of several runs and stands beside a yardstick of the same run (``json.load`` on the same
files, the evaluator that reads like the documentation, a cluster a tenth of the size), since seconds alone mean
little on a machine whose speed changes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.corpus import Shape, snapshot
from bench.lab import deployments
from bench.text import write_folder, write_json, write_yaml
from podfence.engine import bitset
from podfence.engine.compile import Program
from podfence.engine.difference import difference
from podfence.engine.frame import Frame
from podfence.engine.joint import join
from podfence.engine.judge import judge
from podfence.engine.reach import Reach
from podfence.lab.machine import missing_for_lab
from podfence.model.net import Protocol
from podfence.model.policy import Direction

PODFENCE = [sys.executable, "-m", "podfence"]
SMALL = (Shape(1_000, 100, 20), Shape(2_000, 200, 20))
LARGE = (Shape(10_000, 1_000, 50), Shape(100_000, 10_000, 500))


class Cost(NamedTuple):
    """What a process took: seconds of wall clock, and its peak memory in MiB."""

    seconds: float
    mebibytes: float


def main() -> int:
    """Measure what was asked for, all by default, and print a table for each."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"what to measure: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts (default 3)")
    chosen = parser.parse_args()
    unknown = [part for part in chosen.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {unknown[0]}; there are {', '.join(PARTS)}")
    for name in chosen.parts or PARTS:
        PARTS[name](chosen.runs)
    return 0


def bench_start(runs: int) -> None:
    """Measure starting up, and one question to a folder of fifty manifests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        names = write_folder(snapshot(Shape(30, 10, 5)), path)
        rows = [
            ("podfence --version", "under 0.1 s", _median(runs, [*PODFENCE, "--version"])),
            (
                f"podfence why, {len(names)} manifests",
                "under 0.35 s",
                _median(runs, [*PODFENCE, "why", names[0], names[1], "8080", folder]),
            ),
            ("python -c pass", "yardstick", _median(runs, [sys.executable, "-c", "pass"])),
        ]
        _table("Start", ("command", "wanted", "seconds", "MiB"), [(n, w, _s(c), _m(c)) for n, w, c in rows])


def bench_whole(runs: int) -> None:
    """Measure whole processes: text in, connectivity out."""
    rows = []
    for shape, wanted in zip(SMALL, ("0.8 s, 150 MiB", "2 s, 250 MiB"), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            files = write_yaml(snapshot(shape), Path(folder))
            out = Path(folder) / "map.out"
            cost = _median(runs, [*PODFENCE, "map", "--by", "pod", "-o", f"json={out}", folder])
            rows.append((shape.name, _size(files), "YAML, --by pod", wanted, _s(cost), _m(cost), _size([out])))
    seconds = {}
    for shape in LARGE:
        with tempfile.TemporaryDirectory() as folder:
            files = write_json(snapshot(shape), Path(folder))
            out = Path(folder).parent / f"podfence-bench-{os.getpid()}.json"
            command = [*PODFENCE, "map", "--by", "namespace", "-o", f"json={out}", folder]
            yardstick = _median(runs, [sys.executable, "-c", _JSON_LOAD, *map(str, files)])
            cost = _median(runs, command)
            seconds[shape.pods] = cost.seconds
            ratio = f"{cost.seconds / yardstick.seconds:.2f} x json.load ({yardstick.seconds:.2f} s)"
            rows.append((shape.name, _size(files), "JSON, --by namespace", "1.5 x, 600 MiB", _s(cost), _m(cost), ratio))
            out.unlink()
    growth = seconds[100_000] / seconds[10_000]
    rows.append(("100,000 against 10,000 pods", "", "", "at most 12 x", f"{growth:.1f} x", "", ""))
    _table("Whole process", ("cluster", "text", "command", "wanted", "seconds", "MiB", "note"), rows)


_JSON_LOAD = "import gc, json, sys; gc.disable(); [json.load(open(name, encoding='utf-8')) for name in sys.argv[1:]]"


def bench_engine(runs: int) -> None:
    """Measure the engine in memory: the row of every class, reduced to pairs of pods."""
    shapes = (
        (Shape(100_000, 10_000, 500), "1.5 s, 300 MiB"),
        (Shape(100_000, 10_000, 500, unique=True), "6 s"),
        (Shape(1_000_000, 10_000, 500, replicas=40), "5 s"),
    )
    rows = []
    for shape, wanted in shapes:
        times, figures = zip(*(_in_a_process(shape) for _ in range(runs)), strict=True)
        rows.append((shape.name, wanted, f"{statistics.median(times):.2f}", *figures[-1]))
    heads = ("cluster", "wanted", "seconds", "MiB above input", "classes", "isolated in/out", "allowed pod pairs")
    _table("All of reach", heads, rows)


def reach_once(shape: Shape) -> dict[str, object]:
    """Build the frame, the program and every row; count what is allowed."""
    gc.disable()
    cluster = snapshot(shape)
    before, start = _peak(), time.perf_counter()
    frame = Frame(cluster)
    program = Program(frame)
    reach = Reach(program)
    classes = frame.classes
    weights = bitset.Weights([*classes.sizes, *[0] * (classes.total - classes.pods)])
    pairs = 0
    for row in reach.rows():
        if row.source < classes.pods:
            reached = 0
            for destinations in row.reached.values():
                reached |= destinations
            pairs += classes.sizes[row.source] * weights.total(reached)
    seconds = time.perf_counter() - start
    isolated = [weights.total(program.isolated[direction]) / shape.pods for direction in Direction]
    return {
        "seconds": seconds,
        "figures": [
            f"{_peak() - before:.0f}",
            f"{classes.pods:,} of pods, {classes.total - classes.pods:,} others",
            " / ".join(f"{share:.0%}" for share in isolated),
            f"{pairs:,}",
        ],
    }


def bench_naive(runs: int) -> None:
    """Put the same question to the evaluator that reads like the documentation, pair by pair."""
    rows = []
    for shape in (Shape(10, 10, 2), Shape(20, 20, 2), Shape(40, 40, 2)):
        cluster = snapshot(shape)
        start = time.perf_counter()
        frame = Frame(cluster)
        reach = Reach(Program(frame))
        by_rows = sum(
            bool(mask >> atom & 1 and classes >> b & 1)
            for a in frame.classes.of_pod
            for mask, classes in reach.row(a).reached.items()
            for b in frame.classes.of_pod
            for atom in range(len(frame.ports.atoms))
        )
        fast = time.perf_counter() - start
        start = time.perf_counter()
        one_by_one = sum(
            judge(cluster, a, b, protocol, port).allowed
            for a in cluster.pods
            for b in cluster.pods
            for protocol, port, _ in frame.ports.atoms
        )
        slow = time.perf_counter() - start
        same = "equal" if by_rows == one_by_one else f"DIFFERENT: {by_rows} and {one_by_one}"
        rows.append((shape.name, f"{fast:.3f}", f"{slow:.2f}", f"{slow / fast:.0f} x", same))
    del runs
    _table("Beside the naive evaluator", ("cluster", "reach, s", "naive, s", "ratio", "answers"), rows)


def bench_reading(runs: int) -> None:
    """Measure reading alone: text to a snapshot."""
    rows = []
    pods_alone = ("JSON, typed, pods alone", "2 s", LARGE[1], lambda cluster, to: write_json(cluster, to)[1:2], _LOAD)
    yaml_alone = ("YAML with positions", "8 MB/s", SMALL[1], write_yaml, _READ)
    for kind, wanted, shape, write, code in (pods_alone, yaml_alone):
        with tempfile.TemporaryDirectory() as folder:
            files = write(snapshot(shape), Path(folder))
            empty = _median(runs, [sys.executable, "-c", code])
            cost = _median(runs, [sys.executable, "-c", code, *map(str, files)])
            seconds = cost.seconds - empty.seconds
            speed = sum(file.stat().st_size for file in files) / 1e6 / seconds
            rows.append((shape.name, _size(files), kind, wanted, f"{seconds:.2f}", f"{speed:.0f} MB/s", _m(cost)))
    _table("Reading", ("cluster", "text", "kind", "wanted", "seconds", "speed", "MiB"), rows)


_LOAD = "import io, sys; from podfence.manifests.load import load; load(sys.argv[1:], stdin=io.BytesIO())"
_READ = (
    "import gc, io, sys; from podfence.manifests.inputs import read_inputs; gc.disable(); "
    "items = list(read_inputs(sys.argv[1:], stdin=io.BytesIO()))"
)


def bench_why(runs: int) -> None:
    """Measure one question to a large cluster that is loaded already."""
    shape = LARGE[1]
    cluster = snapshot(shape)
    pairs = [(cluster.pods[n * 977 % shape.pods], cluster.pods[n * 3571 % shape.pods]) for n in range(200)]
    times = []
    for a, b in pairs * runs:
        start = time.perf_counter()
        judge(cluster, a, b, Protocol.TCP, 8080)
        times.append(time.perf_counter() - start)
    rows = [(shape.name, "5 ms", f"{statistics.median(times) * 1e3:.2f}", f"{max(times) * 1e3:.2f}")]
    _table("why, after loading", ("cluster", "wanted", "median, ms", "slowest, ms"), rows)


def bench_dataplane(runs: int) -> None:
    """Measure what the kernel pays, in network namespaces of their own, where there are such."""
    if sys.platform != "linux" or shutil.which("nft") is None:
        print("\nDataplane: left out, it needs Linux and nft", flush=True)
        return
    user = [] if os.geteuid() == 0 else ["unshare", "-rn"]
    command = [*user, sys.executable, "-m", "bench.dataplane", str(runs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    _table("Dataplane, 1,000 pods x 10 rules", ("what", "wanted", "measured"), [*map(tuple, json.loads(done.stdout))])


def bench_lab(runs: int) -> None:
    """Measure a lab, from nothing to pods that are ready and policies that are enforced, where there can be one."""
    missing = missing_for_lab()
    if missing is not None:
        print(f"\nLab: left out, {missing}", flush=True)
        return
    rows = [("python -c pass", "yardstick", f"{_median(runs, [sys.executable, '-c', 'pass']).seconds:.2f} s")]
    for pods, wanted in ((10, "under 2 s"), (200, "under 10 s")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pods.yaml"
            path.write_text(deployments(pods), "utf-8")
            name = f"bench-{os.getpid()}"
            times = []
            for _ in range(runs):
                times.append(_run([*PODFENCE, "lab", "up", "-q", "--name", name, "-f", str(path)]).seconds)
                _run([*PODFENCE, "lab", "down", "--name", name])
        rows.append((f"lab up, {pods} pods and their policies, enforced", wanted, f"{statistics.median(times):.2f} s"))
    _table("Lab, one node, IPv4 and IPv6", ("what", "wanted", "measured"), rows)


def _in_a_process(shape: Shape) -> tuple[float, list[str]]:
    code = "import json, sys; from bench.corpus import Shape; from bench.run import reach_once; "
    code += "print(json.dumps(reach_once(Shape(*json.loads(sys.argv[1])))))"
    arguments = json.dumps([shape.pods, shape.policies, shape.namespaces, shape.unique, shape.seed, shape.replicas])
    done = subprocess.run([sys.executable, "-c", code, arguments], check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    return answer["seconds"], answer["figures"]


def _median(runs: int, command: list[str]) -> Cost:
    costs = [_run(command) for _ in range(runs)]
    return Cost(statistics.median(c.seconds for c in costs), statistics.median(c.mebibytes for c in costs))


def _run(command: list[str]) -> Cost:
    """Run a command to its end; answers of 0 and 1 are both answers."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr is not None else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {errors.decode(errors='replace')[:500]}")
    return Cost(seconds, usage.ru_maxrss / 1024)


def _peak() -> float:
    """Give the peak memory of this process in MiB."""
    import resource  # noqa: PLC0415 - not everywhere, and only these measurements need it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _size(files: Iterable[Path]) -> str:
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def _s(cost: Cost) -> str:
    return f"{cost.seconds:.2f}"


def _m(cost: Cost) -> str:
    return f"{cost.mebibytes:.0f}"


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    print(f"\n{title}")
    for row in [heads, *rows]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def bench_diff(runs: int) -> None:
    """Measure comparing two versions: whole processes, and the engine beside one reach."""
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder) / name for name in ("old", "new")]
        cluster = snapshot(Shape(500, 100, 10))
        for side, policies in zip(sides, (cluster.policies, cluster.policies[1:]), strict=True):
            side.mkdir()
            write_yaml(cluster.with_policies(policies), side)
        cost = _median(runs, [*PODFENCE, "diff", *map(str, sides), "-o", f"json={folder}/out"])
    whole = [("500 pods, 100 policies, YAML", "0.6 s", _s(cost), _m(cost))]
    _table("diff as a whole process, one policy removed", ("cluster", "wanted", "seconds", "MiB"), whole)
    for shape in LARGE:
        times = [_diff_times(shape) for _ in range(runs)]
        one, two = (statistics.median(column) for column in zip(*times, strict=True))
        rows = [(shape.name, "3 x", f"{one:.2f}", f"{two:.2f}", f"{two / one:.2f} x")]
        _table("diff in memory, one policy removed", ("cluster", "wanted", "one reach, s", "diff, s", "ratio"), rows)


def _diff_times(shape: Shape) -> tuple[float, float]:
    """Time one reach and one difference of a cluster, each in a process of its own."""
    found = []
    for name in ("reach_once", "diff_once"):
        code = f"import json; from bench.run import Shape, {name}; print(json.dumps({name}({shape!r})))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        found.append(float(json.loads(done.stdout)["seconds"]))
    return found[0], found[1]


def diff_once(shape: Shape) -> dict[str, object]:
    """Compare a cluster with itself less one policy; endpoints are workloads."""
    gc.disable()
    before, after = snapshot(shape), snapshot(shape)
    after = after.with_policies(after.policies[1:])
    start = time.perf_counter()
    found = difference(join(before, after))
    return {"seconds": time.perf_counter() - start, "opened": len(found.opened), "closed": len(found.closed)}


PARTS: dict[str, Callable[[int], None]] = {
    "start": bench_start,
    "naive": bench_naive,
    "why": bench_why,
    "reading": bench_reading,
    "whole": bench_whole,
    "engine": bench_engine,
    "diff": bench_diff,
    "dataplane": bench_dataplane,
    "lab": bench_lab,
}

if __name__ == "__main__":
    sys.exit(main())
