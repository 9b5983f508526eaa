"""`check` names an authority of the cluster that Python's strict verification refuses."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from knative.cluster.checks import authority
from knative.machine.doctor.finding import Level


def test_an_authority_that_functions_would_refuse_is_named() -> None:
    assert authority.finding(authority_certificate(key_usage=True)).level is Level.GOOD
    refused = authority.finding(authority_certificate(key_usage=False))
    assert refused.level is Level.FAULT and "CN=kubernetes has no key usage" in refused.summary


def authority_certificate(*, key_usage: bool) -> str:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if key_usage:
        flags = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
        )
        builder = builder.add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **flags), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
