"""Delete the access token of a repository.

Idempotent. Revoke the token at its host too.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository_access_views import RepositoryAccessView
from functions.deploy.ports import Applications, RepositoryAccesses
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Done, Model, Permission, Permit, command


class DeleteRepositoryToken(Model):
    application_id: UUID


@command(http="DELETE /v1/apps/{application_id}/repository-token", permission=Permission.APP_CONFIGURE, rejects=[ApplicationNotFound])
async def delete_repository_token(
    request: DeleteRepositoryToken, applications: Applications, accesses: RepositoryAccesses, control: AccessControl, permit: Permit
) -> Done[RepositoryAccessView]:
    application = await applications.lock(await control.to_all_environments(permit, request.application_id))
    access = await accesses.get(application.id)

    access.token = None
    await accesses.save(access)

    return Done(RepositoryAccessView.of(application, access))
