"""Runs every rule over what was read, and puts the findings into the order of the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podfence.lint.finding import LAST_OF_THE_SERVER, Finding, Findings
from podfence.lint.registry import OBJECT_TWICE
from podfence.lint.relations import ANY_CLUSTER, BY_PROFILE, Clusters, find_relations
from podfence.lint.selection import EVERY_RULE, Selection
from podfence.lint.suppression import Suppressions
from podfence.manifests.documents import Item, Skipped, Unparsed
from podfence.manifests.fault import Fault
from podfence.manifests.gather import gather
from podfence.manifests.judge import judge_policy, judge_problem, judge_text
from podfence.manifests.kinds import api_of
from podfence.manifests.loaded import Identity
from podfence.manifests.manual.rule import Severity
from podfence.manifests.surroundings import SurroundingsGathering
from podfence.manifests.validation.admission import Api, Server
from podfence.model.objects import ObjectRef

Reading = Item | Unparsed | Skipped

POLICY_KINDS = frozenset(api.kind for api in Api)


def check(
    readings: Iterable[Reading],
    server: Server,
    namespace: str = "default",
    clusters: Clusters = ANY_CLUSTER,
    selection: Selection = EVERY_RULE,
) -> Findings:
    """Judge everything that was read; ``namespace`` is that of objects which name none.

    Policies are judged as the API server would, other objects as far as the engine reads them, and then all of
    them together by what they mean, in each of the ``clusters``. The rules of the ``selection`` speak, and what is
    suppressed is kept apart. Findings come in the order of the files and within a file by position; the same finding
    at the same place comes once. Raises ``TooLargeError``.
    """
    run = _Run(server, namespace)
    surroundings = SurroundingsGathering(namespace)
    objects = run.objects(readings, surroundings)
    loaded = gather(objects, namespace=namespace, pod_ranges=clusters.pod_ranges, server=server)
    for problem in (*loaded.problems, *surroundings.problems):
        if problem.ref is None or problem.ref.kind not in POLICY_KINDS:
            run.note(judge_problem(problem))
    for duplicate in loaded.duplicates:
        if duplicate.kept.kind not in POLICY_KINDS:
            run.repeated(duplicate.lost, duplicate.kept, duplicate.lost_file)
    around = surroundings.surroundings()
    run.add(find_relations(loaded.snapshot, around, loaded.documents, clusters, frozenset(run.refused), selection))
    return run.findings(selection)


class _Run:
    """Judges policies as they come by, and lets everything else pass to whoever reads it."""

    def __init__(self, server: Server, namespace: str) -> None:
        self._server = server
        self._namespace = namespace
        self._faults: list[Finding] = []
        self._files: dict[str, int] = {}
        self._seen: dict[ObjectRef, ObjectRef] = {}
        self._stored: list[dict[str, object]] = []
        self._skipped: list[Skipped] = []
        self._suppressions = Suppressions()
        self._objects = self._policies = self._refused = 0
        self.refused: set[Identity] = set()

    def objects(self, readings: Iterable[Reading], surroundings: SurroundingsGathering) -> Iterator[Item]:
        """Judge texts and policies, show the rest to ``surroundings``, and yield every object that can be read."""
        for reading in readings:
            match reading:
                case Unparsed():
                    self._file(reading.position.file)
                    self.note(judge_text(reading))
                case Skipped():
                    self._skipped.append(reading)
                case _:
                    self._objects += 1
                    self._file(reading.file)
                    self._suppressions.look_at(reading, self._namespace)
                    if not self._policy(reading):
                        surroundings.add(reading)
                        yield reading
                    elif isinstance(api_of(reading.api_version, reading.kind), Api):
                        yield reading

    def _file(self, file: str) -> None:
        if file:  # what a server sends stands in none
            self._files.setdefault(file, len(self._files))

    def _policy(self, item: Item) -> bool:
        api = api_of(item.api_version, item.kind)
        if api is None:
            return False
        self._policies += 1
        judgement = judge_policy(item, api, self._server, self._namespace)
        for fault in judgement.faults:
            self.note(fault)
        if any(fault.severity is Severity.ERROR for fault in judgement.faults):
            self._refused += 1
            self.refused.add(judgement.ref.identity)
        if judgement.stored is not None:
            self._stored.append(judgement.stored)
        if judgement.ref.name and not judgement.generated:
            self._twice(judgement.ref)
        return True

    def _twice(self, ref: ObjectRef) -> None:
        earlier = self._seen.get(ref)
        if earlier is not None:
            self.repeated(earlier, ref)
        self._seen[ref] = ref

    def repeated(self, lost: ObjectRef, kept: ObjectRef, lost_file: str = "") -> None:
        """Note that an object occurs twice; the line where the first of them stood is known for policies only."""
        if kept.source is not None:
            earlier = (
                f"{lost.source.position()}"
                if lost.source is not None
                else f"{lost_file}, further up"
                if lost_file == kept.source.file
                else lost_file
            )
            message = f"{kept.kind} {kept} is also in {earlier}; applied in this order, this one replaces it"
            here = kept.source.position()
            self.note(Fault(OBJECT_TWICE, message, here, "metadata.name", ref=kept, object_position=here))

    def note(self, fault: Fault) -> None:
        """Add a fault to the findings."""
        self._faults.append(Finding.of(fault))

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        self._faults.extend(findings)

    def findings(self, selection: Selection) -> Findings:
        """Give everything that was found by the rules that speak."""
        found = _once(self._faults)
        kept, suppressed = self._suppressions.apply(selection.of(found), selection, BY_PROFILE)
        return Findings(
            findings=tuple(sorted(kept, key=self._place)),
            files=len(self._files),
            objects=self._objects,
            policies=self._policies,
            refused=self._refused,
            stored=tuple(self._stored),
            skipped=tuple(self._skipped),
            refused_anything=any(map(_is_refusal, found)),
            suppressed=tuple(sorted(suppressed, key=lambda item: self._place(item.finding))),
        )

    def _place(self, finding: Finding) -> tuple[int, int, int, str, str, str]:
        """Give the sort key: the place in the input, or the name of the object where a server sent it."""
        position = finding.position
        if position is None:
            return (0, 0, 0, f"{finding.ref}", finding.path, finding.rule)
        order = self._files.get(position.file, len(self._files))
        return (order, position.line, position.column, finding.rule, "", "")


def _is_refusal(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.rule <= LAST_OF_THE_SERVER


def _once(findings: Iterable[Finding]) -> list[Finding]:
    unique = {(finding.rule, finding.position, finding.path, finding.message): finding for finding in findings}
    return list(unique.values())
