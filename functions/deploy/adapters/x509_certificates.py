"""X.509 certificates of domains (RFC 5280), keys of certificates and of accounts."""

import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import datetime
from itertools import pairwise

from functions.deploy.domain.certificate import Certificate
from functions.deploy.domain.domain_rejections import InvalidCertificate
from functions.deploy.ports import Account

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
        issuer = first.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME) or first.issuer.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
        return Certificate(
            chain=chain,
            issuer=str(issuer[0].value) if issuer else first.issuer.rfc4514_string(),
            issued_at=first.not_valid_before_utc,
            expires_at=first.not_valid_after_utc,
        )


def new_key() -> str:
    """A private key on P-256, in PEM."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


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
