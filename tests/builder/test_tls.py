"""Repositories over TLS: the certificate must match the host name although the connection goes to a pinned address."""

import datetime
import os
import ssl
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.builder.conftest import run_container
from tests.builder.repositories import serving


def certificate(folder: Path, name: str) -> Path:
    """Create a self-signed certificate and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize(("name", "code"), [("git.localhost", 0), ("other.localhost", 1)])
def test_a_repository_over_tls(tmp_path: Path, name: str, code: int) -> None:
    pem = certificate(tmp_path, "git.localhost")

    def secure(server: ThreadingHTTPServer) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)

    with serving(tmp_path, secure) as repositories:
        repository = repositories.create("secure")
        repository.commit({"index.html": "1"})
        url = repository.url.replace("http://127.0.0.1", f"https://{name}")
        environment = {
            "PATH": os.environ["PATH"],
            "CAPSULE_ROOT": str(tmp_path / "pod"),
            "REPOSITORY": url,
            "IMAGE": "capsule.local/apps/secure",
            "REPOSITORY_HOSTS": name,
            "SSL_CERT_FILE": str(pem),
            "GIT_SSL_CAINFO": str(pem),
            "BUILD_ENVIRONMENT": "SSL_CERT_FILE GIT_SSL_CAINFO",
        }
        outcome = run_container("knative.builder.clone", tmp_path / "pod", environment)
    assert outcome.code == code, outcome.log
    if code:
        assert "certificate" in outcome.log.lower(), "a certificate of another name was accepted, or its refusal was not explained"
