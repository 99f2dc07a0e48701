"""The web servers of usual images: what they answer from the files that a pod has mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.lab.programs.documents import Documents, content_type
from podfence.lab.programs.http import Request
from podfence.lab.programs.websites import FileServer


@pytest.fixture
def site(tmp_path: Path) -> FileServer:
    root = tmp_path / "html"
    (root / "sub").mkdir(parents=True)
    (root / "empty").mkdir()
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (root / "sub" / "index.html").write_text("sub", encoding="utf-8")
    (root / "data.bin").write_bytes(b"\\0")
    return FileServer(Documents(str(root), ("/proc",)), "welcome", "nginx/1", "application/octet-stream")


def ask(site: FileServer, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    response = site.answer(Request(method, path, {}, {"host": "web"}, b"", "10.0.0.1:1"))
    body = response.body if isinstance(response.body, str) else response.body.decode()
    return response.status, body, dict(response.headers)


def test_files_are_served_with_their_type(site: FileServer) -> None:
    assert ask(site, "/sub/")[:2] == (200, "sub")
    assert ask(site, "/sub/index.html")[2]["Content-Type"] == "text/html"
    assert ask(site, "/data.bin")[2]["Content-Type"] == "application/octet-stream"
    assert ask(site, "/sub/", "POST")[0] == 405


def test_what_is_not_there_is_refused_as_nginx_refuses_it(site: FileServer) -> None:
    assert ask(site, "/none")[0] == 404
    assert ask(site, "/")[0] == ask(site, "/empty/")[0] == 403
    status, _, headers = ask(site, "/sub")
    assert (status, headers["Location"]) == (301, "http://web/sub/")


@pytest.mark.parametrize("path", ["/../secret", "/sub/../../secret", "//../secret"])
def test_nothing_outside_is_served(site: FileServer, path: str) -> None:
    assert ask(site, path)[0] == 404


def test_without_files_of_the_pod_there_is_a_welcome_page_and_nothing_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("of the machine", encoding="utf-8")
    site = FileServer(Documents(str(tmp_path), (str(tmp_path),)), "welcome", "nginx/1", "")
    assert ask(site, "/")[:2] == (200, "welcome")
    assert ask(site, "/other.html")[0] == 404


def test_a_type_that_nobody_knows_is_left_to_the_server() -> None:
    assert content_type(Path("a.CSS"), "x") == "text/css"
    assert content_type(Path("LICENSE"), "x") == "x"
