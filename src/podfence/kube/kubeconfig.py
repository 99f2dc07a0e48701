"""Kubeconfig files: what a cluster, a user and a context are, and how several files become one, as kubectl does it.

Reads files and nothing else: whom to connect to, and with what, is ``kube.config``'s business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from podfence.model.error import PodfenceError

VARIABLE = "KUBECONFIG"
DEFAULT_FILE = Path(".kube") / "config"


class Part(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=False):
    """What the parts of a kubeconfig share: keys with dashes, and fields that nobody here needs."""


class Cluster(Part, frozen=True):
    """Where a server is, and how to know it."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class Variable(msgspec.Struct, frozen=True):
    """One environment variable of an exec plugin."""

    name: str = ""
    value: str = ""


class Plugin(msgspec.Struct, frozen=True, rename="camel"):
    """A program that prints credentials."""

    command: str = ""
    api_version: str = ""
    args: list[str] | None = None
    env: list[Variable] | None = None
    interactive_mode: str = ""
    provide_cluster_info: bool = False
    install_hint: str = ""


class User(Part, frozen=True):
    """Who one is to a server; ``tokenFile`` is the one key of a kubeconfig that is written in camel case."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    exec: Plugin | None = None
    auth_provider: dict[str, Any] | None = None
    impersonate: str = msgspec.field(default="", name="as")
    impersonate_groups: list[str] | None = msgspec.field(default=None, name="as-groups")


class Context(Part, frozen=True):
    """A cluster and a user that belong together, and the namespace to begin with."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class Kubeconfig(msgspec.Struct, frozen=True):
    """The sum of all files; ``files`` are those that were read."""

    clusters: Mapping[str, Cluster]
    users: Mapping[str, User]
    contexts: Mapping[str, Context]
    current_context: str
    files: tuple[str, ...]


def kubeconfig_files(named: str | None, environment: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """List the files that count: the one named on the command line, else those of KUBECONFIG, else the default.

    Files of KUBECONFIG and the default one need not exist, as with kubectl; the named one is always listed.
    """
    if named:
        return (named,)
    listed = environment.get(VARIABLE, "")
    if listed:
        candidates = dict.fromkeys(entry for entry in listed.split(os.pathsep) if entry)
    else:
        candidates = {str(home / DEFAULT_FILE): None}
    return tuple(file for file in candidates if Path(file).exists())


def read_kubeconfig(files: Sequence[str]) -> Kubeconfig:
    """Read and merge files: of two entries with one name the first counts, and so does the first current context.

    Relative paths are relative to the file that names them. Raises ``PodfenceError``.
    """
    clusters: dict[str, Cluster] = {}
    users: dict[str, User] = {}
    contexts: dict[str, Context] = {}
    current = ""
    for file in files:
        content = _content(file)
        folder = Path(file).resolve().parent
        for name, cluster in _entries(content, "clusters", "cluster", Cluster, file):
            clusters.setdefault(name, _absolute(cluster, folder, ("certificate_authority",)))
        for name, user in _entries(content, "users", "user", User, file):
            paths = ("client_certificate", "client_key", "token_file")
            users.setdefault(name, _with_command(_absolute(user, folder, paths), folder))
        for name, context in _entries(content, "contexts", "context", Context, file):
            contexts.setdefault(name, context)
        current = current or _text(content.get("current-context"))
    return Kubeconfig(clusters, users, contexts, current, tuple(files))


def _content(file: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise PodfenceError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PodfenceError(f"{file}: no kubeconfig: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise PodfenceError(f"{file}: no kubeconfig: not a mapping")
    return content


P = TypeVar("P", Cluster, User, Context)


def _entries(content: dict[str, Any], field: str, part: str, wanted: type[P], file: str) -> Iterable[tuple[str, P]]:
    """Read one list of named parts; ``null`` stands for nothing, as Go writes and reads it."""
    try:
        for entry in content.get(field) or ():
            written = {key: value for key, value in (entry.get(part) or {}).items() if value is not None}
            yield str(entry["name"]), msgspec.convert(written, wanted)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise PodfenceError(f"{file}: no kubeconfig: {field}: {error}") from None


def _absolute(part: P, folder: Path, fields: Iterable[str]) -> P:
    found = {name: str(folder / path) for name in fields if (path := getattr(part, name))}
    return msgspec.structs.replace(part, **found) if found else part


def _with_command(user: User, folder: Path) -> User:
    """Make the path of an exec plugin absolute; a bare name is looked for on PATH."""
    plugin = user.exec
    if plugin is None or os.sep not in plugin.command:
        return user
    command = str(folder / plugin.command)
    return msgspec.structs.replace(user, exec=msgspec.structs.replace(plugin, command=command))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
