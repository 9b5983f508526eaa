"""Create the deploy key of an application, or show it.

Idempotent. The private key is sealed and never shown.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository_access import DeployKey
from functions.deploy.domain.repository_access_views import DeployKeyView
from functions.deploy.ports import Applications, DeployKeys, RepositoryAccesses, Vault
from functions.kernel import Caller, Clock, Done, Model, command


class CreateDeployKey(Model):
    application_id: UUID


@command(http="PUT /v1/apps/{application_id}/deploy-key", rejects=[ApplicationNotFound])
async def create_deploy_key(
    request: CreateDeployKey, applications: Applications, accesses: RepositoryAccesses, keys: DeployKeys, vault: Vault, caller: Caller, clock: Clock
) -> Done[DeployKeyView]:
    application = await applications.lock_owned(request.application_id, caller.user_id)
    access = await accesses.get(application.id)

    if access.key is None:
        public, private = keys.generate(f"capsule-{application.name}")
        access.key = DeployKey(public, vault.seal(private), clock.now())
        await accesses.save(access)

    return Done(DeployKeyView.of(access.key))
