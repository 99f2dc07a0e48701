"""Which cluster, and as whom: kubeconfig files as kubectl reads them, and the service account of a pod."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from podfence.kube.config import Connection, connection
from podfence.model.error import PodfenceError

SERVER = "http://127.0.0.1:1"


def write(path: Path, **content: Any) -> Path:  # noqa: ANN401 (any YAML)
    """Write a kubeconfig with one cluster, user and context, all named dev, unless told otherwise."""
    full = {
        "clusters": [{"name": "dev", "cluster": {"server": SERVER, **content.pop("cluster", {})}}],
        "users": [{"name": "dev", "user": content.pop("user", {})}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev", **content.pop("context", {})}}],
        "current-context": "dev",
        **content,
    }
    path.write_text(yaml.safe_dump(full))
    return path


def chosen(tmp_path: Path, *files: Path, context: str | None = None) -> Connection:
    """Choose a cluster with KUBECONFIG naming some files."""
    environment = {"KUBECONFIG": os.pathsep.join(map(str, files))}
    return connection(None, context, environment=environment, home=tmp_path, service_account=tmp_path / "none")


def headers(found: Connection) -> dict[str, str]:
    """Give the headers of a request."""
    return dict(asyncio.run(found.credentials.headers())) if found.credentials is not None else {}


def test_of_several_files_the_first_to_name_something_counts(tmp_path: Path) -> None:
    first = write(tmp_path / "a", **{"current-context": "", "user": {"token": "first"}})
    second = write(tmp_path / "b", user={"token": "second"}, cluster={"server": "http://127.0.0.1:2"})
    more = {"contexts": [{"name": "extra", "context": {"cluster": "dev"}}], "current-context": "extra"}
    third = write(tmp_path / "c", **more)
    found = chosen(tmp_path, first, tmp_path / "missing", second, third)
    assert (found.server, found.name) == (SERVER, f"{SERVER} (context dev)")
    assert headers(found) == {"Authorization": "Bearer first"}
    assert chosen(tmp_path, first, third, context="extra").credentials is None


def test_the_file_named_on_the_command_line_counts_alone(tmp_path: Path) -> None:
    named = write(tmp_path / "a", context={"namespace": "shop"})
    found = connection(str(named), environment={"KUBECONFIG": str(tmp_path / "b")}, home=tmp_path)
    assert found.namespace == "shop"
    with pytest.raises(PodfenceError, match="b: cannot be read: no such file"):
        connection(str(tmp_path / "b"), environment={}, home=tmp_path)


def test_without_any_file_one_line_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(PodfenceError, match=r"there is no ~/\.kube/config; give PATHs to work without a cluster"):
        connection(environment={}, home=tmp_path, service_account=tmp_path)


def test_the_default_file_is_in_the_home(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube" / "config")
    assert connection(environment={}, home=tmp_path).server == SERVER


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"current-context": ""}, "no current context; give --context"),
        ({"current-context": "prod"}, "there is no context prod; there are: dev"),
        ({"context": {"cluster": "x"}}, "context dev names cluster x, which has no server"),
        ({"context": {"user": "x"}}, "context dev names user x, who is not there"),
        ({"cluster": {"server": "127.0.0.1:80"}}, "it begins with https:// or http://"),
        ({"clusters": "none"}, "no kubeconfig: clusters"),
        ({"clusters": [{"name": "dev", "cluster": {"server": [1]}}]}, "no kubeconfig: clusters: Expected `str`"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "auth-provider gcp .* left Kubernetes in 1.26"),
        ({"user": {"exec": {"command": "x", "apiVersion": "v9"}}}, "exec plugin x: apiVersion v9 is not known"),
        (
            {"cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "ca.crt"}},
            "certificate-authority .*ca.crt: cannot be read",
        ),
        (
            {"cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": "!"}},
            "certificate-authority-data of the kubeconfig is no base64",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(PodfenceError, match=message) as raised:
        chosen(tmp_path, write(tmp_path / "config", **content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["[", "- a", "\x00", "a: b: c"])
def test_a_file_that_is_no_kubeconfig_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(PodfenceError, match="config: no kubeconfig") as raised:
        chosen(tmp_path, path)
    assert "\n" not in str(raised.value)


def test_null_is_nothing_as_go_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "current-context: dev\nusers: null\n"
        f"clusters: [{{name: dev, cluster: {{server: '{SERVER}', proxy-url: null}}}}]\n"
        "contexts: [{name: dev, context: {cluster: dev, user: '', namespace: null}}]\n"
    )
    assert chosen(tmp_path, path).proxy == ""


def test_a_password_and_whom_to_act_as_go_into_headers(tmp_path: Path) -> None:
    user = {"username": "ann", "password": "secret", "as": "bob", "as-groups": ["a", "b"]}
    found = chosen(tmp_path, write(tmp_path / "config", user=user))
    assert found.credentials is not None
    assert asyncio.run(found.credentials.headers()) == [
        ("Authorization", f"Basic {base64.b64encode(b'ann:secret').decode()}"),
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    ]


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "token").write_text("secret\n")
    found = chosen(tmp_path, write(tmp_path / "folder" / "config", user={"tokenFile": "token", "token": "other"}))
    assert headers(found) == {"Authorization": "Bearer secret"}


def test_verification_is_on_unless_it_is_switched_off(tmp_path: Path) -> None:
    https = {"server": "https://127.0.0.1:1"}
    found = chosen(tmp_path, write(tmp_path / "a", cluster={**https, "tls-server-name": "kubernetes"}))
    assert found.trust is not None
    assert (found.trust.verify_mode, found.server_name) == (ssl.CERT_REQUIRED, "kubernetes")
    off = chosen(tmp_path, write(tmp_path / "b", cluster={**https, "insecure-skip-tls-verify": True}))
    assert off.trust is not None
    assert off.trust.verify_mode is ssl.CERT_NONE


def test_inside_a_pod_its_service_account_is_used(tmp_path: Path) -> None:
    for name, text in (("token", "abc\n"), ("namespace", "agents")):
        (tmp_path / name).write_text(text)
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    found = connection(environment=environment, home=tmp_path / "nobody", service_account=tmp_path)
    assert (found.server, found.namespace) == ("https://[fd00::1]:6443", "agents")
    assert headers(found) == {"Authorization": "Bearer abc"}


@pytest.mark.parametrize(
    ("server", "is_local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("https://example.com", False),
        ("https://10.0.0.1", False),
    ],
)
def test_no_proxy_of_the_environment_stands_before_this_machine(tmp_path: Path, server: str, is_local: object) -> None:
    assert chosen(tmp_path, write(tmp_path / "config", cluster={"server": server})).is_loopback is is_local
