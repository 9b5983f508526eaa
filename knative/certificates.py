"""X.509 certificates of this machine's own authorities (RFC 5280): ECDSA on P-256, for servers only.

The module loads the signing library, which takes more memory than the rest of the one-machine Knative: import it where a certificate is made.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLOCK_SKEW = timedelta(minutes=5)
"""How long before its making a certificate is valid: clocks differ."""
MAX_COMMON_NAME = 64
"""Characters (RFC 5280 appendix A.1)."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(name: str, key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta, *, depth: int = 0) -> x509.Certificate:
    """Make the certificate of an authority. `depth`: how many authorities may stand below it; by default it signs servers' certificates only."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return _builder(subject, subject, key.public_key(), key.public_key(), now, lifetime, depth).sign(key, hashes.SHA256())


def issue(
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    names: Sequence[str],
    now: datetime,
    lifetime: timedelta,
    *,
    title: str = "",
) -> x509.Certificate:
    """Make a server's certificate for host names and IP addresses. `title`: its common name, by default the first name; clients do not read it."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (title or names[0])[:MAX_COMMON_NAME])])
    return (
        _builder(subject, authority.subject, key, signer.public_key(), now, lifetime)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def pem(item: ec.EllipticCurvePrivateKey | x509.Certificate) -> bytes:
    if isinstance(item, x509.Certificate):
        return item.public_bytes(serialization.Encoding.PEM)
    return item.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def load_key(content: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError: it is no private key of an elliptic curve."""
    key = serialization.load_pem_private_key(content, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not of an elliptic curve")
    return key


def dns_names(certificate: x509.Certificate) -> frozenset[str]:
    """Return the host names of a certificate, in lower case."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
    depth: int | None = None,
) -> x509.CertificateBuilder:
    """`depth`: of an authority; None: it is a server's certificate."""
    is_authority = depth is not None
    usage = x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=depth), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )
