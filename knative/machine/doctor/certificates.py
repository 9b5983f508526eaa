"""Which connections are encrypted, and when certificates end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from knative.machine import https, tls
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.postgres import PostgreSQL
from knative.machine.rabbitmq import RabbitMQ

WARN_BEFORE = timedelta(days=21)


@dataclass(frozen=True)
class Encryption:
    """`servers`: of PostgreSQL and RabbitMQ. `http`: of gateway, dashboard, terminals and applications."""

    servers: bool
    http: bool


def check(home: Home, now: datetime) -> Iterator[Finding]:
    servers = [each for server in (PostgreSQL, RabbitMQ) if (home.path / server.name).exists() and (each := server(home)).has_tls]
    yield from decide_encryption(Encryption(bool(servers), home.has_https))
    if servers and (expiry := tls.expires_at(home)) is not None:
        yield decide_end("certificate of PostgreSQL and RabbitMQ", expiry, now, "./taskw rotate tls")
    if (servers or home.has_https) and tls.authority(home).exists():
        authority = x509.load_pem_x509_certificate(tls.authority(home).read_bytes())
        yield decide_end("authority of this machine", authority.not_valid_after_utc, now, "./taskw down; rm .capsule/tls/ca.crt; ./taskw up")
    certificates, authorities = https.served_certificates(home)
    for own in certificates:
        if fault := https.find_fault(own, authorities):
            yield Finding("tls", Level.FAULT, *fault)
        else:
            yield decide_end(f"{own.certificate} ({own.setting})", own.expires_at, now, "Renew it and replace both files; nothing restarts.")


def decide_encryption(state: Encryption) -> Iterator[Finding]:
    texts = {"PostgreSQL and RabbitMQ (CAPSULE_TLS)": state.servers, "gateway, dashboard and applications (CAPSULE_HTTPS)": state.http}
    on, off = ([text for text, is_on in texts.items() if is_on is expected] for expected in (True, False))
    if on:
        yield Finding("tls", Level.GOOD, f"TLS 1.3 for {'; '.join(on)}")
    if off:
        yield Finding("tls", Level.NOTE, f"not encrypted, on loopback only: {'; '.join(off)}", details=("docs/operations.md, Encrypted connections",))


def decide_end(title: str, expires_at: datetime, now: datetime, remedy: str) -> Finding:
    left = expires_at - now
    if left <= timedelta(0):
        return Finding("tls", Level.FAULT, f"The {title} expired on {expires_at:%Y-%m-%d}.", remedy)
    if left < WARN_BEFORE:
        return Finding("tls", Level.WARNING, f"The {title} expires in {left.days} days.", remedy)
    return Finding("tls", Level.GOOD, f"The {title} is valid until {expires_at:%Y-%m-%d}")
