"""The deploy context over memory, and the messages that its functions send each other: a deployment as a test reads it."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from events.cluster import ObjectUpdated, RequestsMeasured, RequestWindow
from events.deploy import (
    ApplicationDeleted,
    DeploymentFailed,
    DeploymentPreparationStarted,
    DeploymentReleaseStarted,
    DeploymentRequested,
    DeploymentRollbackStarted,
    EnvironmentDeleted,
)
from functions.deploy.commands.cancel_deployment import CancelDeployment, cancel_deployment
from functions.deploy.commands.change_application import ChangeApplication, change_application
from functions.deploy.commands.configure_application import ConfigureApplication, configure_application
from functions.deploy.commands.configure_environment import ConfigureEnvironment, configure_environment
from functions.deploy.commands.create_application import CreateApplication, CreatedApplication, create_application
from functions.deploy.commands.create_environment import CreateEnvironment, create_environment
from functions.deploy.commands.delete_application import DeleteApplication, delete_application
from functions.deploy.commands.delete_environment import DeleteEnvironment, delete_environment
from functions.deploy.commands.deploy import Deploy, deploy
from functions.deploy.commands.promote import Promote, promote
from functions.deploy.commands.roll_back import RollBack, roll_back
from functions.deploy.commands.scale_environment import ScaleEnvironment, scale_environment
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Patience
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.domain.requested import RequestedDeployment
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.handlers.housekeeping import housekeeping
from functions.deploy.handlers.on_application_deleted import on_application_deleted
from functions.deploy.handlers.on_deployment_failed import on_deployment_failed
from functions.deploy.handlers.on_deployment_preparation_started import on_deployment_preparation_started
from functions.deploy.handlers.on_deployment_release_started import on_deployment_release_started
from functions.deploy.handlers.on_deployment_requested import on_deployment_requested
from functions.deploy.handlers.on_deployment_rollback_started import on_deployment_rollback_started
from functions.deploy.handlers.on_deployment_timed_out import on_deployment_timed_out
from functions.deploy.handlers.on_environment_deleted import on_environment_deleted
from functions.deploy.handlers.on_object_updated import on_object_updated
from functions.deploy.handlers.on_requests_measured import on_requests_measured
from functions.kernel import Caller, Delayed, Done, Event, Origin
from tests.deploy.stand_ins import (
    COMMIT,
    IMAGE,
    OWNER,
    REPOSITORY,
    STRANGER,
    TEMPLATE,
    FixedBuilds,
    GuardedCluster,
    NoHousekeeping,
    PlainWork,
    StandingClock,
)
from tests.memory.deploy import (
    MemoryApplications,
    MemoryConfigurations,
    MemoryDeployments,
    MemoryEnvironments,
    MemoryQuotas,
    MemoryReleases,
    PlainVault,
)


class World:
    def __init__(self) -> None:
        self.clock = StandingClock()
        self.quotas = MemoryQuotas()
        self.applications = MemoryApplications(self.quotas)
        self.environments = MemoryEnvironments()
        self.configurations = MemoryConfigurations()
        self.vault = PlainVault()
        self.patience = Patience(production=30, elsewhere=0)
        self.deployments = MemoryDeployments()
        self.releases = MemoryReleases()
        self.cluster = GuardedCluster()
        self.policy = RepositoryPolicy(frozenset({"samples.localhost"}))
        self.facts: list[Event] = []
        self.later: list[tuple[datetime, Event]] = []
        self._queue: list[Event] = []

    async def create(self, name: str = "hello", repository: str = REPOSITORY, caller: Caller = OWNER) -> CreatedApplication:
        done = await create_application(CreateApplication(name=name, repository=repository), self.applications, self.policy, caller, self.clock)
        self._told(done)
        return done.output

    async def deploy(self, application_id: UUID, environment: str = "staging", ref: str | None = None, caller: Caller = OWNER) -> RequestedDeployment:
        asked = Deploy(application_id=application_id, environment=environment, ref=ref)
        done = await deploy(asked, **self._given("applications environments deployments quotas patience"), **self._asking(caller))
        self._told(done)
        return done.output

    async def promote(self, application_id: UUID, from_: str, to: str, release: int | None = None) -> RequestedDeployment:
        asked = Promote.model_validate({"application_id": application_id, "from": from_, "to": to, "release": release})
        ports = "applications environments configurations deployments releases quotas patience"
        done = await promote(asked, **self._given(ports), **self._asking())
        self._told(done)
        return done.output

    async def roll_back(self, application_id: UUID, environment: str = "staging", release: int | None = None) -> RequestedDeployment:
        asked = RollBack(application_id=application_id, environment=environment, release=release)
        done = await roll_back(asked, **self._given("applications environments deployments releases quotas patience"), **self._asking())
        self._told(done)
        return done.output

    async def scale(self, application_id: UUID, environment: str = "staging", **size: int) -> Any:
        asked = ScaleEnvironment(application_id=application_id, environment=environment, **size)
        done = await scale_environment(asked, **self._given("applications environments deployments releases quotas patience"), **self._asking())
        self._told(done)
        return done.output

    async def configure(self, application_id: UUID, environment: str | None = "staging", **said: Any) -> Any:
        ports = self._given("applications environments configurations deployments releases vault patience")
        if environment is None:
            everywhere = ConfigureApplication.model_validate({"application_id": application_id, **said})
            changed: Done[Any] = await configure_application(everywhere, **ports, **self._asking())
        else:
            asked = ConfigureEnvironment.model_validate({"application_id": application_id, "environment": environment, **said})
            changed = await configure_environment(asked, **ports, **self._asking())
        self._told(changed)
        return changed.output

    async def change(self, application_id: UUID, **said: Any) -> Any:
        asked = ChangeApplication(application_id=application_id, **said)
        return (await change_application(asked, self.applications, OWNER)).output

    async def cancel(self, deployment: Deployment) -> None:
        asked = CancelDeployment(application_id=deployment.application_id, deployment_id=deployment.id)
        self._told(await cancel_deployment(asked, self.applications, self.deployments, OWNER, self.clock))

    async def create_environment(self, application_id: UUID, name: str) -> None:
        asked = CreateEnvironment(application_id=application_id, name=name)
        await create_environment(asked, self.applications, self.environments, OWNER, self.clock)

    async def delete_environment(self, application_id: UUID, name: str) -> None:
        asked = DeleteEnvironment(application_id=application_id, environment=name)
        ports = self._given("applications environments configurations deployments quotas")
        self._told(await delete_environment(asked, **ports, caller=OWNER, clock=self.clock))

    def _given(self, ports: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ports.split()}

    def _asking(self, caller: Caller = OWNER) -> dict[str, Any]:
        return {"caller": caller, "origin": Origin("correlation-1"), "clock": self.clock}

    async def delete(self, application_id: UUID, caller: Caller = OWNER) -> None:
        asked = DeleteApplication(application_id=application_id)
        self._told(await delete_application(asked, self.applications, self.deployments, self.quotas, caller, self.clock))

    async def settle(self) -> None:
        """Delivers what the context says to itself, until it says no more."""
        while self._queue:
            await self.deliver(self._queue.pop(0))

    async def wait(self, **by: float) -> None:
        """Time passes; what was said to be delivered by then is."""
        until = self.clock.at + timedelta(**by)
        while due := [each for each in self.later if each[0] <= until]:
            first = min(due, key=lambda each: each[0])
            self.later.remove(first)
            self.clock.at = max(self.clock.at, first[0])
            self._queue.append(first[1])
            await self.settle()
        self.clock.at = until

    async def deliver(self, event: Event) -> None:
        work = PlainWork()
        self.cluster.works.append(work)
        match event:
            case DeploymentRequested():
                await on_deployment_requested(event, self.applications, self.deployments, FixedBuilds(), self.cluster, self.clock, work)
            case ObjectUpdated():
                await on_object_updated(event, self.deployments, self.releases, self.cluster, self.clock, work)
            case DeploymentPreparationStarted():
                ports = self._given("deployments releases configurations vault cluster clock")
                await on_deployment_preparation_started(event, **ports, work=work)
            case DeploymentReleaseStarted():
                ports = self._given("deployments releases configurations vault cluster clock")
                await on_deployment_release_started(event, **ports, work=work)
            case DeploymentRollbackStarted():
                await on_deployment_rollback_started(event, **self._given("deployments releases configurations cluster clock"), work=work)
            case RequestsMeasured():
                self._told(await on_requests_measured(event, self.deployments, self.clock))
            case EnvironmentDeleted():
                await on_environment_deleted(event, self.deployments, self.cluster, work)
            case DeploymentTimedOut():
                await on_deployment_timed_out(event, self.deployments, self.releases, self.cluster, self.clock, work)
            case DeploymentFailed():
                await on_deployment_failed(event, **self._given("deployments releases configurations quotas cluster"), work=work)
            case ApplicationDeleted():
                await on_application_deleted(event, self.applications, self.cluster, work)
            case _:
                return
        self._say(work.said)

    async def housekeeping(self) -> None:
        work = PlainWork()
        await housekeeping(NoHousekeeping(), self.deployments, self.clock, work)
        self._say(work.said)

    # -- the cluster's side -------------------------------------------------------------------------------------------

    async def building(self, environment: str = "staging") -> Deployment:
        """An application whose build runs."""
        application = await self.create()
        requested = await self.deploy(application.id, environment)
        await self.settle()
        return await self.deployments.get(requested.id)

    async def build_ends(self, deployment: Deployment, message: Any = None, **how: Any) -> Deployment:
        said = message if isinstance(message, str) or message is None else json.dumps(message)
        self.cluster.job_ended(deployment.namespace, deployment.job, said, **how)
        await self.updated("Job", deployment.namespace, deployment.job)
        return await self.deployments.get(deployment.id)

    async def built(self, deployment: Deployment, image: str = IMAGE) -> Deployment:
        return await self.build_ends(deployment, {"image": image, "commit": COMMIT, "kind": "python"})

    async def serving(self, deployment: Deployment) -> Deployment:
        return await self.service_is(deployment, "True")

    async def released(self, application_id: UUID | None = None, environment: str = "staging", image: str = IMAGE) -> Deployment:
        """Built, and serving; observed for as long as it takes."""
        id = application_id or (await self.create()).id
        requested = await self.deploy(id, environment)
        await self.settle()
        return await self.arrived(requested.id, image)

    async def arrived(self, deployment_id: UUID, image: str = IMAGE) -> Deployment:
        """Whatever this deployment waits for goes well."""
        await self.settle()
        found = await self.deployments.get(deployment_id)
        if found.status == "building":
            found = await self.built(found, image)
        if found.status == "preparing":
            self.cluster.job_ended(found.namespace, found.task, None)
            await self.updated("Job", found.namespace, found.task)
            found = await self.deployments.get(deployment_id)
        if found.status == "releasing":
            found = await self.serving(found)
        if found.status == "observing":
            await self.wait(seconds=found.terms.observation_seconds + 1)
            found = await self.deployments.get(deployment_id)
        return found

    async def requests(self, deployment: Deployment, status: int, count: int) -> Deployment:
        at = self.clock.now()
        window = RequestWindow.model_validate(
            {
                "from": at,
                "to": at,
                "namespace": deployment.namespace,
                "service": deployment.service,
                "revision": deployment.revision,
                "status": status,
                "count": count,
                "durationMsSum": 1.0,
            }
        )
        self._queue.append(RequestsMeasured(windows=[window]))
        await self.settle()
        return await self.deployments.get(deployment.id)

    async def service_is(self, deployment: Deployment, status: str, **how: Any) -> Deployment:
        self.cluster.service_became(deployment.namespace, deployment.service, status, **how)
        await self.updated("Service", deployment.namespace, deployment.service)
        return await self.deployments.get(deployment.id)

    async def updated(self, kind: str, namespace: str, name: str) -> None:
        self._queue.append(ObjectUpdated(kind=kind, namespace=namespace, name=name))
        await self.settle()

    def service(self, deployment: Deployment) -> Any:
        return self.cluster.objects.get(("Service", deployment.namespace, deployment.service))

    def _told(self, done: Done[Any]) -> None:
        self._say(list(done.events))

    def _say(self, events: list[Event | Delayed]) -> None:
        for event in events:
            if isinstance(event, Delayed):
                self.later.append((self.clock.now() + event.delay, event.event))
            else:
                self.facts.append(event)
                self._queue.append(event)

    def said(self) -> list[str]:
        return [event.type for event in self.facts]


__all__ = ["COMMIT", "IMAGE", "OWNER", "REPOSITORY", "STRANGER", "TEMPLATE", "World"]
