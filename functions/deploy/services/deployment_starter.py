"""Start a deployment: shared by deploy, promote, roll back, scale and both configuration commands."""

from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.deployment import Cause, Deployment
from functions.deploy.domain.environment import Environment, ObservationPolicy
from functions.deploy.domain.names import Ref
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    DeploymentInProgress,
    EnvironmentIsPaused,
    EnvironmentIsStopped,
    MemoryQuotaExceeded,
    OverQuota,
    SubscriptionSuspended,
    UsageExhausted,
)
from functions.deploy.domain.release import Release
from functions.deploy.ports import Deployments, Quotas
from functions.deploy.services.work_admission import admit_work
from functions.kernel import Clock, Events, Origin

REJECTIONS = (MemoryQuotaExceeded, OverQuota, UsageExhausted, SubscriptionSuspended, EnvironmentIsPaused, DeploymentInProgress)
"""What every command that starts a deployment declares, beside its own."""
GROWTH = frozenset({Cause.PROMOTION, Cause.START})
"""Causes, beside a deployment of a commit, after which more may run than before. A rollback, a restart, another configuration and a smaller size
stay possible above the limits. A larger size is growth too."""


class DeploymentStarter:
    """Reserves the environment's memory, freezes its settings and stores the deployment.

    Both methods return the deployment and the events to publish. Both raise EnvironmentIsStopped, EnvironmentIsPaused,
    SubscriptionSuspended, UsageExhausted, OverQuota, MemoryQuotaExceeded and DeploymentInProgress.
    """

    def __init__(self, deployments: Deployments, quotas: Quotas, policy: ObservationPolicy, clock: Clock) -> None:
        self._deployments = deployments
        self._quotas = quotas
        self._policy = policy
        self._clock = clock

    async def deploy_commit(self, application: Application, environment: Environment, ref: Ref | None, origin: Origin) -> tuple[Deployment, Events]:
        """Build a commit, or pull the application's image, and deploy it. `ref` None: the application's branch, or else
        the repository's default branch. Raises InvalidRef if the application has an image."""
        await self.reserve(application, environment, is_growth=True)
        self._check_runs(application, environment)
        deployment, events = Deployment.request(
            application,
            environment.name,
            application.ref_to_deploy(ref),
            environment.terms(self._policy, application),
            await self._deployments.find_serving(environment),
            correlation_id=origin.correlation_id,
            at=self._clock.now(),
        )
        deployment.started_by = UUID(origin.actor) if origin.actor else None
        await self._deployments.add(deployment)
        return deployment, events

    async def deploy_release(
        self, application: Application, environment: Environment, release: Release, cause: Cause, origin: Origin, *, is_larger: bool = False
    ) -> tuple[Deployment, Events]:
        """Deploy a stored release, without a build. `is_larger`: the environment has grown."""
        await self.reserve(application, environment, is_growth=is_larger or cause in GROWTH)
        self._check_runs(application, environment)
        deployment, events = Deployment.redeploy(
            application,
            environment.name,
            cause,
            release,
            environment.terms(self._policy, application),
            await self._deployments.find_serving(environment),
            correlation_id=origin.correlation_id,
            at=self._clock.now(),
        )
        deployment.started_by = UUID(origin.actor) if origin.actor else None
        await self._deployments.add(deployment)
        return deployment, events

    @staticmethod
    def _check_runs(application: Application, environment: Environment) -> None:
        if environment.is_paused:
            raise EnvironmentIsPaused.of(application.name, environment.name, str(environment.pause_reason))

    async def reserve(self, application: Application, environment: Environment, *, is_growth: bool) -> None:
        """Admit the work and reserve the environment's memory.

        Raises EnvironmentIsStopped, SubscriptionSuspended, UsageExhausted, OverQuota and MemoryQuotaExceeded.
        """
        if environment.is_stopped:
            raise EnvironmentIsStopped.of(application.name, environment.name)
        await admit_work(self._quotas, application.user_id, is_growth=is_growth)
        default_quota = Quota.default(application.user_id, self._clock.now())
        await self._quotas.reserve_memory(application, environment.name, environment.max_memory_mib, default_quota)
