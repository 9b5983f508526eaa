"""Delete the access token of a repository.

Idempotent. Revoke the token at its host too.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository_access_views import RepositoryAccessView
from functions.deploy.ports import Applications, RepositoryAccesses
from functions.kernel import Caller, Done, Model, command


class DeleteRepositoryToken(Model):
    application_id: UUID


@command(http="DELETE /v1/apps/{application_id}/repository-token", rejects=[ApplicationNotFound])
async def delete_repository_token(
    request: DeleteRepositoryToken, applications: Applications, accesses: RepositoryAccesses, caller: Caller
) -> Done[RepositoryAccessView]:
    application = await applications.lock_owned(request.application_id, caller.user_id)
    access = await accesses.get(application.id)

    access.token = None
    await accesses.save(access)

    return Done(RepositoryAccessView.of(application, access))
