"""Certificates made in tests: an authority, an intermediate one, and servers' certificates of either, in PEM files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from knative.certificates import issue, new_authority, new_key, pem

DAY = timedelta(days=1)


class Authority:
    """`root` is what clients trust. `certificates` are signed by it, or by an intermediate authority."""

    def __init__(self, name: str = "Test authority") -> None:
        self.key, self.now = new_key(), datetime.now(UTC)
        self.root = new_authority(name, self.key, self.now - DAY, 30 * DAY, depth=1)

    def intermediate(self) -> "tuple[x509.Certificate, ec.EllipticCurvePrivateKey]":
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Intermediate")])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.root.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(self.now - DAY).not_valid_after(self.now + 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return builder.sign(self.key, hashes.SHA256()), key

    def write(self, folder: Path, *names: str, begins: timedelta = -DAY, lifetime: timedelta = 10 * DAY) -> tuple[Path, Path]:
        """Write a new certificate and its key, replacing former ones. Returns their paths."""
        key = new_key()
        certificate = issue(self.root, self.key, key.public_key(), names, self.now + begins, lifetime)
        return write_pair(folder, pem(certificate), pem(key))

    def trust(self, folder: Path) -> str:
        path = folder / "root.crt"
        path.write_bytes(pem(self.root))
        return str(path)


def write_pair(folder: Path, certificate: bytes, key: bytes) -> tuple[Path, Path]:
    """The key first: for a moment both do not belong together, as when an operator copies two files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "server.crt", folder / "server.key"
    for path, content in ((paths[1], key), (paths[0], certificate)):
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        draft.replace(path)
    return paths
