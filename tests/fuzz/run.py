"""Fresh seeds for a while: the two evaluators on random clusters, and every fuzzer that lies beside this file.

A fuzzer is a function ``fuzz_...`` in ``tests/fuzz/*.py`` that takes a seed and returns ``None`` when all is well,
else what went wrong; an exception is a failure too. All take turns until the time is over. A failure is printed
with the seed that brings it back, and makes the exit code 1: ``./dev fuzz --seed S --minutes 0`` runs each once.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

Fuzzer = Callable[[int], str | None]


def main(arguments: Sequence[str]) -> int:
    """Run all fuzzers and give the exit code."""
    options = _options(arguments)
    sys.path.insert(0, str(ROOT))
    fuzzers = {name: fuzz for name, fuzz in discover(HERE) if not options.only or options.only in name}
    if not fuzzers:
        print(f"no fuzzer has {options.only!r} in its name", file=sys.stderr)
        return 2
    first = options.seed if options.seed is not None else time.time_ns() // 1_000_000
    print(f"{', '.join(fuzzers)}: from seed {first}, for {options.minutes:g} minutes")
    failures = run(fuzzers, first, minutes=options.minutes, clock=time.monotonic)
    return 1 if failures else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="Throw random input at everything.")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (5); each fuzzer runs at least once")
    parser.add_argument("--seed", type=int, help="the first seed (the time, unless given)")
    parser.add_argument("--only", metavar="TEXT", help="only fuzzers with this in their name")
    return parser.parse_args(arguments)


def discover(folder: Path) -> Iterator[tuple[str, Fuzzer]]:
    """Find the fuzzers in the files of a folder, by name: ``fuzz_`` and what they throw things at."""
    for path in sorted(folder.glob("*.py")):
        if path == Path(__file__).resolve():
            continue
        spec = importlib.util.spec_from_file_location(f"tests.fuzz.{path.stem}", path)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickles look their module up by name.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for name, found in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("fuzz_") and found.__module__ == spec.name:
                yield name, found


def run(fuzzers: dict[str, Fuzzer], first: int, *, minutes: float, clock: Callable[[], float]) -> int:
    """Let the fuzzers take turns, seed by seed, until the time is over; gives the number of failures."""
    end = clock() + minutes * 60
    failures: Counter[str] = Counter()
    seed = first
    while True:
        for name, fuzz in fuzzers.items():
            wrong = failure(fuzz, seed)
            if wrong is not None:
                failures[name] += 1
                print(f"{name} failed; again with: ./dev fuzz --only {name} --seed {seed} --minutes 0\n{wrong}")
        seed += 1
        if clock() >= end:
            break
    for name in fuzzers:
        print(f"{name}: {seed - first} seeds, {failures[name]} failures")
    return failures.total()


def failure(fuzz: Fuzzer, seed: int) -> str | None:
    """Say what goes wrong with one seed, ``None`` when nothing does."""
    try:
        return fuzz(seed)
    except Exception:  # noqa: BLE001 (a fuzzer is there to find any)
        return traceback.format_exc()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
