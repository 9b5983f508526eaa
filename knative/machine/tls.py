"""Certificates of this machine's PostgreSQL and RabbitMQ: an authority of its own, and one certificate for both servers.

The authority is made once and stays, so that `renew` changes nothing for clients: they trust the authority, and verify the name. Its key is readable
by its owner alone. The servers' certificate is made again by `up` when less than a third of its lifetime is left, and by `./taskw rotate tls`. A
server that runs uses the new one after `renew_certificate`.
"""

import ipaddress
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock

from knative.local.files import write_private
from knative.machine.accounts import Account
from knative.machine.home import LOOPBACK, Home

AUTHORITY_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=825)
RENEW_BEFORE = LIFETIME / 3
CLOCK_SKEW = timedelta(minutes=5)


def folder(home: Home) -> Path:
    """The folder that functions may read. It holds the authority's certificate."""
    return home.path / "tls"


def authority(home: Home) -> Path:
    """The certificate that clients of the servers trust."""
    return folder(home) / "ca.crt"


def expires_at(home: Home) -> datetime | None:
    """When the servers' certificate expires; None if there is none."""
    path = _certificate(home)
    return _load(path).not_valid_after_utc if path.exists() else None


def ensure(home: Home, now: datetime | None = None) -> None:
    """Make the authority and the certificate, where they are missing, about to expire, or halves of an interrupted renewal. Idempotent.

    Both servers call it as they start, at the same time.
    """
    now = now or datetime.now(UTC)
    folder(home).mkdir(mode=0o755, parents=True, exist_ok=True)
    home.create()
    with FileLock(home.secrets / "tls.lock", mode=0o600):
        if not _belong_together(authority(home), _authority_key(home)):
            _create_authority(home, now)
        if is_due(home, now):
            renew(home, now)


def is_due(home: Home, now: datetime | None = None) -> bool:
    """Whether the servers need a new certificate."""
    expiry = expires_at(home)
    if expiry is None or expiry - (now or datetime.now(UTC)) < RENEW_BEFORE or not _belong_together(_certificate(home), _key(home)):
        return True
    try:
        _load(_certificate(home)).verify_directly_issued_by(_load(authority(home)))
    except (InvalidSignature, ValueError, TypeError):
        return True
    return False


def _belong_together(certificate: Path, key: Path) -> bool:
    """Whether both exist and the certificate is that of the key."""
    if not certificate.exists() or not key.exists():
        return False
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    return _load(certificate).public_key() == private.public_key()


def _load(certificate: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.read_bytes())


def renew(home: Home, now: datetime | None = None) -> None:
    """Make a new certificate with a new key. Servers use it after `install` and a reload."""
    now = now or datetime.now(UTC)
    signer = serialization.load_pem_private_key(_authority_key(home).read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = _load(authority(home))
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK)), x509.DNSName("localhost")])
    certificate = (
        _builder("Capsule servers", issuer.subject, key.public_key(), signer.public_key(), now, LIFETIME, is_authority=False)
        .add_extension(names, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    write_private(_key(home), _pem(key))
    write_private(_certificate(home), certificate.public_bytes(serialization.Encoding.PEM))


def install(home: Home, target: Path, account: Account | None) -> tuple[Path, Path]:
    """Copy certificate and key to where a server reads them, owned by its account. Returns their paths."""
    paths = (target / "server.crt", target / "server.key")
    for source, path in zip((_certificate(home), _key(home)), paths, strict=True):
        write_private(path, source.read_bytes())
        if account:
            shutil.chown(path, account.uid, account.gid)
    return paths


def _create_authority(home: Home, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Capsule on this machine")])
    builder = _builder("Capsule on this machine", name, key.public_key(), key.public_key(), now, AUTHORITY_LIFETIME, is_authority=True)
    write_private(_authority_key(home), _pem(key))
    write_private(authority(home), builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    authority(home).chmod(0o644)


def _builder(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
    *,
    is_authority: bool,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _authority_key(home: Home) -> Path:
    return home.secrets / "ca.key"


def _certificate(home: Home) -> Path:
    return home.secrets / "server.crt"


def _key(home: Home) -> Path:
    return home.secrets / "server.key"
