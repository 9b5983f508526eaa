"""Tunnels to data services: who may open one, and what its ticket allows."""

import hashlib
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.deploy import ports
from functions.deploy.commands.add_external_data_service import AddExternalDataService
from functions.deploy.commands.bind_data_service import BindDataService
from functions.deploy.commands.create_data_service import CreateDataService
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.open_service_tunnel import OpenServiceTunnel, ServiceTunnelView
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.domain.data_service_rejections import DataServiceNotFound, DataServiceNotReady
from functions.deploy.domain.rejections import ApplicationNotFound, TicketNotFound
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.queries.service_tunnel import ShowServiceTunnel, TunnelGrantView
from functions.kernel import Caller, Forbidden, Grant, Membership, Role, new_id
from tests.deploy.deploy_capsule import OWNER, STRANGER, DeployCapsule


async def create(capsule: DeployCapsule, application_id: UUID, name: str = "main", kind: ServiceKind = ServiceKind.POSTGRES) -> UUID:
    accepted = await capsule.call(CreateDataService(application_id=application_id, name=name, kind=kind), caller=OWNER)
    await capsule.settle()
    return UUID(str(accepted.id))


async def open_tunnel(capsule: DeployCapsule, application_id: UUID, service_id: UUID, caller: Caller = OWNER) -> ServiceTunnelView:
    view: ServiceTunnelView = await capsule.call(OpenServiceTunnel(application_id=application_id, service_id=service_id), caller=caller)
    return view


async def show(capsule: DeployCapsule, ticket: str) -> TunnelGrantView:
    view: TunnelGrantView = await capsule.call(ShowServiceTunnel(token_hash=hashlib.sha256(ticket.encode()).hexdigest()))
    return view


async def bind(capsule: DeployCapsule, application_id: UUID, service_id: UUID, environment: str) -> Any:
    return await capsule.call(BindDataService(application_id=application_id, service_id=service_id, environment=environment), caller=OWNER)


async def member(capsule: DeployCapsule, role: Role, *grants: Grant) -> Caller:
    caller = Caller(uuid4())
    await capsule.port(ports.Memberships).save(Membership(new_id(), OWNER.user_id, caller.user_id, role, grants))
    return caller


@pytest.mark.parametrize(("kind", "port"), [(ServiceKind.POSTGRES, 5432), (ServiceKind.REDIS, 6379)])
async def test_a_tunnel_has_the_credentials_and_leads_to_the_server(capsule: DeployCapsule, kind: ServiceKind, port: int) -> None:
    application = await capsule.create()
    service_id = await create(capsule, application.id, kind=kind)
    view = await open_tunnel(capsule, application.id, service_id)
    assert view.url.startswith("ws") and view.kind is kind and view.user.endswith("_1") and len(view.password) == 48
    grant = await show(capsule, view.ticket)
    assert (grant.id, grant.service_id, grant.service, grant.user_id, grant.session_id) == (
        *(view.id, service_id, "main"),
        *(OWNER.user_id, OWNER.session_id),
    )
    assert (grant.host, grant.port) == ("127.0.0.1", port)
    assert await show(capsule, view.ticket) == grant, "any number of connections"
    with pytest.raises(TicketNotFound):
        await show(capsule, "cps_unknown")


async def test_a_tunnel_accepts_for_an_hour_and_ends_after_twelve(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    view = await open_tunnel(capsule, application.id, await create(capsule, application.id))
    assert (view.accepts_until - capsule.clock.now()).total_seconds() == 3600
    await capsule.advance(hours=11)
    assert (await show(capsule, view.ticket)).accepts_until == view.accepts_until
    await capsule.advance(hours=2)
    with pytest.raises(TicketNotFound):
        await show(capsule, view.ticket)


async def test_new_credentials_are_those_of_the_next_tunnel(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    service_id = await create(capsule, application.id)
    before = await open_tunnel(capsule, application.id, service_id)
    await capsule.call(RotateDataService(application_id=application.id, service_id=service_id), caller=OWNER)
    await capsule.settle()
    after = await open_tunnel(capsule, application.id, service_id)
    assert before.user.endswith("_1") and after.user.endswith("_2") and before.password != after.password
    assert await show(capsule, before.ticket)


async def test_who_connects_needs_the_permission_in_every_environment_of_the_service(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    application_id = serving.application_id
    service_id = await create(capsule, application_id)
    with pytest.raises(ApplicationNotFound):
        await open_tunnel(capsule, application_id, service_id, STRANGER)
    with pytest.raises(DataServiceNotFound):
        await open_tunnel(capsule, application_id, uuid4())
    developer, viewer = await member(capsule, Role.DEVELOPER), await member(capsule, Role.VIEWER)
    of_staging = await member(capsule, Role.VIEWER, Grant(application_id, "staging"))
    of_production = await member(capsule, Role.DEVELOPER, Grant(application_id, "production"))
    for caller in (viewer, of_staging):
        with pytest.raises(Forbidden):
            await open_tunnel(capsule, application_id, service_id, caller)
    await open_tunnel(capsule, application_id, service_id, developer)

    await bind(capsule, application_id, service_id, "staging")
    opened = [await open_tunnel(capsule, application_id, service_id, each) for each in (developer, of_staging)]
    with pytest.raises(Forbidden):
        await open_tunnel(capsule, application_id, service_id, viewer)
    await bind(capsule, application_id, service_id, "production")
    for caller in (developer, of_staging):
        with pytest.raises(Forbidden):
            await open_tunnel(capsule, application_id, service_id, caller)
    for each in opened:
        with pytest.raises(Forbidden):
            await show(capsule, each.ticket)
    assert await show(capsule, (await open_tunnel(capsule, application_id, service_id, of_production)).ticket)


async def test_a_tunnel_ends_with_the_membership_and_with_the_service(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    service_id = await create(capsule, application.id)
    memberships, caller, id = capsule.port(ports.Memberships), Caller(uuid4()), new_id()
    await memberships.save(Membership(id, OWNER.user_id, caller.user_id, Role.DEVELOPER))
    view = await open_tunnel(capsule, application.id, service_id, caller)
    await memberships.remove(id)
    with pytest.raises(ApplicationNotFound):
        await show(capsule, view.ticket)
    own = await open_tunnel(capsule, application.id, service_id)
    await capsule.call(DeleteDataService(application_id=application.id, service_id=service_id), caller=OWNER)
    with pytest.raises(DataServiceNotReady, match="undelete"):
        await show(capsule, own.ticket)


async def test_no_tunnel_leads_to_an_address_of_the_users(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    external = AddExternalDataService(application_id=application.id, name="other", url="postgresql://u:p@127.0.0.1:5432/x")
    view = await capsule.call(external, caller=OWNER)
    with pytest.raises(DataServiceNotReady, match="server elsewhere"):
        await open_tunnel(capsule, application.id, view.id)
