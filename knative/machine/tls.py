"""Certificates of this machine: an authority of its own, one certificate for PostgreSQL and RabbitMQ, and the key of the ingress' certificates.

The authority is made once and stays, so that `renew` changes nothing for clients: they trust the authority, and verify the name. Its key is readable
by its owner alone. The servers' certificate is made again by `up` when less than a third of its lifetime is left, and by `./taskw rotate tls`. A
server that runs uses the new one after `renew_certificate`. The ingress issues its own (`knative/local/serving/http/certificates.py`).
"""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from filelock import FileLock

from functions.deploy.adapters.domain_variables import ACME_CA_BUNDLE
from functions.runtime.config.variables import AUTHORITIES_FILE
from knative.certificates import issue, load_key, new_authority, new_key, pem
from knative.local.files import write_private
from knative.machine.accounts import Account
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

AUTHORITY_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=825)
RENEW_BEFORE = LIFETIME / 3


def folder(home: Home) -> Path:
    """The folder that functions may read. It holds the authority's certificate."""
    return home.path / "tls"


def authority(home: Home) -> Path:
    """The certificate that clients of the servers trust."""
    return folder(home) / "ca.crt"


def bundle(home: Home) -> Path:
    """The authorities that functions trust: this machine's, and those of CAPSULE_AUTHORITIES_FILE."""
    return folder(home) / "authorities.crt"


def acme_bundle(home: Home) -> Path:
    """A copy of CAPSULE_ACME_CA_BUNDLE where functions may read it."""
    return folder(home) / "acme-authorities.crt"


def acme_settings(home: Home) -> dict[str, str]:
    """CAPSULE_ACME_CA_BUNDLE as functions get it: they see few files of this machine."""
    return {ACME_CA_BUNDLE.name: str(acme_bundle(home))} if home.environment.get(ACME_CA_BUNDLE.name) else {}


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
    signer, key = load_key(_authority_key(home).read_bytes()), new_key()
    names, title = (LOOPBACK, "localhost"), "Capsule servers"
    certificate = issue(_load(authority(home)), signer, key.public_key(), names, now or datetime.now(UTC), LIFETIME, title=title)
    write_private(_key(home), pem(key))
    write_private(_certificate(home), pem(certificate))


def ensure_https(home: Home) -> None:
    """Make what the ingress issues certificates with, if it is missing: the authority, and the key of all hosts."""
    ensure(home)
    if not _https_key(home).exists():
        renew_https(home)
    write_bundle(home)


def has_bundle(home: Home) -> bool:
    """Whether functions need authorities beside the system's."""
    return home.has_https or bool(AUTHORITIES_FILE.read(home.environment))


def write_bundle(home: Home) -> None:
    """Write the authorities that functions trust, where there are any. Raises OSError."""
    paths = [authority(home)] if authority(home).exists() else []
    paths += [Path(others)] if (others := AUTHORITIES_FILE.read(home.environment)) else []
    if paths:
        write_private(bundle(home), b"\n".join(path.read_bytes() for path in paths), mode=0o644)
    if acme := ACME_CA_BUNDLE.read(home.environment):
        write_private(acme_bundle(home), Path(acme).read_bytes(), mode=0o644)


def check_authorities(home: Home) -> None:
    """Raises: Problem when CAPSULE_AUTHORITIES_FILE or CAPSULE_ACME_CA_BUNDLE holds no certificates that OpenSSL reads."""
    for setting in (AUTHORITIES_FILE, ACME_CA_BUNDLE):
        if path := setting.read(home.environment):
            _check_authorities(setting.name, path)


def _check_authorities(setting: str, path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        fault = f"holds no certificates in PEM ({error.reason or error})"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    else:
        return
    raise Problem(f"{setting}: {path} {fault}.", "Name a PEM file with authorities that the account of ./taskw up reads, or unset it.")


def renew_https(home: Home) -> None:
    """Make a new key. The ingress issues new certificates for it, from the next connection on."""
    write_private(_https_key(home), pem(new_key()))


def install(home: Home, target: Path, account: Account | None) -> Path:
    """Copy certificate and key to one file where a server reads both, owned by its account. Returns its path.

    One file is replaced at once: a server that reads in between never has the key of another certificate.
    """
    path = target / "server.pem"
    write_private(path, _certificate(home).read_bytes() + _key(home).read_bytes(), (account.uid, account.gid) if account else None)
    return path


def _create_authority(home: Home, now: datetime) -> None:
    key = new_key()
    write_private(_authority_key(home), pem(key))
    write_private(authority(home), pem(new_authority("Capsule on this machine", key, now, AUTHORITY_LIFETIME)), mode=0o644)


def _authority_key(home: Home) -> Path:
    return home.secrets / "ca.key"


def _https_key(home: Home) -> Path:
    return home.secrets / "https.key"


def _certificate(home: Home) -> Path:
    return home.secrets / "server.crt"


def _key(home: Home) -> Path:
    return home.secrets / "server.key"
