"""Files to items: what every command that reads manifests starts from.

Whatever the bytes are, reading them ends in items, in ``Unparsed`` and in ``Skipped``, and nothing is left out
without a word (design: inputs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, Final

from podfence.manifests.documents import Item, NoObject, Skipped, Template, Unparsed
from podfence.manifests.encoded import MAX_BYTES, EncodingError, decoded, first_invalid, plain_breaks
from podfence.manifests.files import File, find_files, read_bytes
from podfence.manifests.json_item import JsonText
from podfence.manifests.json_scan import without_lone_surrogates
from podfence.manifests.json_text import JsonError, read_json_text
from podfence.manifests.yaml_events import Memory
from podfence.manifests.yaml_text import Outcome, read_yaml_text
from podfence.model.error import PodfenceError
from podfence.model.source import Position

Reading = Item | Unparsed | Skipped

MAX_RETRIED_BYTES: Final = 32 << 20
"""A text that begins like JSON and is none is tried as YAML up to this size; beyond, that takes too long."""

_JSON_START = re.compile(rb"[ \t\r\n]*(?:\{(?![{%])|\[)")
_FLOW_YAML = "this is YAML, but kubectl before 1.33 takes a file that starts with '{' for JSON: "


def read_inputs(
    paths: Sequence[str],
    *,
    stdin: BinaryIO,
    max_bytes: int = MAX_BYTES,
    memory: Memory | None = None,
    is_excluded: Callable[[str], bool] | None = None,
    read: Callable[[File, BinaryIO, int], bytes] = read_bytes,
) -> Iterator[Reading]:
    """Read paths, folders and ``-`` (standard input), in order; ``memory`` is shared with other readings.

    ``is_excluded`` leaves out files and folders that were not named themselves; ``read`` gives the bytes of a file.

    Yields items in the order of the text, and between them what could not be read or is no input. Raises
    ``PodfenceError``, at the latest when its turn comes, only for a path that was named and cannot be opened.
    """

    def content(file: File) -> bytes:
        return read(file, stdin, max_bytes)

    return _read_files(find_files(paths, is_excluded), content, max_bytes, memory)


def _read_files(
    files: Iterable[File | Skipped | Unparsed], read: Callable[[File], bytes], max_bytes: int, memory: Memory | None
) -> Iterator[Reading]:
    for file in files:
        if isinstance(file, File):
            yield from _read_file(file, read, max_bytes, memory)
        else:
            yield file


def _read_file(file: File, read: Callable[[File], bytes], max_bytes: int, memory: Memory | None) -> Iterator[Reading]:
    try:
        data = read(file)
    except PodfenceError as error:
        if file.named:
            raise
        yield Unparsed(Position(file.path, 1, 1), error.message.removeprefix(f"{file.path}: "))
        return
    yield from read_data(data, file.path, named=file.named, max_bytes=max_bytes, memory=memory)


def read_data(
    data: bytes, file: str, *, named: bool = True, max_bytes: int = MAX_BYTES, memory: Memory | None = None
) -> Iterator[Reading]:
    """Read the bytes of one file; ``named`` tells that it was asked for itself, so that it must hold objects."""
    try:
        text = decoded(data, max_bytes)
    except EncodingError as error:
        yield Unparsed(Position(file, 1, 1), str(error))
        return
    del data
    yield from _judged(_read_text(text, file, memory), file, named=named)


def _read_text(text: bytes, file: str, memory: Memory | None) -> Iterator[Outcome]:
    """Read a UTF-8 text as JSON or as YAML, as kubectl chooses between them."""
    if _JSON_START.match(text) is None:
        yield from read_yaml_text(plain_breaks(text), file, memory=memory)
        return
    invalid = first_invalid(text)
    if invalid is not None:
        yield Unparsed(JsonText(text, file).position(invalid), "the text is not UTF-8 here")
        return
    try:
        yield from read_json_text(text, file)
    except JsonError as error:
        yield from _read_mended(text, file, error)


def _read_mended(text: bytes, file: str, error: JsonError) -> Iterator[Outcome]:
    """Go on where JSON broke off: halves of surrogate pairs are JSON to Go, which replaces them."""
    mended = without_lone_surrogates(text)
    if mended == text:
        yield from _read_no_json(text, file, error)
        return
    try:
        yield from read_json_text(mended, file, start=error.start, values=error.values)
    except JsonError as other:
        yield from _read_no_json(text, file, other)


def _read_no_json(text: bytes, file: str, error: JsonError) -> Iterator[Outcome]:
    """Go on where a text that begins like JSON stops being JSON.

    kubectl turns to YAML there as long as it has read no more than one value (since 1.33, none before).
    """
    places = JsonText(text, file)
    fault = Unparsed(places.position(error.offset), f"not JSON: {error.message}")
    rest = text[error.start :]
    if error.values > 1 or len(rest) > MAX_RETRIED_BYTES:
        yield fault
        return
    outcomes = list(read_yaml_text(plain_breaks(rest), file, places.position(error.start).line))
    if any(isinstance(outcome, Item) for outcome in outcomes):
        if error.values == 0:
            yield Unparsed(fault.position, f"{_FLOW_YAML}{error.message}", kept=True)
    elif not any(isinstance(outcome, Template) for outcome in outcomes):
        outcomes = [fault]
    yield from outcomes


def _judged(outcomes: Iterable[Outcome], file: str, *, named: bool) -> Iterator[Reading]:
    """Decide what is an error and what is only no input, which depends on the rest of the file.

    A file in a folder that holds no object at all (a values file, a kustomization) is skipped whole; beside real
    objects, or in a file that was named, a document without an object is at fault.
    """
    is_manifest = named
    waiting: list[NoObject] = []
    for outcome in outcomes:
        if is_manifest and not waiting and isinstance(outcome, Item) and (named or not _is_build_file(outcome)):
            yield outcome
            continue
        match outcome:
            case Item() if _is_build_file(outcome) and not named:
                yield Skipped(file, f"a {outcome.kind} file, no object of a cluster")
                continue
            case Item():
                is_manifest = True
                yield from _faults(waiting)
                waiting.clear()
                yield outcome
            case NoObject():
                waiting.append(outcome)
            case Template():
                yield Unparsed(outcome.position, outcome.message) if named else _template(outcome)
            case _:
                yield outcome
        if is_manifest:
            yield from _faults(waiting)
            waiting.clear()
    if waiting:
        yield Skipped(file, waiting[0].reason)


def _faults(waiting: Iterable[NoObject]) -> Iterator[Unparsed]:
    for outcome in waiting:
        yield Unparsed(outcome.position, outcome.reason)


def _template(outcome: Template) -> Skipped:
    return Skipped(outcome.position.file, f"a template at line {outcome.position.line}; render it to have it read")


def _is_build_file(item: Item) -> bool:
    """Tell the files that kustomize reads from the objects it makes."""
    return item.api_version.startswith("kustomize.config.k8s.io/")
