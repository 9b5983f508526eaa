"""Decide which hosts a build may clone from.

Host names are resolved here, in the build's network namespace: a public name may point to a private address. The
checked address is the one that git connects to. Behind a proxy the proxy resolves names; what it lets through is the
operator's decision.
"""

import ipaddress
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Collection

from functions.wire.addresses import IPAddress, is_listed, is_public, parse_address
from functions.wire.git_urls import GitUrl
from knative.builder.failure import REPOSITORY_NOT_FOUND, BuildFailure

TIMEOUT_SECONDS = 20
LOOPBACK = "127.0.0.1"


def checked_address(url: GitUrl, allowed_hosts: Collection[str]) -> str:
    """Return the IP address to connect to; empty if a proxy or the operator's name service decides.

    `allowed_hosts`: private hosts that may be used, as `host` or `host:port`. Raises BuildFailure(repository-not-found)
    for a host that does not resolve and a private host that is not allowed.
    """
    host = url.host
    is_allowed = is_listed(host, url.port, allowed_hosts)
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 §6.3: always loopback, never looked up
        addresses = {ipaddress.ip_address(LOOPBACK)}
    elif is_allowed or (not url.is_ssh and _has_proxy(url.scheme, host) and parse_address(host) is None):
        return ""
    else:
        addresses = _resolve(host, url.port)
    if not is_allowed and not all(map(is_public, addresses)):
        detail = f'Host "{host}" has a private address. An operator can allow it with CAPSULE_REPOSITORY_HOSTS.'
        raise BuildFailure(REPOSITORY_NOT_FOUND, detail)
    return str(min(addresses, key=lambda address: address.version))


def _resolve(host: str, port: int) -> set[IPAddress]:
    try:
        return {ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as error:
        detail = f'Host "{host}" cannot be resolved: {describe_error(error)}. Check the URL of the repository.'
        raise BuildFailure(REPOSITORY_NOT_FOUND, detail) from error


def describe_error(error: BaseException) -> str:
    """Say in words, without error numbers, why a network operation failed."""
    match error:
        case urllib.error.URLError(reason=BaseException() as reason):
            return describe_error(reason)
        case ssl.SSLCertVerificationError():
            return f"its TLS certificate is not valid ({error.verify_message.rstrip('.')})"
        case socket.gaierror():
            temporary = error.errno == socket.EAI_AGAIN
            return "the name server does not answer" if temporary else "no such host"
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS} s"
        case ConnectionRefusedError():
            return "connection refused"
        case OSError(strerror=str() as text) if text:
            return text[0].lower() + text[1:]
        case _:
            return str(error) or type(error).__name__


def _has_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
