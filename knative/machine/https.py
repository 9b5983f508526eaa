"""HTTPS of this machine: what `up` checks of an operator's certificates before anything starts, and how tasks speak to the gateway.

The check is a TLS handshake in memory, with the files as the server's and a client that trusts what this machine trusts. So it refuses exactly what
clients would refuse: a wrong key, a missing chain, an expired certificate, a name that it does not cover.
"""

import ipaddress
import json
import os
import ssl
import stat
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from functions.deploy.adapters.shared_variables import APPLICATION_URL
from functions.runtime.config.variables import AUTHORITIES_FILE, DASHBOARD_URL, PUBLIC_URL
from knative.certificates import dns_names
from knative.local import variables
from knative.local.files import write_private
from knative.local.settings import Https
from knative.machine import tls
from knative.machine.home import Home
from knative.machine.problems import Problem

LOCAL = ("localhost", "127.0.0.1")
EXPIRED, NOT_YET_VALID, WRONG_NAME = 10, 9, 62
"""Codes of X509_V_ERR_… (OpenSSL, x509_vfy.h)."""
NO_ISSUER = (2, 18, 19, 20, 21)
"""The chain does not lead to an authority that is trusted."""
HANDSHAKE_PASSES = 4


@dataclass(frozen=True)
class OwnCertificate:
    """A certificate of the operator: the setting that names it, its files, and the names that it must cover."""

    setting: str
    certificate: Path
    key: Path
    names: tuple[str, ...]

    @property
    def expires_at(self) -> datetime:
        """Raises OSError, ValueError."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).not_valid_after_utc


def own_certificates(home: Home) -> list[OwnCertificate]:
    """The certificates that the settings name. Raises InvalidSetting when one of a pair is missing."""
    https = Https.read(home.path, home.environment)
    if https is None:
        return []
    found, pairs = [], iter(https.own)
    for setting, names in ((variables.HTTPS_CERTIFICATE, _platform_hosts(home)), (variables.HTTPS_APPLICATION_CERTIFICATE, _application_hosts(home))):
        if home.environment.get(setting.name):
            pair = next(pairs)
            found.append(OwnCertificate(setting.name, pair.certificate, pair.key, names))
    return found


def record(home: Home) -> None:
    """Mark that the ingress serves HTTPS, and with which certificates of the operator: other tasks than `up` need not have the variables."""
    own = [{"setting": own.setting, "certificate": str(own.certificate), "key": str(own.key), "names": own.names} for own in own_certificates(home)]
    write_private(home.https_mark, json.dumps({"own": own, "authorities": AUTHORITIES_FILE.read(home.environment)}).encode())


def served_certificates(home: Home) -> tuple[list[OwnCertificate], str | None]:
    """Return the operator's certificates that the ingress serves, and the file with the authorities beside the system's.

    Before the first `up` with HTTPS: those that the settings name. Raises InvalidSetting.
    """
    if not (text := _read_mark(home)):
        return own_certificates(home), home.environment.get(AUTHORITIES_FILE.name)
    stored = json.loads(text)
    own = [OwnCertificate(each["setting"], Path(each["certificate"]), Path(each["key"]), tuple(each["names"])) for each in stored["own"]]
    return own, stored["authorities"] or None


def _read_mark(home: Home) -> str:
    """Empty: the ingress speaks HTTP, or version 0.2.0 started it, which wrote an empty file."""
    return home.https_mark.read_text() if home.has_https else ""


def check(home: Home) -> list[tuple[str, str]]:
    """Return what clients refuse of certificates that are served already, with remedies: an expired one must not keep Capsule from starting.

    Raises: Problem with the fault of the first certificate that clients would refuse and that is new, or that the ingress cannot load.
    """
    if not variables.HTTPS.read(home.environment):
        return []
    for setting in (PUBLIC_URL, DASHBOARD_URL, APPLICATION_URL):
        if home.environment.get(setting.name, "https:").startswith("http:"):
            raise Problem(f"{setting.name} begins with http://, but CAPSULE_HTTPS is on.", f"{setting.name}=https://…")
    served = served_certificates(home)[0] if _read_mark(home) else []
    refusals = []
    for own in own_certificates(home):
        if defect := find_defect(own):
            raise Problem(*defect)
        if refusal := find_refusal(own, home.environment.get(AUTHORITIES_FILE.name)):
            if own not in served:
                raise Problem(*refusal)
            refusals.append(refusal)
    return refusals


def find_fault(own: OwnCertificate, authorities: str | None = None) -> tuple[str, str] | None:
    """What is wrong with a certificate, and what to do; None if clients accept it. `authorities`: a file with authorities beside the system's."""
    return find_defect(own) or find_refusal(own, authorities)


def find_defect(own: OwnCertificate) -> tuple[str, str] | None:
    """Why the ingress cannot serve with it, and what to do."""
    for path in (own.certificate, own.key):
        if not os.access(path, os.R_OK) or not path.is_file():
            return f"{own.setting}: {path} does not exist or cannot be read.", "Name files that the account of ./taskw up reads."
    if own.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"{own.setting}: the key {own.key} can be read by others.", f"chmod 600 {own.key}"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(own.certificate, own.key, password=_refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{own.setting}: {own.key} is not the key of {own.certificate}.", "Name the key with which the certificate was requested."
        return (
            f"{own.setting}: {own.certificate} and {own.key} are not a certificate and its key in PEM ({error.reason or error}).",
            "See openssl x509",
        )
    except ValueError:
        return f"{own.setting}: the key {own.key} has a passphrase.", f"Remove it: openssl pkey -in {own.key} -out NEW"
    if addresses := [name for name in own.names if _is_address(name)]:
        return (
            f"{own.setting}: {addresses[0]} is an address. Clients send no name for it (RFC 6066 section 3), so no certificate can be chosen by it.",
            f"Use a host name in {PUBLIC_URL.name} and {DASHBOARD_URL.name}, or unset {own.setting}.",
        )
    if not dns_names(x509.load_pem_x509_certificate(own.certificate.read_bytes())):
        return f"{own.setting}: {own.certificate} covers no host name.", "Request one with subjectAltName DNS:…"
    return None


def find_refusal(own: OwnCertificate, authorities: str | None = None) -> tuple[str, str] | None:
    """What clients would refuse, and what to do. `own` has no defect."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(own.certificate, own.key)
    for name in own.names or (None,):
        if fault := _refusal(server, own, name, authorities):
            return fault
    return None


def _refusal(server: ssl.SSLContext, own: OwnCertificate, name: str | None, authorities: str | None) -> tuple[str, str] | None:
    client = ssl.create_default_context()
    if authorities:
        client.load_verify_locations(authorities)
    client.check_hostname = name is not None
    try:
        _shake_hands(server, client, name)
    except ssl.SSLCertVerificationError as error:
        certificate = x509.load_pem_x509_certificate(own.certificate.read_bytes())
        match error.verify_code:
            case code if code == EXPIRED:
                return f"{own.setting}: {own.certificate} expired on {certificate.not_valid_after_utc:%Y-%m-%d}.", "Renew it, or unset the setting."
            case code if code == NOT_YET_VALID:
                begin = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
                return f"{own.setting}: {own.certificate} is not valid before {begin}.", "Is the clock of this machine right?"
            case code if code == WRONG_NAME:
                return f"{own.setting}: {own.certificate} does not cover {name}.", "Request one for this name, or a wildcard for applications."
            case code if code in NO_ISSUER:
                return (
                    f"{own.setting}: {own.certificate} does not lead to an authority that this machine trusts: its chain is incomplete, or the "
                    "authority is private.",
                    f"Append the intermediate certificates to the file; name the root of a private authority in {AUTHORITIES_FILE.name}.",
                )
        return f"{own.setting}: clients refuse {own.certificate}: {error.verify_message}.", "Request another one."
    return None


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> None:
    """Raises ssl.SSLCertVerificationError when the client refuses the certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(HANDSHAKE_PASSES):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def _refuse_passphrase() -> str:
    raise ValueError("a key with a passphrase")


def _platform_hosts(home: Home) -> tuple[str, ...]:
    hosts = (urlsplit(home.environment.get(setting.name, "")).hostname for setting in (PUBLIC_URL, DASHBOARD_URL))
    return tuple(host for host in hosts if host and not _is_local(host))


def _application_hosts(home: Home) -> tuple[str, ...]:
    template = home.environment.get(APPLICATION_URL.name, "")
    host = urlsplit(template.replace("{name}", "name").replace("{namespace}", "namespace")).hostname
    return (host,) if host and not _is_local(host) else ()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return host in LOCAL or host.endswith(".localhost")


def trusting(home: Home) -> ssl.SSLContext:
    """A client's context that trusts this machine's authority."""
    context = ssl.create_default_context()
    if home.has_https:
        context.load_verify_locations(tls.authority(home))
    return context


def opener(home: Home) -> urllib.request.OpenerDirector:
    """Opens URLs of this machine, without a proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting(home)))
