"""Whom a client trusts and how it shows who it is, with real certificates on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podfence.kube.client import Client, ClusterError
from podfence.kube.config import connection
from podfence.model.error import PodfenceError

OPENSSL = shutil.which("openssl")

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl to make certificates")

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(folder: Path, *words: str) -> None:
    subprocess.run([OPENSSL or "openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an authority, a server called kubernetes that it vouches for, and a client."""
    folder = tmp_path_factory.mktemp("certificates")
    openssl(folder, "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2")
    for name, extension in (("server", "subjectAltName=DNS:kubernetes"), ("client", "extendedKeyUsage=clientAuth")):
        openssl(folder, "req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(extension)
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signing)
    return folder


def ask(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    """Ask a server that takes nobody without a certificate; gives the name in it."""

    async def run() -> str:
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
        trust.load_cert_chain(folder / "server.crt", folder / "server.key")
        trust.verify_mode = ssl.CERT_REQUIRED

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            subject = writer.get_extra_info("peercert")["subject"]
            body = dict(part for group in subject for part in group)["commonName"].encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=trust)
        port = server.sockets[0].getsockname()[1]
        path = folder / "kubeconfig"
        content = {
            "current-context": "dev",
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
            "clusters": [{"name": "dev", "cluster": {"server": f"https://127.0.0.1:{port}", **cluster}}],
            "users": [{"name": "dev", "user": user}],
        }
        path.write_text(json.dumps(content))
        try:
            async with Client(connection(str(path), environment={})) as client:
                return (await client.get("/version")).decode()
        finally:
            server.close()

    return asyncio.run(run())


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


KNOWN = {"certificate-authority": "ca.crt", "tls-server-name": "kubernetes"}
FILES = {"client-certificate": "client.crt", "client-key": "client.key"}


def test_certificates_out_of_files_and_the_servers_name_in_its_certificate(certificates: Path) -> None:
    assert ask(certificates, KNOWN, FILES) == "client"


def test_certificates_within_the_kubeconfig(certificates: Path) -> None:
    cluster = {
        "certificate-authority-data": encoded(certificates / "ca.crt"),
        "tls-server-name": "kubernetes",
    }
    user = {
        "client-certificate-data": encoded(certificates / "client.crt"),
        "client-key-data": encoded(certificates / "client.key"),
    }
    assert ask(certificates, cluster, user) == "client"


def test_a_certificate_that_a_plugin_prints(certificates: Path) -> None:
    status = {
        "clientCertificateData": (certificates / "client.crt").read_text(),
        "clientKeyData": (certificates / "client.key").read_text(),
    }
    (certificates / "credential.json").write_text(json.dumps({"kind": "ExecCredential", "status": status}))
    code = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", code, str(certificates / "credential.json")],
        "interactiveMode": "IfAvailable",
    }
    assert ask(certificates, KNOWN, {"exec": plugin}) == "client"


def test_verification_can_be_switched_off(certificates: Path) -> None:
    assert ask(certificates, {"insecure-skip-tls-verify": True}, FILES) == "client"


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (
            {"tls-server-name": "kubernetes"},
            "its certificate is not trusted: self-signed certificate in certificate chain",
        ),
        ({"certificate-authority": "ca.crt"}, "its certificate is not trusted: IP address mismatch"),
        (
            {"certificate-authority": "client.key"},
            "the certificate authority of https://127.0.0.1:[0-9]+ cannot be used",
        ),
    ],
)
def test_a_server_that_is_not_trusted_is_said_in_one_line(
    certificates: Path, cluster: dict[str, Any], message: str
) -> None:
    with pytest.raises(PodfenceError, match=message) as raised:
        ask(certificates, cluster, FILES)
    assert "\n" not in str(raised.value)


def test_a_client_that_shows_nothing_is_turned_away_in_one_line(certificates: Path) -> None:
    with pytest.raises(ClusterError, match=r"cannot reach https://127\.0\.0\.1:[0-9]+ \(context dev\): "):
        ask(certificates, KNOWN, {})


def test_a_key_of_another_certificate_is_said_in_one_line(certificates: Path) -> None:
    with pytest.raises(PodfenceError, match="the client certificate and its key cannot be used"):
        ask(certificates, KNOWN, {**FILES, "client-key": "server.key"})
