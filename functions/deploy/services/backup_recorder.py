"""Start backups, also those that are due, and record how they ended."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.data_service import DataService
from functions.deploy.domain.service_backup import (
    LATE_AFTER,
    LOST_AFTER,
    MAX_BACKUPS,
    STORAGE_FACTOR,
    STUCK_AFTER,
    BackupPolicy,
    BackupState,
    BackupTrigger,
    ServiceBackup,
    backup_missed,
    require_backups,
)
from functions.deploy.domain.service_backup_rejections import BackupInProgress, NoBackups, TooManyBackups
from functions.deploy.domain.service_plans import PLANS, ServiceAddresses
from functions.deploy.domain.storage_amounts import StorageAmounts
from functions.deploy.domain.storage_rejections import BackupQuotaExceeded
from functions.deploy.ports import Applications, DataServices, ServiceBackups
from functions.deploy.services.storage_admission import StorageAdmission
from functions.kernel import Clock, Events, OutgoingMessage

BATCH_SIZE = 100
LOST = "It has not ended within a day."


@dataclass(frozen=True, slots=True)
class BackupRecorder:
    applications: Applications
    services: DataServices
    backups: ServiceBackups
    admission: StorageAdmission
    addresses: ServiceAddresses
    clock: Clock

    async def start(self, service: DataService, owner: UUID, trigger: BackupTrigger) -> tuple[ServiceBackup, Events]:
        """Raises DataServiceNotReady, NoBackups, BackupInProgress and TooManyBackups."""
        service.require_ready()
        require_backups(service, self.addresses)
        stored = await self.backups.list_of(service.id)
        if any(each.state is BackupState.RUNNING for each in stored):
            raise BackupInProgress.of(service.name)
        limit_mib = PLANS[service.kind][service.plan].storage_mib * STORAGE_FACTOR
        if trigger is not BackupTrigger.SCHEDULE:  # those of the schedule are limited by the policy
            if len(stored) >= MAX_BACKUPS:
                raise TooManyBackups.of(service.name, str(MAX_BACKUPS))
            if sum(each.stored_bytes for each in stored) >= limit_mib * 2**20:
                raise TooManyBackups.of(service.name, f"{limit_mib} MiB")
        backup, events = ServiceBackup.request(service, trigger, owner, self.clock.now())
        await self.backups.add(backup)
        return backup, events

    async def fail(self, backup_id: UUID, reason: str) -> Events:
        """Record that a backup failed, and with it the restore that waits for it. Returns the events. Idempotent."""
        backup = await self.backups.lock(backup_id)
        if backup is None:
            return ()
        service, application = await self._of(backup)
        events: list[OutgoingMessage] = [*backup.fail(service.name, application.user_id, reason, self.clock.now())]
        await self.backups.save(backup)
        if (restore := await self.backups.lock_restore_after(backup.id)) is not None:
            reason = f"The safety copy before it failed: {reason}"
            events.extend(restore.fail(service.name, application.user_id, reason, self.clock.now()))
            await self.backups.save_restore(restore)
        return tuple(events)

    async def complete(self, backup_id: UUID, size_bytes: int, stored_bytes: int) -> Events:
        """Record that a backup is stored, start the restore that waits for it, and delete what the policy no longer keeps."""
        backup = await self.backups.lock(backup_id)
        if backup is None:
            return ()
        service, application = await self._of(backup)
        events: list[OutgoingMessage] = [*backup.complete(service.name, application.user_id, size_bytes, stored_bytes, self.clock.now())]
        await self.backups.save(backup)
        if (restore := await self.backups.lock_restore_after(backup.id)) is not None:
            events.extend(restore.begin(application.user_id))
            await self.backups.save_restore(restore)
            return tuple(events)  # the backup that it restores may be the oldest
        policy = await self.backups.find_policy(service.id) or BackupPolicy.default(service, self.clock.now())
        for each in policy.expired(await self.backups.list_of(service.id), self.clock.now()):
            events.extend(each.delete())
            await self.backups.save(each)
        return tuple(events)

    async def find_due(self) -> Events:
        """For housekeeping: backups that are due, deletions and backups whose messages were lost, and those that are lost themselves."""
        now, events = self.clock.now(), list[OutgoingMessage]()
        for service in await self.backups.list_without_policy(BATCH_SIZE):
            await self.backups.save_policy(BackupPolicy.default(service, now))
        for policy in await self.backups.lock_due_policies(now, BATCH_SIZE):
            expected_at = policy.next_at or now
            policy.advance(now)
            await self.backups.save_policy(policy)
            events.extend(await self._start_scheduled(policy, expected_at))
        for backup in await self.backups.list_unfinished(now - STUCK_AFTER, BATCH_SIZE):
            if backup.state is BackupState.DELETING:
                events.extend(backup.delete())
            elif backup.requested_at < now - LOST_AFTER:
                events.extend(await self.fail(backup.id, LOST))
            else:
                _, application = await self._of(backup)
                events.append(backup.request_event(application.user_id))
        for restore in await self.backups.list_unfinished_restores(now - STUCK_AFTER, BATCH_SIZE):
            target = await self.services.find(restore.service_id)
            application = await self.applications.get_any(restore.application_id)
            if restore.requested_at < now - LOST_AFTER and target is not None:
                events.extend(restore.fail(target.name, application.user_id, LOST, now))
                await self.backups.save_restore(restore)
            elif restore.state == "running":
                events.append(restore.request_event(application.user_id))
        return tuple(events)

    async def _start_scheduled(self, policy: BackupPolicy, expected_at: datetime) -> Events:
        service = await self.services.lock_any(policy.service_id)
        if service is None or service.is_deleted or service.ready_at is None:
            return ()
        try:
            require_backups(service, self.addresses)
        except NoBackups:
            return ()
        application = await self.applications.get_any(service.application_id)
        now = self.clock.now()
        running = next((each for each in await self.backups.list_of(service.id) if each.state is BackupState.RUNNING), None)
        if running is not None:
            reason = f"The backup of {running.requested_at:%Y-%m-%d %H:%M} UTC is still in progress."
            return (backup_missed(service, application.user_id, expected_at, reason, now),)
        try:
            await self.admission.require_room(application.user_id, StorageAmounts(backups=1))
        except BackupQuotaExceeded as refused:  # a backup that failed, so that its owner is informed
            backup, _ = ServiceBackup.request(service, BackupTrigger.SCHEDULE, application.user_id, now)
            events = backup.fail(service.name, application.user_id, refused.detail, now)
            await self.backups.add(backup)
            return events
        _, events = await self.start(service, application.user_id, BackupTrigger.SCHEDULE)
        if now - expected_at <= LATE_AFTER:
            return events
        return (backup_missed(service, application.user_id, expected_at, "The platform was not running.", now), *events)

    async def _of(self, backup: ServiceBackup) -> tuple[DataService, Application]:
        service = await self.services.find(backup.service_id)
        assert service is not None, "rows of services are kept"
        return service, await self.applications.get_any(backup.application_id)
