"""What ``check`` runs over: files or a cluster, judged for some clusters by some rules, less what a baseline knows."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from podfence.cli.live import read_live, shown_namespace
from podfence.cli.settings import is_excluded
from podfence.lint.baseline import Baseline, baseline_json, baseline_of, read_baseline, without_known
from podfence.lint.finding import Findings
from podfence.lint.profiles import PROFILES, Profile, find_profile
from podfence.lint.relations import Clusters
from podfence.lint.run import check
from podfence.lint.selection import Selection
from podfence.manifests.collector import paused_gc
from podfence.manifests.files import File, read_bytes
from podfence.manifests.inputs import read_inputs
from podfence.manifests.yaml_events import Memory
from podfence.model.error import PodfenceError

Read = Callable[[File, BinaryIO, int], bytes]


class Checking(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the input: the server's ``version`` and ``channel``, clusters, rules, and the baseline.

    ``baseline_file`` is the name of the baseline for people.
    """

    version: str | None
    channel: str
    clusters: Clusters
    selection: Selection
    baseline: Baseline | None = None
    baseline_file: str = ""

    def of_files(self, paths: tuple[str, ...], namespace: str, stdin: bytes) -> Callable[[Read], Findings]:
        """Make a check of files, which may run again when a reader gives other bytes of them."""
        from podfence.cli.judging import server_for

        server, memory = server_for(self.version, self.channel), Memory(whole=True)

        def run(read: Read) -> Findings:
            with paused_gc():
                readings = read_inputs(
                    paths,
                    stdin=io.BytesIO(stdin),
                    memory=memory if read is not read_bytes else None,
                    is_excluded=is_excluded(),
                    read=read,
                )
                return self._new(check(readings, server, namespace, self.clusters, self.selection))

        return run

    def of_cluster(self, namespace: str | None, *, all_namespaces: bool, quiet: bool) -> Findings:
        """Judge all that a cluster holds, and keep what is said of a namespace and of what has none."""
        from podfence.cli.judging import server_for
        from podfence.kube.kinds import SURROUNDINGS

        live = read_live(quiet=quiet, more=SURROUNDINGS)
        shown = shown_namespace((), namespace, all_namespaces=all_namespaces)
        server = server_for(self.version or live.version, self.channel)
        with paused_gc():
            found = check(iter(live.items), server, clusters=self.clusters, selection=self.selection)
        return self._new(found if shown is None else found.about(shown))

    def _new(self, found: Findings) -> Findings:
        if self.baseline is None:
            return found
        return without_known(found, self.baseline, self.baseline_file, self.selection.rules)


def no_lines(_: str) -> Sequence[str]:
    """Give the lines of no file: what a server sends stands in none."""
    return ()


def baseline_in(file: str) -> Baseline:
    """Read the baseline in a file. Raises ``PodfenceError``."""
    try:
        return read_baseline(Path(file).read_bytes(), file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PodfenceError(f"--baseline {file}: {reason}; --write-baseline {file} makes it") from None


def write_baseline(findings: Findings, file: str, *, quiet: bool) -> None:
    """Write findings as a baseline, and say how many. Raises ``PodfenceError``."""
    from podfence.cli.atomic import write_atomically

    write_atomically(file, baseline_json(baseline_of(findings.findings)).encode())
    if not quiet:
        number = len(findings.findings)
        print(f"{file}: {number:,} finding{'' if number == 1 else 's'} written", file=sys.stderr)


def profiles_for(words: Iterable[str]) -> tuple[Profile, ...]:
    """Find profiles, each once. Raises ``PodfenceError``, also where two that differ have one name."""
    found: dict[str, Profile] = {}
    for word in words:
        profile = _profile_for(word)
        if found.setdefault(profile.name, profile) != profile:
            raise PodfenceError(f"--profile {word}: another profile is called {profile.name}, too; give it a `name`")
    return tuple(found.values())


def _profile_for(word: str) -> Profile:
    """Find a profile by its name, or read the file of that name."""
    if word in PROFILES or not Path(word).suffix:
        return find_profile(word)
    try:
        return find_profile(word, Path(word).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PodfenceError(f"--profile {word}: cannot be read: {error}") from error
