"""Start the Job of an inspection, or read how it ended."""

from events.deploy import InspectionRequested
from functions.deploy.domain.build_secret import BuildSecret
from functions.deploy.domain.inspection import Inspection
from functions.deploy.domain.inspection_job import inspection_job
from functions.deploy.domain.observation import CLUSTER_REFUSED, TIMED_OUT, BuildJobFailed
from functions.deploy.domain.registry_access import registry_access
from functions.deploy.domain.repository_access import RepositoryAccess
from functions.deploy.domain.tenancy import tenancy
from functions.deploy.ports import Builds, Cluster, ClusterRefused, Inspections, Networks, Vault
from functions.deploy.services.inspection_recorder import InspectionRecorder
from functions.kernel import Clock, Work, effect


@effect()
async def on_inspection_requested(
    event: InspectionRequested,
    inspections: Inspections,
    builds: Builds,
    networks: Networks,
    vault: Vault,
    recorder: InspectionRecorder,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        inspection = await inspections.find(event.inspection_id)
    if inspection is None or inspection.finished_at is not None:
        return
    if inspection.is_overdue(clock.now()):
        observed = await cluster.observe_inspection(inspection.namespace, inspection.name)
        await recorder.finish(inspection, observed or BuildJobFailed(TIMED_OUT, "The inspection took too long and was stopped."), work)
        return

    settings = builds.settings()
    secret = BuildSecret(credentials=_credentials(inspection, vault, settings.known_hosts))
    job = inspection_job(inspection, settings.template, settings.environment, secret)
    try:
        await cluster.apply(*tenancy(inspection.name, inspection.id, await networks.egress()), *registry_access(inspection.name, settings.registry))
        await cluster.apply_owned(job, secret.manifest(job))
    except ClusterRefused as refused:
        await recorder.finish(inspection, BuildJobFailed(CLUSTER_REFUSED, f"The cluster refused it: {refused}"), work)


def _credentials(inspection: Inspection, vault: Vault, known_hosts: str) -> dict[str, str]:
    access = RepositoryAccess(inspection.id, token=inspection.token)
    return access.credential_files(inspection.repository, vault.open, known_hosts)
