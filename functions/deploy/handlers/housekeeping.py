"""Resume stuck deployments, cancel commands without a client.

Ends grace periods with a lost reminder, also of data services and volumes, and inspections whose end was not noticed, reports missed runs of
schedules, checks domains, orders certificates and starts backups of data services that are due, measures storage once in an hour, erases
applications a week after their deletion, and runs the runtime's clean-up.
"""

from datetime import timedelta

from events.backups import BackupFailed, BackupMissed, BackupPurgeRequested, BackupRequested, DataServiceRestoreRequested
from events.data_services import DataServiceCredentialsExpired, DataServiceMeasurementRequested, DataServicePurgeRequested
from events.deploy import AccountReviewRequested, InspectionRequested
from events.deployments import DeploymentPreparationStarted, DeploymentReleaseStarted, DeploymentRequested, DeploymentRollbackStarted
from events.domains import DomainCertificateRequested, DomainCheckRequested, DomainRenewalInfoRequested
from events.storage import StorageMeasured
from events.volumes import VolumeMeasurementRequested, VolumePurgeRequested
from events.workloads import RunCancelled, ScheduledRunMissed
from functions.deploy.domain.deployment import DeploymentTimedOut
from functions.deploy.domain.deployment.events import resent_events
from functions.deploy.domain.inspection import KEPT
from functions.deploy.domain.inspection import STUCK_AFTER as INSPECTION_STUCK_AFTER
from functions.deploy.domain.run import CLIENT_TIMEOUT
from functions.deploy.ports import (
    Applications,
    CertificatePolicy,
    DataServices,
    Deployments,
    Domains,
    Housekeeping,
    Inspections,
    Operations,
    Quotas,
    Runs,
    Volumes,
)
from functions.deploy.services.backup_recorder import BackupRecorder
from functions.deploy.services.schedule_recorder import ScheduleRecorder
from functions.deploy.services.storage_metering import StorageMetering
from functions.kernel import Clock, Work, every
from functions.kernel.sagas import STUCK_AFTER

BATCH_SIZE = 100
MAX_MEASURED = 1000
"""Databases, and volumes. What is beyond has its turn ten minutes later."""
INTERVAL_SECONDS = 600
CHECK_DELAY = timedelta(minutes=2)
"""How late the reminders of checks are repeated."""
MAX_ORDERS = 20
"""Of certificates, at once: a directory limits the orders of an account (Let's Encrypt: 300 in three hours)."""
REMINDER_DELAY = timedelta(minutes=10)
"""How late the reminders of data services are repeated: they may have been lost."""
RUN_RETENTION = timedelta(days=30)
"""Also of operations."""
DELETED_APPLICATION_RETENTION = timedelta(days=7)
"""Messages about a deleted application may arrive until then."""


@every(
    "*/10 * * * *",
    emits=[
        *(AccountReviewRequested, DeploymentRequested, DeploymentPreparationStarted),
        *(DeploymentReleaseStarted, DeploymentRollbackStarted, DeploymentTimedOut, RunCancelled, InspectionRequested, ScheduledRunMissed),
        *(DomainCheckRequested, DomainCertificateRequested, DomainRenewalInfoRequested),
        *(BackupFailed, BackupMissed, BackupPurgeRequested, BackupRequested, DataServiceRestoreRequested),
        *(DataServicePurgeRequested, DataServiceCredentialsExpired, DataServiceMeasurementRequested),
        *(VolumeMeasurementRequested, VolumePurgeRequested, StorageMeasured),
    ],
)
async def housekeeping(
    housekeeping: Housekeeping,
    applications: Applications,
    deployments: Deployments,
    quotas: Quotas,
    operations: Operations,
    runs: Runs,
    inspections: Inspections,
    schedules: ScheduleRecorder,
    services: DataServices,
    domains: Domains,
    policy: CertificatePolicy,
    volumes: Volumes,
    backups: BackupRecorder,
    metering: StorageMetering,
    clock: Clock,
    work: Work,
) -> None:
    await housekeeping.sweep()
    turn = int(clock.now().timestamp()) // INTERVAL_SECONDS

    async with work.reading():
        stuck = await deployments.list_stuck(due_before=clock.now() - STUCK_AFTER, limit=BATCH_SIZE)
        overdue = await inspections.list_overdue(clock.now() - INSPECTION_STUCK_AFTER, BATCH_SIZE)
        due = await services.list_due(clock.now() - REMINDER_DELAY, BATCH_SIZE)
        databases = await services.list_stored(MAX_MEASURED, turn)
        to_check = await domains.list_to_check(clock.now() - CHECK_DELAY, BATCH_SIZE)
        to_issue = await domains.list_to_issue(clock.now(), MAX_ORDERS) if policy.is_issued else ()
        to_ask = await domains.list_to_ask(clock.now(), BATCH_SIZE) if policy.directory else ()
        due_volumes = await volumes.list_due(clock.now() - REMINDER_DELAY, BATCH_SIZE)
        stored_volumes = await volumes.list_stored(MAX_MEASURED, turn)
        to_pause = await quotas.list_to_pause(clock.now(), BATCH_SIZE)

    async with work.recording() as record:
        await runs.delete_before(clock.now() - RUN_RETENTION)
        await operations.delete_before(clock.now() - RUN_RETENTION)
        await applications.erase_deleted(clock.now() - DELETED_APPLICATION_RETENTION, BATCH_SIZE)
        await inspections.delete_before(clock.now() - KEPT)
        record.emit(*(InspectionRequested(inspection_id=each.id, user_id=each.team_id, at=each.requested_at) for each in overdue))
        for deployment in stuck:
            record.emit(*resent_events(deployment))
        record.emit(*await schedules.find_missed())
        record.emit(*await backups.find_due())
        record.emit(*await metering.measure())
        record.emit(*(AccountReviewRequested(user_id=each) for each in to_pause))
        record.emit(*(each.purge_request() if each.is_deleted else each.expiry() for each in due))
        record.emit(*(each.measurement_request() for each in databases))
        await domains.delete_orders_before(clock.now() - timedelta(days=7))
        record.emit(*(DomainCheckRequested(domain_id=each) for each in to_check))
        record.emit(*(DomainCertificateRequested(domain_id=each) for each in to_issue))
        record.emit(*(DomainRenewalInfoRequested(domain_id=each) for each in to_ask))
        record.emit(*(each.measurement_request() for each in stored_volumes))
        record.emit(*(each.purge_request() for each in due_volumes))
        for run in await runs.lock_waiting(clock.now() - CLIENT_TIMEOUT, BATCH_SIZE):
            record.emit(*run.cancel(clock.now()))
            await runs.save(run)
