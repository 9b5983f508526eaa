"""Open a tunnel to a data service.

Each connection is a WebSocket at `url` with `Authorization: Bearer <ticket>` and the subprotocol `v1.tunnel.capsule.dev`. Binary
messages are the bytes of the service's own protocol; an empty one ends its sender's direction. Connections begin until
`acceptsUntil` and end at `endsAt`, and earlier with the session or the permission.
"""

from datetime import datetime
from urllib.parse import unquote, urlsplit
from uuid import UUID

from functions.deploy.domain.attach_ticket import TerminalAddress
from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.rejections import ApplicationNotFound, TerminalsUnavailable
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.service_tunnel import ServiceTunnel
from functions.deploy.ports import Applications, DataServices, ServiceTunnels, Vault
from functions.deploy.services.service_access import ServiceAccess
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, command


class OpenServiceTunnel(Model):
    application_id: UUID
    service_id: UUID


class ServiceTunnelView(Model):
    id: UUID
    url: str
    ticket: str
    kind: ServiceKind
    user: str
    password: str
    """Of the service's present credentials. They are valid through a tunnel and in bound environments only."""
    database: str
    max_connections: int
    """Of the service, with those of the application."""
    accepts_until: datetime
    ends_at: datetime


@command(
    http="POST /v1/apps/{application_id}/services/{service_id}/tunnels",
    permission=Permission.SERVICE_CONNECT,
    status=201,
    rejects=[ApplicationNotFound, DataServiceNotFound, DataServiceNotReady, TerminalsUnavailable],
    has_secret_response=True,
)
async def open_service_tunnel(
    request: OpenServiceTunnel,
    applications: Applications,
    services: DataServices,
    tunnels: ServiceTunnels,
    terminal_address: TerminalAddress,
    access: ServiceAccess,
    vault: Vault,
    permit: Permit,
    clock: Clock,
) -> Done[ServiceTunnelView]:
    service = await access.to_service(permit, request.application_id, request.service_id)
    service.require_provisioned()
    if not terminal_address.url:
        raise TerminalsUnavailable
    tunnel, ticket = ServiceTunnel.open(service, permit.caller, clock.now())
    await tunnels.add(tunnel)

    assert service.sealed_url is not None, "a service that is ready has a URL"
    url = urlsplit(vault.open(service.sealed_url))
    view = ServiceTunnelView(
        id=tunnel.id,
        url=terminal_address.url,
        ticket=ticket,
        kind=service.kind,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=url.path.removeprefix("/"),
        max_connections=service.limits.max_connections,
        accepts_until=tunnel.accepts_until,
        ends_at=tunnel.ends_at,
    )
    return Done(view, change=Change(after={"service": service.name}))
