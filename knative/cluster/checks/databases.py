"""Whether the databases answer to the addresses in the Secrets: from here, or, where their names belong to the cluster, by a Job (`--probe`)."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from knative.cluster.checks.connections import Room, database_findings
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Overlay
from knative.cluster.secrets.command import read
from knative.cluster.secrets.planned import Existing
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import CONTEXTS

DEFAULT_PORT = 5432
TIMEOUT_SECONDS = 4
MIN_VERSION = 15
INSIDE = (".svc", ".svc.cluster.local")
PROBE = "./taskw cluster check --probe"


@dataclass(frozen=True)
class Address:
    """One login: `title` names its Secret and key."""

    context: str
    title: str
    url: str

    @property
    def host(self) -> str:
        """Raises: psycopg.Error when the URL is none."""
        return str(conninfo_to_dict(self.url).get("host") or "")

    @property
    def server(self) -> str:
        """Host and port. Raises: psycopg.Error when the URL is none."""
        return f"{self.host}:{conninfo_to_dict(self.url).get('port') or DEFAULT_PORT}"

    @property
    def is_of_functions(self) -> bool:
        """Whether it is the address that every function has."""
        return self.title.endswith("-database/url")


def check(cluster: ClusterApi, _: Overlay) -> Iterator[Finding]:
    existing, _external = read(cluster)
    rooms: list[tuple[str, str, Room]] = []
    for address in addresses(existing):
        yield probe(address, rooms)
    yield from database_findings(rooms)


def addresses(existing: Existing) -> list[Address]:
    """The logins of all contexts that the Secrets have."""
    places = (("database", "url"), ("database", "reader"), ("database", "replica"), ("migration", "url"))
    found = [(context, f"{context}-{kind}", key) for context in CONTEXTS for kind, key in places]
    return [
        Address(context, f"{name}/{key}", existing["Secret", name][key]) for context, name, key in found if key in existing.get(("Secret", name), {})
    ]


def probe(address: Address, rooms: list[tuple[str, str, Room]] | None = None) -> Finding:
    """Log in once. A name that only the cluster's DNS knows is a note. What functions may open there is added to `rooms`."""
    try:
        host = address.host
    except psycopg.Error as error:
        return Finding("database", Level.FAULT, f"{address.title} is no address of PostgreSQL: {str(error).strip()}", "docs/cluster.md, Databases")
    if host.endswith(INSIDE) or not _resolves(host):
        return Finding("database", Level.NOTE, f"{address.title}: {host} is a name of the cluster, not tried from here", PROBE)
    try:
        with psycopg.connect(address.url, connect_timeout=TIMEOUT_SECONDS) as connection:
            if rooms is not None and address.is_of_functions:
                rooms.append((address.server, address.context, Room.read(connection)))
            return login_finding(address.title, host, connection.info.server_version)
    except psycopg.Error as error:
        remedy = "Create roles and databases as docs/cluster.md says, or pass the right URL: ./taskw cluster secrets --apply --replace all …"
        return Finding("database", Level.FAULT, f"{address.title}: {str(error).strip().splitlines()[0]}", remedy)


def login_finding(title: str, host: str, server_version: int) -> Finding:
    """`server_version`: as libpq numbers it, 150004 for 15.4."""
    if server_version < MIN_VERSION * 10_000:
        return Finding("database", Level.FAULT, f"{title}: {host} has PostgreSQL {server_version // 10_000}", f"PostgreSQL {MIN_VERSION} is needed.")
    return Finding("database", Level.GOOD, f"{title}: {host} accepts the login")


def _resolves(host: str) -> bool:
    if not host or host.startswith("/"):
        return True
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
