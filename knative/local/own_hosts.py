"""Host names of the operator that the ingress serves beside those below `localhost` (pure).

They follow from the settings with the public addresses; on a cluster, DomainMappings and config-domain name them. CAPSULE_PUBLIC_URL,
CAPSULE_DASHBOARD_URL and CAPSULE_TERMINAL_URL each name a Service of the platform, CAPSULE_APPLICATION_URL all applications. Routes keep their own
hosts, at which the platform reaches them without DNS.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from functions.deploy.adapters.shared_variables import APPLICATION_URL, TERMINAL_URL
from functions.runtime.config.variables import DASHBOARD_URL, PUBLIC_URL
from functions.wire.settings import InvalidSetting

SERVICES = ((PUBLIC_URL, "edge-gateway"), (TERMINAL_URL, "edge-terminal"), (DASHBOARD_URL, "dashboard"))
"""The last wins: the gateway and terminals have ports of their own."""
NAME = "{name}"
LOCAL_DOMAIN = "localhost"


@dataclass(frozen=True, slots=True)
class OwnHosts:
    """`services`: host → Service of the platform. `application_domain`: the domain below which applications are; empty: none but `localhost`."""

    services: Mapping[str, str] = field(default_factory=dict)
    application_domain: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Raises InvalidSetting."""
        hosts = ((urlsplit(environment.get(setting.name, "")).hostname or "", service) for setting, service in SERVICES)
        return cls({host: service for host, service in hosts if host and not _is_local(host)}, _application_domain(environment))

    def local_host(self, host: str) -> str | None:
        """Return the host below `localhost` of an application at a host below the operator's domain. `host`: in lower case."""
        label, _, domain = host.partition(".")
        return f"{label}.{LOCAL_DOMAIN}" if self.application_domain and domain == self.application_domain else None


def _application_domain(environment: Mapping[str, str]) -> str:
    template = environment.get(APPLICATION_URL.name, "")
    host = urlsplit(template.replace(NAME, "name")).hostname or ""
    label, _, domain = host.partition(".")
    if not template or (label == "name" and domain == LOCAL_DOMAIN):
        return ""
    if label != "name" or not domain or "{" in domain or NAME not in urlsplit(template).netloc:
        raise InvalidSetting(f"{APPLICATION_URL.name}: on one machine, the host is {NAME} and a domain, as in https://{NAME}.apps.example.com")
    return domain


def _is_local(host: str) -> bool:
    """Names below `localhost` are Routes' own hosts. Addresses name no Service: the gateway and terminals have ports of their own."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == LOCAL_DOMAIN or host.endswith(f".{LOCAL_DOMAIN}")
    return True
