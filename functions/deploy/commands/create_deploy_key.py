"""Create the deploy key of an application, or show it.

Idempotent. The private key is sealed and never shown.
"""

from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.repository_access import DeployKey
from functions.deploy.domain.repository_access_views import DeployKeyView
from functions.deploy.ports import Applications, DeployKeys, RepositoryAccesses, Vault
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Clock, Done, Model, Permission, Permit, command


class CreateDeployKey(Model):
    application_id: UUID


@command(http="PUT /v1/apps/{application_id}/deploy-key", permission=Permission.APP_CONFIGURE, rejects=[ApplicationNotFound])
async def create_deploy_key(
    request: CreateDeployKey,
    applications: Applications,
    accesses: RepositoryAccesses,
    keys: DeployKeys,
    vault: Vault,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[DeployKeyView]:
    application = await applications.lock(await control.to_application(permit, request.application_id))
    access = await accesses.get(application.id)

    if access.key is None:
        public, private = keys.generate(f"capsule-{application.name}")
        access.key = DeployKey(public, vault.seal(private), clock.now())
        await accesses.save(access)

    return Done(DeployKeyView.of(access.key))
