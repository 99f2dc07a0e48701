"""Which cluster, and as whom: from a kubeconfig or from inside a pod to everything that a connection needs."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from podfence.kube.credentials import (
    Credentials,
    Fixed,
    FromFile,
    FromPlugin,
    Token,
    checked_plugin,
    load_client_certificate,
)
from podfence.kube.kubeconfig import VARIABLE, Cluster, Kubeconfig, User, kubeconfig_files, read_kubeconfig
from podfence.model.error import PodfenceError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

GIVE_PATHS = "give PATHs to work without a cluster"


class Connection(msgspec.Struct, frozen=True):
    """How to reach one API server.

    ``name`` is for people: ``https://127.0.0.1:6443 (context kind-dev)``. ``namespace`` is the context's, empty when
    it names none. ``server_name`` is the name in the certificate where it is not that of the URL.
    """

    server: str
    name: str
    namespace: str
    trust: ssl.SSLContext | None
    credentials: Credentials | None
    server_name: str = ""
    proxy: str = ""

    @property
    def is_loopback(self) -> bool:
        """Tell whether the server is on this machine, which no proxy of the environment reaches."""
        host = urlsplit(self.server).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def connection(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """Choose a cluster as kubectl does: ``kubeconfig``, else KUBECONFIG, else ``~/.kube/config``, else the pod's own.

    ``context`` is the one to use instead of the current one. Raises ``PodfenceError`` with what to do.
    """
    try:
        files = kubeconfig_files(kubeconfig, environment, home or Path.home())
    except RuntimeError:  # nobody's home
        files = ()
    if files:
        found = read_kubeconfig(files)
        if context or found.current_context or kubeconfig:
            return of_kubeconfig(found, context)
    if context is None and "KUBERNETES_SERVICE_HOST" in environment and (service_account / "token").exists():
        return in_cluster(environment, service_account)
    if files:
        raise PodfenceError(f"{', '.join(files)}: no current context; give --context, or {GIVE_PATHS}")
    where = f"{VARIABLE} ({environment[VARIABLE]})" if environment.get(VARIABLE) else "~/.kube/config"
    raise PodfenceError(f"no cluster: there is no {where}; {GIVE_PATHS}: files, folders, or - for standard input")


def of_kubeconfig(found: Kubeconfig, context: str | None = None) -> Connection:
    """Give the connection of a context, of the current one by default. Raises ``PodfenceError``."""
    files = ", ".join(found.files)
    name = context or found.current_context
    if not name:
        raise PodfenceError(f"{files}: no current context; give --context, or {GIVE_PATHS}")
    chosen = found.contexts.get(name)
    if chosen is None:
        known = ", ".join(sorted(found.contexts)) or "none"
        raise PodfenceError(f"{files}: there is no context {name}; there are: {known}")
    cluster = found.clusters.get(chosen.cluster)
    if cluster is None or not cluster.server:
        raise PodfenceError(f"{files}: context {name} names cluster {chosen.cluster or '(none)'}, which has no server")
    if chosen.user and chosen.user not in found.users:
        raise PodfenceError(f"{files}: context {name} names user {chosen.user}, who is not there")
    return _connection(cluster, found.users.get(chosen.user, User()), f"context {name}", chosen.namespace)


def of_server(server: str) -> Connection:
    """Give the connection to a server that asks nobody who he is, such as a proxy on loopback."""
    return _connection(Cluster(server=server), User(), "", "")


def in_cluster(environment: Mapping[str, str] = os.environ, service_account: Path = SERVICE_ACCOUNT) -> Connection:
    """Give the connection of a pod, with the service account that it runs as."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    authority = service_account / "ca.crt"
    cluster = Cluster(server=server, certificate_authority=str(authority) if authority.exists() else "")
    user = User(token_file=str(service_account / "token"))
    return _connection(cluster, user, "the cluster of this pod", _text(service_account / "namespace"))


def _connection(cluster: Cluster, user: User, words: str, namespace: str) -> Connection:
    server = cluster.server.rstrip("/")
    if urlsplit(server).scheme not in {"http", "https"}:
        raise PodfenceError(f"{server}: no address of an API server; it begins with https:// or http://")
    trust = _trust(cluster, user) if server.startswith("https:") else None
    return Connection(
        server=server,
        name=f"{server} ({words})" if words else server,
        namespace=namespace,
        trust=trust,
        credentials=_credentials(cluster, user, trust),
        server_name=cluster.tls_server_name,
        proxy=cluster.proxy_url,
    )


def _trust(cluster: Cluster, user: User) -> ssl.SSLContext:
    authority = _data(cluster.certificate_authority_data, cluster.certificate_authority, "certificate-authority")
    try:
        trust = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (ssl.SSLError, ValueError) as error:
        raise PodfenceError(f"the certificate authority of {cluster.server} cannot be used: {error}") from None
    if cluster.insecure_skip_tls_verify:
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    certificate = _data(user.client_certificate_data, user.client_certificate, "client-certificate")
    if certificate:
        load_client_certificate(trust, certificate, _data(user.client_key_data, user.client_key, "client-key"))
    return trust


def _data(encoded: str, file: str, field: str) -> bytes:
    """Give what a kubeconfig holds itself, which counts first, or in a file; empty when it holds neither."""
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise PodfenceError(f"{field}-data of the kubeconfig is no base64") from None
    if not file:
        return b""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise PodfenceError(f"{field} {file}: cannot be read: {(error.strerror or str(error)).lower()}") from None


def _credentials(cluster: Cluster, user: User, trust: ssl.SSLContext | None) -> Credentials | None:
    headers: list[tuple[str, str]] = []
    token: Token | None = None
    if user.auth_provider is not None:
        name = user.auth_provider.get("name", "")
        raise PodfenceError(f"auth-provider {name} of the kubeconfig left Kubernetes in 1.26; use its exec plugin")
    if user.token_file:  # it counts before a token, as with kubectl
        token = FromFile(user.token_file)
    elif user.token:
        token = Fixed(user.token)
    elif user.exec is not None:
        token = FromPlugin(checked_plugin(user.exec), cluster, trust)
    elif user.username:
        pair = f"{user.username}:{user.password}".encode()
        headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
    if user.impersonate:
        headers.append(("Impersonate-User", user.impersonate))
        headers += [("Impersonate-Group", group) for group in user.impersonate_groups or ()]
    return Credentials(token, headers) if token is not None or headers else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
