"""Which destinations a listener of the ingress serves: every host, some hosts, or one Service (pure)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus

from knative.local.serving.domains import https_url
from knative.local.serving.http.error_responses import Cause
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.routing import Destination, RouteEntry, RoutingTable


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status`: the HTTP status. `detail`: a sentence for the sender of the request."""

    status: int
    detail: str
    cause: Cause = Cause.FAILURE
    retry_after_seconds: int | None = None

    def answer(self, exchange: Exchange) -> None:
        exchange.respond_error(self.status, self.detail, self.retry_after_seconds, self.cause)


@dataclass(frozen=True, slots=True)
class HttpsOnly(Refusal):
    """Plain HTTP leads to HTTPS. A request that carries a token is refused: its sender should learn that it was not encrypted."""

    host: str = ""
    port: int = 443

    def answer(self, exchange: Exchange) -> None:
        if exchange.method not in ("GET", "HEAD") or exchange.header(b"authorization") is not None or not exchange.target.startswith("/"):
            exchange.keep_alive = False
            Refusal.answer(self, exchange)
            return
        exchange.respond(HTTPStatus.PERMANENT_REDIRECT, "", b"", f"location: {https_url(self.host, self.port)}{exchange.target}")


Lookup = Callable[[str], Destination | Refusal]
"""Finds the destination of a host, in lower case and without a port."""
MAINTENANCE_MESSAGE = "This application is under maintenance. Please try again later."
UNKNOWN = Refusal(404, "No application has this host name.")


def public_host(table: RoutingTable, host: str) -> Destination | Refusal:
    found = table.by_host(host)
    if found is None:
        return UNKNOWN
    return _refuse_stopped(found[0]) or found


def _refuse_stopped(route: RouteEntry) -> Refusal | None:
    return Refusal(503, route.stop_message, Cause.STOPPED) if route.stop_message is not None else None


def refuse_maintenance(route: RouteEntry) -> Refusal | None:
    """Return what visitors of a Route in maintenance get; None: they reach it."""
    page = route.maintenance
    return Refusal(503, page.message or MAINTENANCE_MESSAGE, Cause.MAINTENANCE, page.retry_after_seconds) if page is not None else None


def only_hosts(table: RoutingTable, hosts: Collection[str]) -> Lookup:
    """Serve some hosts and reveal nothing about others."""
    allowed = frozenset(hosts)
    forbidden = Refusal(403, f"A build reaches only {', '.join(sorted(allowed))} here.")

    def look_up(host: str) -> Destination | Refusal:
        return public_host(table, host) if host in allowed else forbidden

    return look_up


def only_domains(table: RoutingTable) -> Lookup:
    """Serve the domains of tenants."""

    def look_up(host: str) -> Destination | Refusal:
        return public_host(table, host) if table.domain(host) is not None else UNKNOWN

    return look_up


def redirect_others(table: RoutingTable, https_port: int) -> Lookup:
    """Serve the domains of tenants, and lead every other public host to HTTPS."""

    def look_up(host: str) -> Destination | Refusal:
        if table.domain(host) is not None:
            return public_host(table, host)
        if table.by_host(host) is None:
            return UNKNOWN
        return HttpsOnly(400, f"{host} speaks HTTPS only. Use {https_url(host, https_port)}", host=host, port=https_port)

    return look_up


def one_service(table: RoutingTable, namespace: str, name: str) -> Lookup:
    """Serve one Service, whatever Host a request names, so that no other Route can take its place."""

    def look_up(host: str) -> Destination | Refusal:
        route = table.by_name(namespace, name)
        if route is None:
            return UNKNOWN
        return _refuse_stopped(route) or (route, None)

    return look_up
