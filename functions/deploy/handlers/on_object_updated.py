"""Observe what a changed object of the cluster belongs to.

The event only triggers the observation: the object's state is read from the cluster.
"""

from events.cluster import ObjectUpdated
from events.workloads import ProcessScalingObserved, ScheduledRunFailed, ScheduledRunSucceeded, WorkloadRefreshRequested
from functions.deploy.ports import Applications, Cluster, Deployments, Quotas, Releases, RepositoryAccesses
from functions.deploy.services.inspection_recorder import InspectionRecorder
from functions.deploy.services.run_recorder import RunRecorder
from functions.deploy.services.scaling_recorder import ScalingRecorder
from functions.deploy.services.schedule_recorder import ScheduleRecorder
from functions.deploy.services.transitions import OBSERVATION_EVENTS, apply_observation, learn_host_keys
from functions.deploy.services.workload_refresher import WorkloadRefresher
from functions.kernel import Clock, Origin, Work, effect


@effect(
    emits=[
        *OBSERVATION_EVENTS,
        *(WorkloadRefreshRequested, ScheduledRunSucceeded, ScheduledRunFailed, ProcessScalingObserved),
    ]
)
async def on_object_updated(
    event: ObjectUpdated,
    applications: Applications,
    deployments: Deployments,
    releases: Releases,
    quotas: Quotas,
    accesses: RepositoryAccesses,
    runs: RunRecorder,
    schedules: ScheduleRecorder,
    inspections: InspectionRecorder,
    scalings: ScalingRecorder,
    workloads: WorkloadRefresher,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    for recorder in (runs, schedules, inspections, scalings):
        if await recorder.record(event.kind, event.namespace, event.name, work):
            return
    async with work.reading():
        deployment = await deployments.find_by_object(event.kind, event.namespace, event.name)
    if deployment is None:
        return
    work.resumes(Origin(deployment.correlation_id, str(deployment.user_id)))

    watched = deployment.watched_object
    observation = await cluster.observe(watched)
    if observation is None:
        return

    async with work.recording() as record:
        deployment = await deployments.lock(deployment.id)
        await learn_host_keys(observation, deployment.application_id, applications, accesses)
        had_traffic, now = deployment.has_taken_traffic, clock.now()
        events = await apply_observation(deployment, watched, observation, releases, quotas, now)
        events += await workloads.rollout_events(deployment, had_traffic, now)
        await deployments.save(deployment)
        record.emit(*events)
