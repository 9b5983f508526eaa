"""Set the access token for a private https repository.

Write-only: no endpoint returns it. Only the server of the application's present repository gets it.
"""

from uuid import UUID

from pydantic import Field

from functions.deploy.domain.rejections import ApplicationNotFound, InvalidAccessToken, InvalidRepository
from functions.deploy.domain.repository import Repository, RepositoryPolicy
from functions.deploy.domain.repository_access import AccessToken
from functions.deploy.domain.repository_access_views import RepositoryTokenView
from functions.deploy.ports import Applications, RepositoryAccesses, Vault
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, SecretText, Text, command


class SetRepositoryToken(Model):
    application_id: UUID
    token: SecretText = Field(json_schema_extra={"writeOnly": True})
    """A token with read access to the repository, such as a fine-grained token of GitHub or a deploy token of GitLab."""
    user: Text | None = None
    """The user name of the token. Omitted: a name that GitHub, GitLab, Gitea and Bitbucket accept with any token."""


@command(
    http="PUT /v1/apps/{application_id}/repository-token",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, InvalidAccessToken, InvalidRepository],
)
async def set_repository_token(
    request: SetRepositoryToken,
    applications: Applications,
    accesses: RepositoryAccesses,
    policy: RepositoryPolicy,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[RepositoryTokenView]:
    application = await applications.lock(await control.to_all_environments(permit, request.application_id))
    access = await accesses.get(application.id)

    access.token = AccessToken.create(
        application.repository,
        request.token.get_secret_value(),
        request.user,
        allows_http=application.repository is not None and policy.lists(Repository.parse(application.repository)),
        seal=vault.seal,
        at=clock.now(),
    )
    await accesses.save(access)

    return Done(RepositoryTokenView.of(access.token))
