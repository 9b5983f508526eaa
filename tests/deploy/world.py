"""The deploy context over memory, and the messages that its functions send each other: a deployment as a test reads it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import yaml

from events.cluster import ObjectUpdated
from events.deploy import ApplicationDestroyed, BuildSucceeded, DeploymentFailed, DeploymentRequested
from functions.deploy.adapters.memory import MemoryApplications, MemoryDeployments, MemoryQuotas, MemoryReleases
from functions.deploy.adapters.memory_cluster import MemoryCluster
from functions.deploy.commands.create_application import CreateApplication, CreatedApplication, create_application
from functions.deploy.commands.deploy import Deploy, RequestedDeployment, deploy
from functions.deploy.commands.destroy_application import DestroyApplication, destroy_application
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.names import Environment
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.handlers.every_ten_minutes_housekeeping import every_ten_minutes_housekeeping
from functions.deploy.handlers.on_application_destroyed import on_application_destroyed
from functions.deploy.handlers.on_build_succeeded import on_build_succeeded
from functions.deploy.handlers.on_deployment_failed import on_deployment_failed
from functions.deploy.handlers.on_deployment_requested import on_deployment_requested
from functions.deploy.handlers.on_deployment_timed_out import on_deployment_timed_out
from functions.deploy.handlers.on_object_updated import on_object_updated
from functions.deploy.ports import BuildSettings
from functions.kernel import Caller, Delayed, Done, Event, Origin
from tests.builder.conftest import ROOT

OWNER, STRANGER = Caller(uuid4()), Caller(uuid4())
REPOSITORY = "https://git.example.com/ada/hello.git"
COMMIT = "c0ffee" + "0" * 34
IMAGE = "capsule.local/apps/hello@sha256:" + "a" * 64
TEMPLATE = yaml.safe_load(yaml.safe_load((ROOT / "knative/base/build-job.yaml").read_text())["data"]["job.yaml"])


class StandingClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class PlainWork:
    """Gives what was recorded to the world, as the outbox does after the commit; nothing if the transaction fails."""

    said: list[Event | Delayed] = field(default_factory=list)
    open: bool = False
    origin: Origin | None = None

    def resumes(self, origin: Origin) -> None:
        self.origin = origin

    def emit(self, *events: Event | Delayed) -> None:
        self.said.extend(events)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator["PlainWork"]:
        assert not self.open, "a transaction inside of a transaction"
        self.open = True
        try:
            yield self
        finally:
            self.open = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with self._transaction():
            yield

    @asynccontextmanager
    async def preparing(self) -> AsyncIterator[None]:
        async with self._transaction():
            yield

    @asynccontextmanager
    async def recording(self) -> AsyncIterator["PlainWork"]:
        async with self._transaction() as work:
            yield work


class GuardedCluster(MemoryCluster):
    """Raises where the real one would: the network is never asked while a transaction is open."""

    def __init__(self) -> None:
        super().__init__()
        self.works: list[PlainWork] = []

    def _reach(self) -> None:
        assert not any(work.open for work in self.works), "the cluster was called inside of a transaction"
        super()._reach()


class FixedBuilds:
    def settings(self) -> BuildSettings:
        return BuildSettings(
            TEMPLATE, "capsule.local/apps", {"REPOSITORY_HOSTS": "", "BUILD_ENVIRONMENT": "PIP_INDEX_URL", "PIP_INDEX_URL": "https://m/"}
        )


class NoHousekeeping:
    async def sweep(self) -> None:
        """The runtime's own tables are not here."""


class World:
    def __init__(self) -> None:
        self.clock = StandingClock()
        self.quotas = MemoryQuotas()
        self.applications = MemoryApplications(self.quotas)
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
        asked = Deploy(application_id=application_id, environment=Environment(environment), ref=ref)
        done = await deploy(asked, self.applications, self.deployments, caller, Origin("correlation-1"), self.clock)
        self._told(done)
        return done.output

    async def destroy(self, application_id: UUID, caller: Caller = OWNER) -> None:
        asked = DestroyApplication(application_id=application_id)
        self._told(await destroy_application(asked, self.applications, self.deployments, self.quotas, caller, self.clock))

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
            case BuildSucceeded():
                await on_build_succeeded(event, self.deployments, self.releases, self.cluster, self.clock, work)
            case DeploymentTimedOut():
                await on_deployment_timed_out(event, self.deployments, self.releases, self.cluster, self.clock, work)
            case DeploymentFailed():
                await on_deployment_failed(event, self.deployments, self.releases, self.cluster, work)
            case ApplicationDestroyed():
                await on_application_destroyed(event, self.applications, self.cluster, work)
            case _:
                return
        self._say(work.said)

    async def housekeeping(self) -> None:
        work = PlainWork()
        await every_ten_minutes_housekeeping(NoHousekeeping(), self.deployments, self.releases, self.clock, work)
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


__all__ = ["COMMIT", "IMAGE", "OWNER", "REPOSITORY", "STRANGER", "World"]
