"""Review the standing of an account, and pause or resume its environments."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from events.deploy import AccountReviewRequested
from functions.deploy.domain.application import Application
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.standing import GracePolicy, RunningEnvironment, Standing, environments_to_pause
from functions.deploy.ports import Applications, Deployments, Environments, Quotas
from functions.deploy.services.configuration_changer import ConfigurationChanger
from functions.kernel import Clock, Events, Origin, OutgoingMessage, after


@dataclass(frozen=True, slots=True)
class Workload:
    """An environment with what is in progress there."""

    application: Application
    environment: Environment
    deployments: Sequence[Deployment]

    @property
    def key(self) -> tuple[UUID, str]:
        return self.application.id, self.environment.name


@dataclass(frozen=True, slots=True)
class AccountReviewer:
    applications: Applications
    environments: Environments
    deployments: Deployments
    quotas: Quotas
    changer: ConfigurationChanger
    policy: GracePolicy
    clock: Clock

    async def review(self, user_id: UUID, origin: Origin) -> Events:
        """Bring the account to the state that its quota, usage and subscription ask for. Idempotent.

        Locks the applications, then the quota, as every command does.
        """
        quota = await self.quotas.find(user_id)
        if quota is None or (quota.restriction is None and quota.standing.restriction is None):
            return ()
        workloads = [each for application in await self.applications.lock_all(user_id) for each in await self._workloads(application)]
        quota = await self.quotas.lock(user_id)
        assert quota is not None, "a quota is never deleted"
        now = self.clock.now()
        standing, announced = quota.review(self.policy, now)
        events: list[OutgoingMessage] = [*announced]
        if standing != quota.standing:
            await self.quotas.save_standing(user_id, standing)
            if standing.pauses_at is not None and not standing.is_paused:
                events.append(after(standing.pauses_at - now, AccountReviewRequested(user_id=user_id)))
        running = [_running(each.environment) for each in workloads if not each.environment.is_stopped]
        to_pause = environments_to_pause(standing, running, quota.applications, quota.memory_mib)
        for each in workloads:
            events.extend(await (self._pause(each, quota, standing) if each.key in to_pause else self._resume(each, origin)))
        return tuple(events)

    async def _workloads(self, application: Application) -> list[Workload]:
        running = await self.deployments.lock_running(application.id)
        found = []
        for environment in await self.environments.list_all(application):
            in_progress = [each for each in running if each.environment == environment.name]
            if environment.is_paused or in_progress or await self.deployments.find_serving(environment) is not None:
                found.append(Workload(application, environment, in_progress))
        return found

    async def _pause(self, workload: Workload, quota: Quota, standing: Standing) -> Events:
        assert standing.restriction is not None, "only a restricted account is paused"
        now, events = self.clock.now(), list[OutgoingMessage]()
        for deployment in workload.deployments:
            events.extend(deployment.interrupt(standing.restriction, quota.describe(standing.restriction), now))
            await self.deployments.save(deployment)
        if await self.deployments.find_serving(workload.environment) is None:
            return tuple(events)
        events.extend(workload.environment.pause(workload.application, standing.restriction, now))
        await self.environments.save(workload.environment)
        return tuple(events)

    async def _resume(self, workload: Workload, origin: Origin) -> Events:
        events = workload.environment.resume(workload.application, self.clock.now())
        if not events:
            return ()
        await self.environments.save(workload.environment)
        return events + await self.changer.catch_up(workload.application, workload.environment, origin)


def _running(environment: Environment) -> RunningEnvironment:
    return RunningEnvironment(environment.application_id, environment.name, environment.created_at, environment.max_memory_mib, environment.is_paused)
