"""Paths to files: folders in path order, every file once, and everything that is not read by its name."""

import io
import os
import socket
from pathlib import Path

import pytest

from podfence.manifests.documents import Skipped, Unparsed
from podfence.manifests.files import File, find_files, read_bytes
from podfence.model.error import PodfenceError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in ("b.yaml", "a/z.yml", "a/c/d.json", "a.yaml", "x.yaml.gz", "README.md", ".git/config.yaml", "B.YAML"):
        file = tmp_path / "t" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a: 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "t"


def found(*paths: str) -> list[str]:
    return [entry.path for entry in find_files(paths) if isinstance(entry, File)]


def left_out(*paths: str) -> list[str]:
    return [str(entry) for entry in find_files(paths) if not isinstance(entry, File)]


@pytest.mark.usefixtures("tree")
def test_a_folder_is_read_recursively_in_path_order() -> None:
    assert found("t") == ["t/B.YAML", "t/a/c/d.json", "t/a/z.yml", "t/a.yaml", "t/b.yaml", "t/x.yaml.gz"]


@pytest.mark.usefixtures("tree")
def test_what_a_folder_holds_besides_is_named() -> None:
    assert left_out("t") == ["t/.git: a hidden folder", "t/README.md: neither YAML nor JSON by its name"]


@pytest.mark.usefixtures("tree")
def test_a_path_that_is_named_is_read_whatever_its_name() -> None:
    assert list(find_files(["t/README.md", "-"])) == [File("t/README.md", named=True), File("-", named=True)]


@pytest.mark.usefixtures("tree")
def test_a_hidden_folder_is_read_when_it_is_named() -> None:
    assert found("t/.git") == ["t/.git/config.yaml"]


@pytest.mark.usefixtures("tree")
def test_a_file_is_read_once_however_often_it_is_named() -> None:
    assert found("t/a.yaml", "./t/a.yaml", "t").count("t/a.yaml") == 1
    assert "t/a.yaml: already read as t/a.yaml" in left_out("t/a.yaml", "t")


def test_links_to_files_are_followed_and_links_to_folders_named(tree: Path) -> None:
    (tree / "link.yaml").symlink_to("../outside.yaml")
    (tree.parent / "outside.yaml").write_text("a: 1\n")
    (tree / "loop").symlink_to(tree)
    (tree / "deep.yaml").symlink_to(tree)
    assert "t/link.yaml" in found("t")
    assert "t/deep.yaml: a link to a folder; name the folder to read it" in left_out("t")
    assert "t/loop: neither YAML nor JSON by its name" in left_out("t")


def test_a_folder_named_like_a_file_is_a_folder(tree: Path) -> None:
    (tree / "x.yaml").mkdir()
    (tree / "x.yaml" / "y.yaml").write_text("")
    assert found("t/x.yaml") == ["t/x.yaml/y.yaml"]
    assert "t/x.yaml/y.yaml" in found("t")


def test_what_cannot_be_read_in_a_folder_is_named_with_its_reason(tree: Path) -> None:
    (tree / "gone.yaml").symlink_to("nowhere")
    (tree / "round.yaml").symlink_to("round.yaml")
    os.mkfifo(tree / "pipe.yaml")
    faults = [str(entry) for entry in find_files(["t"]) if isinstance(entry, Unparsed)]
    assert faults == [
        "t/gone.yaml:1:1: cannot be read: no such file or folder",
        "t/pipe.yaml:1:1: cannot be read: a named pipe, neither a file nor a folder",
        "t/round.yaml:1:1: cannot be read: a symbolic link that leads back to itself",
    ]


@pytest.mark.usefixtures("tree")
def test_a_named_path_that_cannot_be_read_is_an_error_of_one_line_before_anything_is_read() -> None:
    os.mkfifo("pipe.yaml")
    Path("round").symlink_to("round")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.yaml")
        for path, words in {
            "nope.yaml": "nope.yaml: no such file or folder",
            "t/a.yaml/x": "t/a.yaml/x: no such file or folder",
            "round": "round: a symbolic link that leads back to itself",
            "pipe.yaml": "pipe.yaml: a named pipe, neither a file nor a folder; give its content on standard input",
            "socket.yaml": "socket.yaml: a socket, neither a file nor a folder",
            "/dev/null": "/dev/null: a device, neither a file nor a folder",
            "a\0b": "a\0b: not a path",
            "": "a path is empty",
        }.items():
            with pytest.raises(PodfenceError) as caught:
                find_files(["t", path])
            assert str(caught.value).startswith(words)


@pytest.mark.usefixtures("tree")
def test_standard_input_is_read_once() -> None:
    with pytest.raises(PodfenceError, match="only once"):
        find_files(["-", "-"])
    assert read_bytes(File("-", named=True), io.BytesIO(b"x")) == b"x"


@pytest.mark.usefixtures("tree")
def test_a_pipe_of_the_shell_is_read() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a: 1\n")
    os.close(writer)
    (file,) = find_files([f"/dev/fd/{reader}"])
    assert isinstance(file, File)
    assert read_bytes(file, io.BytesIO()) == b"a: 1\n"
    os.close(reader)


@pytest.mark.usefixtures("tree")
def test_a_file_beyond_the_limit_is_refused() -> None:
    with pytest.raises(PodfenceError, match=r"t/a\.yaml: larger than 4 bytes; split it"):
        read_bytes(File("t/a.yaml", named=True), io.BytesIO(), max_bytes=4)
    with pytest.raises(PodfenceError, match=r"-: larger than 4 bytes; split it"):
        read_bytes(File("-", named=True), io.BytesIO(b"12345"), max_bytes=4)
    assert read_bytes(File("t/a.yaml", named=True), io.BytesIO(), max_bytes=5) == b"a: 1\n"


def test_a_skipped_file_is_a_line_for_people() -> None:
    assert str(Skipped("a/values.yaml", "no Kubernetes object")) == "a/values.yaml: no Kubernetes object"
