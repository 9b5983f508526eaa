"""Show deploy key, token and host keys of a repository.

The token and the private key are not part of the answer.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository_access_views import RepositoryAccessView
from functions.deploy.ports import Applications, RepositoryAccesses
from functions.kernel import Caller, Model, query


class ShowRepositoryAccess(Model):
    application_id: UUID


@query(http="GET /v1/apps/{application_id}/repository-access", rejects=[ApplicationNotFound])
async def repository_access(
    request: ShowRepositoryAccess, applications: Applications, accesses: RepositoryAccesses, caller: Caller
) -> RepositoryAccessView:
    application = await applications.get_owned(request.application_id, caller.user_id)

    return RepositoryAccessView.of(application, await accesses.get(application.id))
