"""Show deploy key, token and host keys of a repository.

The token and the private key are not part of the answer.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository_access_views import RepositoryAccessView
from functions.deploy.ports import Applications, RepositoryAccesses
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowRepositoryAccess(Model):
    application_id: UUID


@query(http="GET /v1/apps/{application_id}/repository-access", permission=Permission.APP_READ, rejects=[ApplicationNotFound])
async def repository_access(
    request: ShowRepositoryAccess, applications: Applications, accesses: RepositoryAccesses, control: AccessControl, permit: Permit
) -> RepositoryAccessView:
    application = await applications.get(await control.to_application(permit, request.application_id))

    return RepositoryAccessView.of(application, await accesses.get(application.id))
