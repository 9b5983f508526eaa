"""A certificate authority for one server.

Its key is discarded after it has signed the server's certificate.

`python -m knative.local.tls FOLDER` writes ca.crt, server.crt and server.key. It runs as a separate process, because
the signing library takes more memory than the rest of the API and is needed once a year.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from knative.local.files import write_private
from knative.local.settings import LOOPBACK

VALIDITY = timedelta(days=730)
RENEW_AFTER = timedelta(days=365)


@dataclass(frozen=True)
class Certificates:
    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def within(cls, folder: Path) -> "Certificates":
        return cls(folder / "ca.crt", folder / "server.crt", folder / "server.key")

    @property
    def are_fresh(self) -> bool:
        files = (self.authority, self.certificate, self.key)
        return all(file.exists() and time.time() - file.stat().st_mtime < RENEW_AFTER.total_seconds() for file in files)


def certificates(folder: Path) -> Certificates:
    """Return the certificates in a folder. They are created when they are missing or a year old. Blocking."""
    found = Certificates.within(folder)
    if not found.are_fresh:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        subprocess.run([sys.executable, "-m", "knative.local.tls", str(folder)], check=True)
    return found


def create(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, authority: bool) -> x509.CertificateBuilder:
        usage = x509.KeyUsage(
            digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
            .not_valid_before(start - timedelta(minutes=5)).not_valid_after(start + VALIDITY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )  # fmt: skip

    start = datetime.now(UTC)
    signer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Capsule one-machine Knative")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK)), x509.DNSName("localhost"), x509.DNSName("kubernetes.default.svc")])
    server_only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    authority = certificate(issuer, issuer, signer.public_key(), True).sign(signer, hashes.SHA256())
    server = certificate(subject, issuer, key.public_key(), False).add_extension(names, critical=False).add_extension(server_only, critical=False)

    files = Certificates.within(folder)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    write_private(files.key, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    write_private(files.certificate, server.sign(signer, hashes.SHA256()).public_bytes(pem))
    write_private(files.authority, authority.public_bytes(pem))


if __name__ == "__main__":
    create(Path(sys.argv[1]))
