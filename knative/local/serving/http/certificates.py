"""The certificates of the ingress: which one a client gets, by the name that it asks for (SNI, RFC 6066 section 3).

An operator's own certificate serves the names that it covers, then one that Capsule has ordered (`ordered_certificates`). For every other name,
this machine's authority issues one at the first handshake: a wildcard below `localhost` would not do, because OpenSSL and browsers refuse
`*.localhost`.

Files are compared at each handshake, so a certificate that was replaced is used at once, by new connections. Certificate
and key are two files: while they do not belong together, or cannot be read, the former pair stays in use.
"""

import logging
import ssl
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from knative.certificates import dns_names, issue, load_key, pem
from knative.local.ordered_certificates import OrderedCertificate
from knative.local.serving.http.tls_contexts import load_pair
from knative.local.settings import Pair

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=90)
RENEW_AFTER = timedelta(days=30)
"""Of a certificate that was issued here: a client whose clock is wrong by weeks accepts it too."""
MAX_ISSUED = 1024
NAMES_OF_MACHINE = ("127.0.0.1", "localhost")
"""For clients that send no name: those that connect to an address."""
Stamp = tuple[tuple[int, int, int], ...]


class Certificates:
    """`context`: what a listener serves with. It never changes; the certificates behind it do."""

    def __init__(
        self,
        authority: Pair,
        signed_key: Path,
        own: Sequence[Pair],
        ordered: Sequence[OrderedCertificate],
        serves: Callable[[str], bool],
        domains: Callable[[str], ssl.SSLContext | None],
    ) -> None:
        """`authority`: of this machine. `signed_key`: the key of all certificates that it issues here; a new one makes them anew.

        `ordered`: may not be there yet. `serves`: whether a name may get a certificate of the authority. `domains`: finds the context of a tenant's
        domain, which comes after the operator's. Raises OSError or ValueError when a file is missing or damaged.
        """
        self._issuer, self._serves, self._domains = _Issuer(authority, signed_key), serves, domains
        self._own = [*(_OwnCertificate(pair) for pair in own), *(_OrderedFiles(each) for each in ordered)]
        self.context = self._issuer.context(NAMES_OF_MACHINE)
        self.context.sni_callback = self._select

    def _select(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        """Called in each handshake, before the certificate is sent."""
        try:
            connection.context = self.find((name or "").lower().rstrip("."))
        except (OSError, ValueError) as error:
            log.error("no certificate can be issued for %s: %s", name or "a client without SNI", error)  # the one of the listener is sent

    def find(self, name: str) -> ssl.SSLContext:
        """Return the context with the certificate for a host name in lower case; empty: the client sent none."""
        for own in self._own:
            own.refresh()
            if (context := own.context_of(name)) is not None:
                return context
        if (domain := self._domains(name)) is not None:
            return domain
        return self._issuer.context((name,) if name and self._serves(name) else NAMES_OF_MACHINE)


class _OwnCertificate:
    _names: frozenset[str] = frozenset()
    _context: ssl.SSLContext | None = None

    def __init__(self, pair: Pair | OrderedCertificate) -> None:
        """Raises OSError, ValueError."""
        self._pair = pair
        self._stamp = _stamp(pair.certificate, pair.key)
        self._load()

    def refresh(self) -> None:
        try:
            stamp = _stamp(self._pair.certificate, self._pair.key)
            if stamp != self._stamp:
                self._stamp = stamp
                self._load()
                log.info("%s was replaced: new connections get it", self._pair.certificate)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            log.warning("%s or its key cannot be used, the former pair stays: %s", self._pair.certificate, error)

    def context_of(self, name: str) -> ssl.SSLContext | None:
        """None: it does not cover the name."""
        return self._context if name in self._names or f"*.{name.partition('.')[2]}" in self._names else None

    def _load(self) -> None:
        chain = self._pair.certificate.read_bytes()
        context = load_pair(chain + b"\n" + self._pair.key.read_bytes())
        self._names, self._context = dns_names(x509.load_pem_x509_certificate(chain)), context


class _OrderedFiles(_OwnCertificate):
    """The files of a certificate that Capsule orders: they are missing until its first order has succeeded."""

    def __init__(self, ordered: OrderedCertificate) -> None:
        self._pair = ordered
        self._stamp: Stamp = ()

    def refresh(self) -> None:
        if self._stamp or (self._pair.certificate.exists() and self._pair.key.exists()):
            super().refresh()


@dataclass(slots=True)
class _Issuer:
    authority: Pair
    signed_key: Path
    _stamp: Stamp = ()
    _issued: OrderedDict[tuple[str, ...], tuple[datetime, ssl.SSLContext]] = field(default_factory=OrderedDict)

    def context(self, names: tuple[str, ...]) -> ssl.SSLContext:
        """Return the context with a certificate for these names, making it if there is none. Raises OSError, ValueError."""
        now, stamp = datetime.now(UTC), _stamp(self.authority.certificate, self.signed_key)
        if stamp != self._stamp:
            self._issued.clear()
            self._stamp = stamp
        found = self._issued.get(names)
        if found is None or now - found[0] > RENEW_AFTER:
            found = self._issued[names] = now, self._issue(names, now)
            if len(self._issued) > MAX_ISSUED:
                self._issued.popitem(last=False)
        self._issued.move_to_end(names)
        return found[1]

    def _issue(self, names: tuple[str, ...], now: datetime) -> ssl.SSLContext:
        issuer = x509.load_pem_x509_certificate(self.authority.certificate.read_bytes())
        signer, key = load_key(self.authority.key.read_bytes()), load_key(self.signed_key.read_bytes())
        return load_pair(pem(issue(issuer, signer, key.public_key(), names, now, LIFETIME)) + pem(key))


def _stamp(*paths: Path) -> Stamp:
    infos = [path.stat() for path in paths]
    return tuple((info.st_mtime_ns, info.st_ino, info.st_size) for info in infos)
