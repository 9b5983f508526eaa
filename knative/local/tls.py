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
from pathlib import Path

from knative.local.files import write_private
from knative.local.settings import LOOPBACK

VALIDITY = timedelta(days=730)
RENEW_AFTER = timedelta(days=365)
NAMES = (LOOPBACK, "localhost", "kubernetes.default.svc")


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
    from knative.certificates import issue, new_authority, new_key, pem

    now = datetime.now(UTC)
    signer, key = new_key(), new_key()
    authority = new_authority("Capsule one-machine Knative", signer, now, VALIDITY)
    server = issue(authority, signer, key.public_key(), NAMES, now, VALIDITY, title="kubernetes")
    files = Certificates.within(folder)
    write_private(files.key, pem(key))
    write_private(files.certificate, pem(server))
    write_private(files.authority, pem(authority))


if __name__ == "__main__":
    create(Path(sys.argv[1]))
