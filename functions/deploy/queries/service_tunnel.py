"""Show what a tunnel's ticket allows, and where it leads.

For the function that serves terminals: it sends the hash of the ticket for each connection, and each second while one is open.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.rejections import ApplicationNotFound, TicketNotFound
from functions.deploy.ports import ServiceProvisioners, ServiceTunnels
from functions.deploy.services.service_access import ServiceAccess
from functions.kernel import ANYONE, Caller, Clock, Form, Model, Permission, Permit, query


class ShowServiceTunnel(Model):
    token_hash: Annotated[str, Form("^[0-9a-f]{64}$", "a SHA-256 in 64 hexadecimal digits")]
    """SHA-256 of the ticket."""


class TunnelGrantView(Model):
    id: UUID
    application_id: UUID
    service_id: UUID
    service: str
    user_id: UUID
    session_id: UUID | None
    host: str
    port: int
    accepts_until: datetime
    """When its last connection may begin."""
    ends_at: datetime


@query(allow=ANYONE, rejects=[TicketNotFound, ApplicationNotFound, DataServiceNotFound, DataServiceNotReady])
async def service_tunnel(
    request: ShowServiceTunnel, tunnels: ServiceTunnels, access: ServiceAccess, provisioners: ServiceProvisioners, clock: Clock
) -> TunnelGrantView:
    tunnel = await tunnels.find(bytes.fromhex(request.token_hash), clock.now())
    permit = Permit(Caller(tunnel.user_id), Permission.SERVICE_CONNECT)
    service = await access.to_service(permit, tunnel.application_id, tunnel.service_id)
    service.require_provisioned()
    endpoint = provisioners.of(service).endpoint(service.database)

    return TunnelGrantView(
        id=tunnel.id,
        application_id=tunnel.application_id,
        service_id=service.id,
        service=service.name,
        user_id=tunnel.user_id,
        session_id=tunnel.session_id,
        host=endpoint.host,
        port=endpoint.port,
        accepts_until=tunnel.accepts_until,
        ends_at=tunnel.ends_at,
    )
