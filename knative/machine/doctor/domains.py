"""Domains of applications: where they are served, and who issues their certificates."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from functions.deploy.adapters.domain_variables import ACME_DIRECTORY, CLUSTER_ISSUER
from knative.local.variables import PUBLIC_ADDRESS
from knative.machine import processes
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.knative_process import KNATIVE

CHECK = "domains"
WELL_KNOWN = {"domains, HTTP": 80, "domains, HTTPS": 443}
"""Ports that browsers and certificate authorities use."""


@dataclass(frozen=True)
class PublicPorts:
    """`ports`: by title, as `Home.domain_ports`. `closed`: those at which nothing listens although Capsule runs."""

    address: str
    ports: Mapping[str, int]
    closed: tuple[int, ...]
    issuer: str
    """Of certificates; empty: users bring their own."""


def check(home: Home, _: datetime) -> Iterator[Finding]:
    ports = home.domain_ports
    is_running = processes.find_running(home, KNATIVE) is not None
    closed = tuple(port for port in ports.values() if is_running and processes.find_port_holder(port) is None)
    issuer = ACME_DIRECTORY.read(home.environment) or CLUSTER_ISSUER.read(home.environment) or ""
    yield from decide(PublicPorts(PUBLIC_ADDRESS.read(home.environment), ports, closed, issuer))


def decide(found: PublicPorts) -> Iterator[Finding]:
    where = f"{found.address}, ports {', '.join(map(str, found.ports.values()))}"
    if found.closed:
        yield Finding(
            CHECK,
            Level.FAULT,
            f"Nothing listens on {', '.join(map(str, found.closed))}: domains of applications are not served.",
            "./taskw logs knative says why. Ports below 1024 need root or CAP_NET_BIND_SERVICE, which ./taskw install-service gives.",
        )
        return
    if ipaddress.ip_address(found.address).is_loopback:
        yield Finding(CHECK, Level.NOTE, f"served on this machine only: {where}", details=("docs/server.md, Domains of applications",))
        return
    if any(found.ports[title] != port for title, port in WELL_KNOWN.items()):
        summary = f"served at {where}, but browsers and certificate authorities use 80 and 443."
        remedy = "CAPSULE_PUBLIC_HTTP_PORT=80 CAPSULE_PUBLIC_HTTPS_PORT=443, unless something in front forwards these."
        yield Finding(CHECK, Level.WARNING, summary, remedy)
    elif not found.issuer:
        yield Finding(CHECK, Level.NOTE, f"served at {where}; users bring certificates: CAPSULE_ACME_DIRECTORY is not set")
    else:
        yield Finding(CHECK, Level.GOOD, f"served at {where}; certificates of {found.issuer}")
