"""X.509 certificates of domains (RFC 5280), keys of certificates and of accounts."""

import hashlib
import json
import warnings
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from functions.deploy.domain.certificate import Certificate
from functions.deploy.domain.domain_rejections import InvalidCertificate
from functions.deploy.ports import Account

if TYPE_CHECKING:
    from cryptography import x509

MIN_RSA_BITS = 2048
COORDINATE_BYTES = 32


class X509Certificates:
    def new_account(self) -> Account:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = new_key()
        private = load_pem_private_key(key.encode(), None)
        assert isinstance(private, EllipticCurvePrivateKey)
        numbers = private.public_key().public_numbers()
        members = {"crv": "P-256", "kty": "EC", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
        return Account(key, _base64url(hashlib.sha256(canonical).digest()))

    def read(self, host: str, chain: str, key: str, now: datetime) -> Certificate:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

        try:
            certificates = x509.load_pem_x509_certificates(chain.encode())
        except ValueError as error:
            raise InvalidCertificate.of("certificate", f"The certificate is not PEM of X.509: {_first_sentence(error)}.") from error
        try:
            private = load_pem_private_key(key.encode(), None)
        except (ValueError, TypeError) as error:  # TypeError: it has a passphrase
            raise InvalidCertificate.of("key", "The key is not a private key in PEM without a passphrase.") from error
        first = certificates[0]
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size < MIN_RSA_BITS:
            raise InvalidCertificate.of("key", f"The key has {private.key_size} bits: clients require at least {MIN_RSA_BITS}.")
        form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
            raise InvalidCertificate.of("key", "The key is not the one of the certificate, which must be the first in its file.")
        if first.not_valid_after_utc <= now:
            raise InvalidCertificate.of("certificate", f"The certificate expired on {first.not_valid_after_utc:%d %B %Y}.")
        if first.not_valid_before_utc > now:
            raise InvalidCertificate.of("certificate", f"The certificate is not valid before {first.not_valid_before_utc:%d %B %Y %H:%M} UTC.")
        names = _names(first)
        if host not in names and f"*.{host.partition('.')[2]}" not in names:
            covered = ", ".join(sorted(names)[:10]) or "no host name"
            raise InvalidCertificate.of("certificate", f"The certificate does not cover {host}: it covers {covered}.")
        for below, above in pairwise(certificates):
            if below.issuer != above.subject:
                raise InvalidCertificate.of("certificate", "The chain is out of order: each certificate must be followed by the one of its issuer.")
            try:
                below.verify_directly_issued_by(above)
            except (InvalidSignature, ValueError, TypeError) as error:
                name = _name(below.issuer)
                detail = f"The chain is broken: the certificate of {name} in it has not signed the one before. Several have this name."
                raise InvalidCertificate.of("certificate", detail) from error
        return Certificate(
            chain=chain,
            issuer=_name(first.issuer),
            issued_at=first.not_valid_before_utc,
            expires_at=first.not_valid_after_utc,
        )

    def require_complete(self, chain: str) -> None:
        """Browsers fetch a missing intermediate certificate; programs do not, and fail. What a private authority does not publish is not missed."""
        from cryptography import x509

        certificates = x509.load_pem_x509_certificates(chain.encode())
        known = _public_authorities()
        if any(name.public_bytes() in known for each in certificates for name in (each.subject, each.issuer)):
            return
        last = certificates[-1]
        if last.issuer != last.subject and (url := _published_issuer(last)) is not None:
            detail = f"The chain is incomplete: the certificate of {_name(last.issuer)} is missing. Append it, in PEM: {url}"
            raise InvalidCertificate.of("certificate", detail)


def new_key() -> str:
    """A private key on P-256, in PEM."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def _public_authorities() -> frozenset[bytes]:
    """The names of the authorities that clients trust (Mozilla's list), in DER."""
    import ssl

    from certifi import where
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    names = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # an old one has the serial number 0
        for each in ssl.create_default_context(cafile=where()).get_ca_certs(binary_form=True):
            with suppress(ValueError):
                names.add(x509.load_der_x509_certificate(each).subject.public_bytes())
    return frozenset(names)


def _published_issuer(certificate: "x509.Certificate") -> str | None:
    """Where the certificate of its issuer is (RFC 5280 section 4.2.2.1)."""
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    found = [each.access_location for each in access if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS]
    return next((str(each.value)[:300] for each in found if isinstance(each, x509.UniformResourceIdentifier)), None)


def _name(name: "x509.Name") -> str:
    from cryptography import x509

    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME) or name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _names(certificate: object) -> frozenset[str]:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _coordinate(number: int) -> str:
    return _base64url(number.to_bytes(COORDINATE_BYTES, "big"))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _first_sentence(error: Exception) -> str:
    return str(error).partition(".")[0][:200]
