"""The ports at which the ingress serves domains of tenants: one for HTTP, with challenges and redirects, one for HTTPS.

They may be the only ports that others reach. With the operator's HTTPS they serve every public host, and plain HTTP leads there. Without it they
serve domains of tenants alone: the dashboard, the gateway and staging environments are for this machine, whatever Host a request names.
"""

import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from knative.local.serving.destinations import Lookup, only_domains, public_host, redirect_others
from knative.local.serving.http.listeners import Listener
from knative.local.serving.http.tls_contexts import server_context
from knative.local.serving.routing import RoutingTable

log = logging.getLogger(__name__)


class Listen(Protocol):
    def __call__(self, listening: socket.socket, *, lookup: Lookup, name: str, tls: ssl.SSLContext | None) -> Listener: ...


@dataclass(frozen=True, slots=True)
class PublicPorts:
    """`open_at` returns the listening socket of a port at an address."""

    address: str
    http: int
    https: int
    open_at: Callable[[int, str], socket.socket]

    def listen(self, table: RoutingTable, others: ssl.SSLContext | None, listen: Listen) -> None:
        """Open both. One that cannot be opened keeps no application from being served at the other ports."""
        plain = redirect_others(table, self.https) if others is not None else only_domains(table)
        secure = partial(public_host, table) if others is not None else only_domains(table)
        for port, tls, lookup, name in (
            (self.http, None, plain, "the HTTP port of domains"),
            (self.https, domain_contexts(table, others), secure, "the HTTPS port of domains"),
        ):
            try:
                opened = self.open_at(port, self.address)
            except OSError as error:
                log.error("%s, %s:%d, cannot be opened: %s", name, self.address, port, error.strerror or error)
            else:
                listen(opened, lookup=lookup, name=name, tls=tls)


def domain_contexts(table: RoutingTable, others: ssl.SSLContext | None) -> ssl.SSLContext:
    """Return the context of a listener that chooses the certificate by the name that a client asks for (SNI, RFC 6066 section 3).

    It stays the same object, so sessions are resumed after a certificate was replaced. `others`: serves the names that are no domain of a
    tenant; None: the handshake of such a client fails.
    """
    base = server_context(ssl.TLSVersion.TLSv1_2)
    select_other = others.sni_callback if others is not None else None

    def select(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
        found = table.certificate((name or "").lower().rstrip("."))
        if found is not None:
            connection.context = found
            return None
        if others is None:
            return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = others
        if select_other is not None:
            select_other(connection, name or "", context)
        return None

    base.sni_callback = select
    return base
