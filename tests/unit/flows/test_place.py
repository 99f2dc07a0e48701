"""Where agents serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from podfence.flows.place import socket_path, sockets_in
from podfence.model.error import PodfenceError


@pytest.mark.parametrize(
    ("user", "environment", "lab", "path"),
    [
        (0, {"XDG_RUNTIME_DIR": "/run/user/0"}, None, "/run/podfence/n1.sock"),
        (1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}, None, "/run/user/1000/podfence/n1.sock"),
        (1000, {}, None, "/tmp/podfence-1000/n1.sock"),  # noqa: S108 (nothing is written there)
        (0, {}, "default", "/run/podfence/lab/default/n1.sock"),
    ],
)
def test_the_place_depends_on_the_user_and_the_lab(
    user: int, environment: dict[str, str], lab: str | None, path: str
) -> None:
    assert socket_path("n1", lab, environment=environment, user=user) == Path(path)


def test_a_path_that_no_socket_can_have_is_refused() -> None:
    assert len(str(socket_path("n" * 88, user=0))) == 107
    with pytest.raises(PodfenceError, match="too long for a socket"):
        socket_path("n" * 89, user=0)


def test_the_sockets_of_a_folder_are_found_by_name(tmp_path: Path) -> None:
    for name in ("n2.sock", "n1.sock", "lab"):
        (tmp_path / name).touch()
    assert [path.name for path in sockets_in(tmp_path)] == ["n1.sock", "n2.sock"]


def test_the_first_folder_that_has_sockets_is_the_one(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "n1.sock").touch()
    assert sockets_in(tmp_path / "missing", tmp_path, other) == [other / "n1.sock"]


def test_where_no_agent_serves_it_is_said_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PodfenceError, match=r"holds no socket\); start podfence agent"):
            sockets_in(folder)
