"""Record what autoscaling does when a Deployment changes."""

from typing import Any

from events.workloads import ProcessScalingObserved
from functions.deploy.domain.application import Application
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import application_of, namespace_of, process_of
from functions.deploy.domain.process_scaling import ScalingCause, ScalingReading, find_cause
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound
from functions.deploy.ports import Applications, Cluster, Deployments, Environments, ProcessScalings
from functions.kernel import Clock, Origin, Work

AUTOSCALED_KIND = "Deployment"


class ScalingRecorder:
    def __init__(
        self,
        applications: Applications,
        environments: Environments,
        deployments: Deployments,
        scalings: ProcessScalings,
        cluster: Cluster,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._environments = environments
        self._deployments = deployments
        self._scalings = scalings
        self._cluster = cluster
        self._clock = clock

    async def record(self, kind: str, namespace: str, name: str, work: Work) -> bool:
        """Return whether the object is the Deployment of a process type. Its change is reported some seconds later."""
        if kind != AUTOSCALED_KIND or application_of(namespace) is None:
            return False
        reading = await self._cluster.read_scaling(namespace, name)
        if reading is None:
            return True
        async with work.recording() as record:
            found = await self._find(reading)
            if found is None:
                return True
            application, environment = found
            scaling = await self._scalings.lock(
                application.id, environment.name, reading.process, environment.processes.of(reading.process).instances
            )
            record.emit(*scaling.observe(reading, _cause(environment, reading), self._clock.now()))
            await self._scalings.save(scaling)
        return True

    async def report(self, event: ProcessScalingObserved, work: Work) -> None:
        """Report a change that was observed some seconds ago. It belongs to the timeline of the deployment that serves."""
        async with work.reading():
            try:
                application = await self._applications.get_any(event.application_id)
                environment = await self._environments.get(application, event.environment)
            except (ApplicationNotFound, EnvironmentNotFound):
                return
            serving = await self._deployments.find_serving(environment)
        if serving is not None:
            work.resumes(Origin(serving.correlation_id, str(application.user_id)))
        name = process_of(application.name, environment.name, event.process)
        reading = await self._cluster.read_scaling(namespace_of(application.name), name)

        async with work.recording() as record:
            scaling = await self._scalings.lock(application.id, environment.name, event.process, environment.processes.of(event.process).instances)
            names: dict[str, Any] = {"application_id": application.id, "user_id": application.user_id, "application": application.name}
            cause = _cause(environment, reading) if reading is not None else None
            record.emit(*scaling.report(reading, cause, names, self._clock.now()))
            await self._scalings.save(scaling)

    async def _find(self, reading: ScalingReading) -> tuple[Application, Environment] | None:
        try:
            application = await self._applications.get_any(reading.application_id)
            return application, await self._environments.get(application, reading.environment)
        except (ApplicationNotFound, EnvironmentNotFound):
            return None  # deleted since


def _cause(environment: Environment, reading: ScalingReading) -> ScalingCause | None:
    size, default = environment.processes.of(reading.process), environment.size
    if size.autoscaling is None:
        return None
    limits = {"memory_mib": size.memory_mib or default.memory_mib, "cpu_millis": size.cpu_millis or default.cpu_millis}
    return find_cause(reading.autoscaler, size.autoscaling.metrics, **limits)
