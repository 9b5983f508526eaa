"""Set the known host keys of a repository's ssh server.

Without keys, the next clone trusts the key that the server presents, and stores it.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.rejections import ApplicationNotFound, InvalidHostKeys
from functions.deploy.domain.repository_access_views import RepositoryAccessView
from functions.deploy.ports import Applications, RepositoryAccesses
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Done, Model, Permission, Permit, Text, command


class SetHostKeys(Model):
    application_id: UUID
    host_keys: Annotated[list[Text], Field(max_length=100)]
    """Lines of known_hosts, or type and key only for the host of the repository. They replace all stored keys."""


@command(http="PUT /v1/apps/{application_id}/host-keys", permission=Permission.APP_CONFIGURE, rejects=[ApplicationNotFound, InvalidHostKeys])
async def set_host_keys(
    request: SetHostKeys, applications: Applications, accesses: RepositoryAccesses, control: AccessControl, permit: Permit
) -> Done[RepositoryAccessView]:
    application = await applications.lock(await control.to_all_environments(permit, request.application_id))
    access = await accesses.get(application.id)

    access.set_host_keys(request.host_keys, application.repository)
    await accesses.save(access)

    return Done(RepositoryAccessView.of(application, access))
