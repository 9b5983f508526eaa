"""Where a listener of the ingress leads: to every host, to some hosts, or to one Service."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from knative.local.serving.routing import Destination, Table


@dataclass(frozen=True, slots=True)
class Refused:
    """`status`: of HTTP. `detail`: a sentence for whoever sent the request."""

    status: int
    detail: str


Lookup = Callable[[str], Destination | Refused]
"""By a host in lower case, without a port."""
UNKNOWN = Refused(404, "no application answers under this host name")


def public(table: Table, host: str) -> Destination | Refused:
    return table.by_host(host) or UNKNOWN


def only(table: Table, hosts: Collection[str]) -> Lookup:
    """Some hosts, and no word about the others."""
    allowed = frozenset(hosts)
    elsewhere = Refused(403, f"a build reaches {', '.join(sorted(allowed))} here, and no other host")

    def look_up(host: str) -> Destination | Refused:
        return public(table, host) if host in allowed else elsewhere

    return look_up


def service(table: Table, namespace: str, name: str) -> Lookup:
    """One Service, whatever the request's Host says: no other Route can be in its place."""

    def look_up(host: str) -> Destination | Refused:
        entry = table.by_name(namespace, name)
        return (entry, None) if entry is not None else UNKNOWN

    return look_up
