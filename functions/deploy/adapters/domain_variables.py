"""The environment variables of domains and their certificates."""

import ipaddress

from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting, forms
from functions.wire.settings.forms import Form


def _endpoint(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, separator, port = text.rpartition(":")
    if not separator or host.count(":") == 1 or (":" in host and not host.startswith("[")):
        host, port = text, "53"
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_address(each)) for each in text.replace(",", " ").split())


_URL = forms.url("https", example="https://acme-v02.api.letsencrypt.org/directory")
DNS_RESOLVER = Setting(
    "CAPSULE_DNS_RESOLVER",
    Form("an IP address with a port, as in 10.0.0.2:53", _endpoint),
    "The resolver for the DNS records of domains.",
    default_note="the system's resolver",
)
DOMAIN_ADDRESSES = Setting(
    "CAPSULE_DOMAIN_ADDRESSES",
    Form("IP addresses separated by commas or spaces", _addresses),
    "The public addresses that A and AAAA records of domains must have.",
    default_note="what the target of the domain's CNAME resolves to",
)
ACME_DIRECTORY = Setting(
    "CAPSULE_ACME_DIRECTORY",
    Form("a URL with https://, as in https://acme-v02.api.letsencrypt.org/directory", lambda text: text and _URL.parse(text)),
    "The ACME directory (RFC 8555) that issues certificates of domains. By setting it you agree to its terms of service. Without it, users bring "
    "their own.",
)
ACME_CA_BUNDLE = Setting(
    "CAPSULE_ACME_CA_BUNDLE",
    forms.text("the path of a PEM file with certificates"),
    "Certificate authorities that functions trust for that directory, in place of the system's.",
)
ACME_CONTACT = Setting(
    "CAPSULE_ACME_CONTACT",
    forms.text("an e-mail address"),
    "Whom the directory tells about the account.",
)
CLUSTER_ISSUER = Setting(
    "CAPSULE_CLUSTER_ISSUER",
    forms.text("the name of a ClusterIssuer"),
    "On a cluster with cert-manager: it issues the certificates of domains, in place of `CAPSULE_ACME_DIRECTORY`.",
)
DNS_CHALLENGES = Setting(
    "CAPSULE_DNS_CHALLENGES",
    forms.switch(),
    "Whether functions have the operator's DNS hook. `up` sets it with `CAPSULE_DNS_HOOK`.",
    default="off",
)
HOOK_FILE = "dns-hook"
"""The mounted file of the hook."""
SECTION = Section(
    "Domains and certificates",
    "deploy",
    PLACE,
    (DNS_RESOLVER, DOMAIN_ADDRESSES, ACME_DIRECTORY, ACME_CA_BUNDLE, ACME_CONTACT, DNS_CHALLENGES, CLUSTER_ISSUER),
)
