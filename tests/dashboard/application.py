"""A browser of a user whose application was deployed, in front of a Capsule whose cluster the test plays."""

from typing import cast

from events.deployments import DeploymentRequested
from functions.deploy.domain.deployment import Deployment
from tests.capsule import Capsule
from tests.dashboard.browser import Browser
from tests.deploy.deploy_capsule import DeployCapsule

CONTEXTS = ("auth", "billing", "deploy", "monitor")


class BrowserOfDeploy(Browser):
    """`path`: of the application's pages."""

    path: str = ""

    @property
    def deploy(self) -> DeployCapsule:
        return cast("DeployCapsule", self.capsule)

    async def deploy_to(self, environment: str) -> str:
        """Deploy until the release serves; returns the path of the deployment's page."""
        response = await self.send(f"{self.path}/deployments", environment=environment)
        assert response.status_code == 303, response.text
        await self.complete_last()
        return str(response.headers["location"])

    async def complete_last(self, status: str = "succeeded") -> Deployment:
        """Let the newest deployment succeed."""
        deployment = await self.deploy.complete(self.deploy.events(DeploymentRequested)[-1].deployment_id)
        assert deployment.status == status
        return deployment


def capsule(**settings: str) -> Capsule:
    return DeployCapsule(*CONTEXTS, settings=settings)


async def deployed(browser: BrowserOfDeploy | None = None) -> BrowserOfDeploy:
    """Sign up, create the application hello with a variable, and deploy it to staging."""
    ada = browser or BrowserOfDeploy(capsule())
    if "capsule_access" not in ada.client.cookies:
        await ada.become_a_user()
    ada.path = await ada.create()
    await ada.send(f"{ada.path}/configuration", environment="staging", name="MODE", secretValue="one")
    await ada.deploy_to("staging")
    await ada.deploy.advance(minutes=1)
    return ada
