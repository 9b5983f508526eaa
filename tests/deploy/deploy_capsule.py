"""The deploy context on the in-memory Capsule, with short forms of its commands and of what the cluster reports."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import yaml

from events.cluster import ObjectUpdated, RequestsMeasured, RequestWindow
from functions.deploy import ports
from functions.deploy.commands.cancel_deployment import CancelDeployment
from functions.deploy.commands.change_application import ChangeApplication
from functions.deploy.commands.configure_application import ConfigureApplication
from functions.deploy.commands.configure_environment import ConfigureEnvironment
from functions.deploy.commands.create_application import CreateApplication, CreatedApplicationView
from functions.deploy.commands.create_environment import CreateEnvironment
from functions.deploy.commands.delete_application import DeleteApplication
from functions.deploy.commands.delete_environment import DeleteEnvironment, EnvironmentDeletionAccepted
from functions.deploy.commands.deploy import Deploy
from functions.deploy.commands.promote import Promote
from functions.deploy.commands.restart_environment import RestartEnvironment
from functions.deploy.commands.roll_back import RollBack
from functions.deploy.commands.scale_environment import ScaleAccepted, ScaleEnvironment
from functions.deploy.commands.start_environment import StartEnvironment
from functions.deploy.commands.stop_environment import EnvironmentStopAccepted, StopEnvironment
from functions.deploy.domain.application_views import ApplicationSettingsView
from functions.deploy.domain.configuration_views import ConfigurationAccepted
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.deploy.domain.quota import Quota
from functions.kernel import Caller, Event
from tests.builder.conftest import ROOT
from tests.capsule import Capsule
from tests.memory.deploy import (
    MemoryApplications,
    MemoryConfigurations,
    MemoryEnvironments,
    MemoryQuotas,
    MemoryRepositoryAccesses,
)
from tests.memory.deploy_cluster import MemoryApplicationRequests, MemoryCluster
from tests.memory.deploy_releases import MemoryDeployments

OWNER, STRANGER = Caller(uuid4()), Caller(uuid4())
REPOSITORY = "https://git.example.com/ada/hello.git"
COMMIT = "c0ffee" + "0" * 34
IMAGE = "capsule.local/apps/hello@sha256:" + "a" * 64
OTHER_IMAGE = IMAGE.replace("a" * 64, "b" * 64)
TEMPLATE = yaml.safe_load(yaml.safe_load((ROOT / "knative/overlays/local/build-job.yaml").read_text())["data"]["job.yaml"])


class DeployCapsule(Capsule):
    def __init__(self, *names: str, settings: Mapping[str, str] | None = None, **options: Any) -> None:
        """`names`: of contexts, default deploy alone."""
        super().__init__(*(names or ("deploy",)), **options, settings={"CAPSULE_APPLICATION_URL": "http://{name}.localhost:7080", **(settings or {})})
        self.applications: MemoryApplications = self.port(ports.Applications)
        self.application_requests: MemoryApplicationRequests = self.port(ports.ApplicationRequests)
        self.cluster: MemoryCluster = self.port(ports.Cluster)
        self.configurations: MemoryConfigurations = self.port(ports.Configurations)
        self.deployments: MemoryDeployments = self.port(ports.Deployments)
        self.environments: MemoryEnvironments = self.port(ports.Environments)
        self.quotas: MemoryQuotas = self.port(ports.Quotas)
        self.accesses: MemoryRepositoryAccesses = self.port(ports.RepositoryAccesses)
        self.has_collector = True
        """A release is reported, without requests, when it has taken the traffic."""

    @property
    def last_event(self) -> Event:
        return self.published[-1].event

    # -- commands -----------------------------------------------------------------------------------------------------

    async def create(self, name: str = "hello", repository: str | None = REPOSITORY, caller: Caller = OWNER, **fields: Any) -> CreatedApplicationView:
        created: CreatedApplicationView = await self.call(CreateApplication(name=name, repository=repository, **fields), caller=caller)
        return created

    async def deploy(self, application_id: UUID, environment: str = "staging", ref: str | None = None, caller: Caller = OWNER) -> DeploymentAccepted:
        request = Deploy(application_id=application_id, environment=environment, ref=ref)
        accepted: DeploymentAccepted = await self.call(request, caller=caller)
        return accepted

    async def promote(self, application_id: UUID, from_: str, to: str, release: int | None = None) -> DeploymentAccepted:
        request = Promote.model_validate({"application_id": application_id, "from": from_, "to": to, "release": release})
        accepted: DeploymentAccepted = await self.call(request, caller=OWNER)
        return accepted

    async def roll_back(self, application_id: UUID, environment: str = "staging", release: int | None = None) -> DeploymentAccepted:
        request = RollBack(application_id=application_id, environment=environment, release=release)
        accepted: DeploymentAccepted = await self.call(request, caller=OWNER)
        return accepted

    async def scale(self, application_id: UUID, environment: str = "staging", **size: int) -> ScaleAccepted:
        request = ScaleEnvironment.model_validate({"application_id": application_id, "environment": environment, **size})
        accepted: ScaleAccepted = await self.call(request, caller=OWNER)
        return accepted

    async def restart(self, application_id: UUID, environment: str = "staging") -> DeploymentAccepted:
        accepted: DeploymentAccepted = await self.call(RestartEnvironment(application_id=application_id, environment=environment), caller=OWNER)
        return accepted

    async def stop(self, application_id: UUID, environment: str = "staging") -> EnvironmentStopAccepted:
        request = StopEnvironment(application_id=application_id, environment=environment)
        accepted: EnvironmentStopAccepted = await self.call(request, caller=OWNER)
        return accepted

    async def start(self, application_id: UUID, environment: str = "staging") -> DeploymentAccepted:
        accepted: DeploymentAccepted = await self.call(StartEnvironment(application_id=application_id, environment=environment), caller=OWNER)
        return accepted

    async def configure(self, application_id: UUID, environment: str | None = "staging", **fields: Any) -> ConfigurationAccepted:
        """`environment` None: the configuration of all environments."""
        fields["application_id"] = application_id
        accepted: ConfigurationAccepted = await self.call(
            ConfigureApplication.model_validate(fields)
            if environment is None
            else ConfigureEnvironment.model_validate({**fields, "environment": environment}),
            caller=OWNER,
        )
        return accepted

    async def change(self, application_id: UUID, **settings: Any) -> ApplicationSettingsView:
        request = ChangeApplication(application_id=application_id, **settings)
        view: ApplicationSettingsView = await self.call(request, caller=OWNER)
        return view

    async def cancel(self, deployment: Deployment) -> None:
        await self.call(CancelDeployment(application_id=deployment.application_id, deployment_id=deployment.id), caller=OWNER)

    async def create_environment(self, application_id: UUID, name: str) -> None:
        await self.call(CreateEnvironment(application_id=application_id, name=name), caller=OWNER)

    async def delete_environment(self, application_id: UUID, name: str) -> EnvironmentDeletionAccepted:
        request = DeleteEnvironment(application_id=application_id, environment=name)
        accepted: EnvironmentDeletionAccepted = await self.call(request, caller=OWNER)
        return accepted

    async def delete(self, application_id: UUID, caller: Caller = OWNER) -> None:
        await self.call(DeleteApplication(application_id=application_id), caller=caller)

    async def memory_used_mib(self, caller: Caller = OWNER) -> int:
        quota = await self.quotas.find(caller.user_id)
        return quota.memory_used_mib if quota else 0

    async def set_quota(self, applications: int, memory_mib: int) -> None:
        await self.quotas.set(Quota(OWNER.user_id, applications, memory_mib, self.clock.now()))

    # -- what the cluster reports -------------------------------------------------------------------------------------

    async def start_build(self, environment: str = "staging") -> Deployment:
        """Create an application and deploy it, up to its running build."""
        application = await self.create()
        accepted = await self.deploy(application.id, environment)
        await self.settle()
        return await self.deployments.get(accepted.id)

    async def finish_build(self, deployment: Deployment, report: Any = None, **outcome: Any) -> Deployment:
        """`report`: the termination message. `outcome`: as for `MemoryCluster.job_ended`."""
        message = report if isinstance(report, str) or report is None else json.dumps(report)
        self.cluster.job_ended(deployment.namespace, deployment.build_job, message, **outcome)
        await self.update_object("Job", deployment.namespace, deployment.build_job)
        return await self.deployments.get(deployment.id)

    async def succeed_build(self, deployment: Deployment, image: str = IMAGE) -> Deployment:
        return await self.finish_build(deployment, {"image": image, "commit": COMMIT, "kind": "python"})

    async def fail_build(self, deployment: Deployment, reason: str = "build-failed", detail: str = "no") -> Deployment:
        return await self.finish_build(deployment, {"reason": reason, "detail": detail, "commit": COMMIT}, code=1)

    async def set_service_status(self, deployment: Deployment, status: str, **condition: Any) -> Deployment:
        self.cluster.service_became(deployment.namespace, deployment.service, status, **condition)
        await self.update_object("Service", deployment.namespace, deployment.service)
        changed = await self.deployments.get(deployment.id)
        return await self.report_no_requests(changed) if changed.status == "observing" and self.has_collector else changed

    async def become_ready(self, deployment: Deployment) -> Deployment:
        return await self.set_service_status(deployment, "True")

    async def first_release(self) -> Deployment:
        """Create an application and release it to staging, including the observation."""
        return await self.complete((await self.start_build()).id)

    async def release(self, application_id: UUID | None = None, environment: str = "staging", image: str = IMAGE) -> Deployment:
        """Deploy successfully, including the observation."""
        accepted = await self.deploy(application_id or (await self.create()).id, environment)
        return await self.complete(accepted.id, image)

    async def complete(self, deployment_id: UUID, image: str = IMAGE) -> Deployment:
        """Let the remaining steps of a deployment succeed."""
        await self.settle()
        deployment = await self.deployments.get(deployment_id)
        if deployment.status == "building":
            deployment = await self.succeed_build(deployment, image)
        if deployment.status == "preparing":
            self.cluster.job_ended(deployment.namespace, deployment.release_job, None)
            await self.update_object("Job", deployment.namespace, deployment.release_job)
            deployment = await self.deployments.get(deployment_id)
        if deployment.status == "releasing":
            deployment = await self.become_ready(deployment)
        if deployment.status == "observing":
            await self.advance(seconds=deployment.terms.observation_seconds + 1)
            deployment = await self.deployments.get(deployment_id)
        return deployment

    async def report_no_requests(self, deployment: Deployment) -> Deployment:
        """As the collector reports an observed release that nobody has requested."""
        return await self.measure_requests(deployment, 0, 0)

    async def measure_requests(self, deployment: Deployment, status: int, count: int) -> Deployment:
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
        await self.publish(RequestsMeasured(windows=[window]))
        return await self.deployments.get(deployment.id)

    async def update_object(self, kind: str, namespace: str, name: str, correlation_id: str = "cluster-event") -> None:
        await self.publish(ObjectUpdated(kind=kind, namespace=namespace, name=name), correlation_id=correlation_id)

    async def housekeeping(self) -> None:
        await self.run("deploy.housekeeping")

    def service(self, deployment: Deployment) -> Any:
        """The applied Service of the deployment's environment; None if there is none."""
        return self.cluster.objects.get(("Service", deployment.namespace, deployment.service))

    def lose_messages(self) -> None:
        """Drop queued and delayed messages, as a broker failure would."""
        self.forget_queued()
