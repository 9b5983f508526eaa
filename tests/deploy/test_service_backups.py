"""Backups of data services: made by hand and by schedule, verified, kept as the policy says, restored, and deleted with their service."""

from uuid import UUID

import pytest

from events.backups import BackupCreated, BackupFailed, BackupMissed, BackupRestored, BackupVerified
from functions.deploy import ports
from functions.deploy.commands.add_external_data_service import AddExternalDataService
from functions.deploy.commands.create_data_service import CreateDataService
from functions.deploy.commands.create_service_backup import CreateServiceBackup
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.delete_service_backup import DeleteServiceBackup
from functions.deploy.commands.restore_data_service import RestoreDataService
from functions.deploy.commands.rotate_data_service import RotateDataService
from functions.deploy.commands.scale_data_service import ScaleDataService
from functions.deploy.commands.set_backup_policy import SetBackupPolicy
from functions.deploy.domain.data_service import GRACE
from functions.deploy.domain.data_service_rejections import DataServiceNotReady
from functions.deploy.domain.service_backup import MAX_BACKUPS, BackupState, BackupTrigger, RestoreState
from functions.deploy.domain.service_backup_rejections import (
    BackupInProgress,
    BackupNotComplete,
    BackupNotFound,
    InvalidBackupPolicy,
    NoBackups,
    TooManyBackups,
)
from functions.deploy.domain.service_backup_views import ServiceBackupView, ServiceRestoreView
from functions.deploy.ports import ServiceServerRefused
from functions.deploy.queries.backup_policy import ShowBackupPolicy
from functions.deploy.queries.data_services import ListDataServices
from functions.deploy.queries.service_backup import ShowServiceBackup
from functions.deploy.queries.service_backups import ListServiceBackups
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.memory.deploy_backups import MemoryServiceBackupStore


class BackedUp:
    """An application with a data service."""

    def __init__(self, capsule: DeployCapsule, application_id: UUID, service_id: UUID) -> None:
        self.capsule, self.application_id, self.service_id = capsule, application_id, service_id
        self.ids = {"application_id": application_id, "service_id": service_id}
        store = capsule.port(ports.ServiceBackupStore)
        assert isinstance(store, MemoryServiceBackupStore)
        self.store = store
        self.content = "first"

    @property
    def content(self) -> str:
        return self.store.content[self.service_id]

    @content.setter
    def content(self, text: str) -> None:
        self.store.content[self.service_id] = text

    async def backup(self) -> ServiceBackupView:
        accepted: ServiceBackupView = await self.capsule.call(CreateServiceBackup(**self.ids), caller=OWNER)
        await self.capsule.settle()
        return accepted

    async def listed(self) -> list[ServiceBackupView]:
        return list((await self.capsule.call(ListServiceBackups(**self.ids), caller=OWNER)).items)

    async def show(self, backup_id: UUID) -> ServiceBackupView:
        view: ServiceBackupView = await self.capsule.call(ShowServiceBackup(**self.ids, backup_id=backup_id), caller=OWNER)
        return view

    async def restore(self, backup_id: UUID, into: str | None = None) -> ServiceRestoreView:
        accepted: ServiceRestoreView = await self.capsule.call(RestoreDataService(**self.ids, backup_id=backup_id, into=into), caller=OWNER)
        await self.capsule.settle()
        return accepted

    async def restores(self) -> list[ServiceRestoreView]:
        return list((await self.capsule.call(ShowBackupPolicy(**self.ids), caller=OWNER)).restores)


@pytest.fixture
async def service() -> BackedUp:
    capsule = DeployCapsule()
    application_id = (await capsule.create()).id
    created = await capsule.call(CreateDataService(application_id=application_id, name="main"), caller=OWNER)
    await capsule.settle()
    return BackedUp(capsule, application_id, created.id)


async def test_a_backup_is_stored_and_verified(service: BackedUp) -> None:
    accepted = await service.backup()
    assert accepted.state is BackupState.RUNNING
    (view,) = await service.listed()
    assert (view.state, view.trigger, view.size_bytes) == (BackupState.COMPLETE, BackupTrigger.MANUAL, len("first"))
    assert view.verified_at is not None and view.verification_error is None
    (created,), (verified,) = service.capsule.events(BackupCreated), service.capsule.events(BackupVerified)
    assert created.name == verified.name == "main"


async def test_a_failure_is_recorded_with_its_reason(service: BackedUp) -> None:
    service.store.failures = [ServiceServerRefused("no space left")]
    backup = await service.backup()
    view = await service.show(backup.id)
    assert (view.state, view.error) == (BackupState.FAILED, "no space left")
    (failed,) = service.capsule.events(BackupFailed)
    assert (failed.step, failed.reason) == ("backup", "no space left")


async def test_a_backup_that_was_never_verified_says_why(service: BackedUp) -> None:
    service.store.verification_failures = [ServiceServerRefused("2 rows are missing")]
    backup = await service.backup()
    view = await service.show(backup.id)
    assert (view.state, view.verified_at, view.verification_error) == (BackupState.COMPLETE, None, "2 rows are missing")


async def test_a_restore_makes_a_safety_copy_first(service: BackedUp) -> None:
    backup = await service.backup()
    service.content = "second"
    restore = await service.restore(backup.id)
    assert restore.state is RestoreState.WAITING
    assert service.content == "first"
    (done,) = await service.restores()
    assert done.state is RestoreState.COMPLETE
    assert done.safety_backup_id is not None
    assert (await service.show(done.safety_backup_id)).trigger is BackupTrigger.SAFETY
    assert service.store.stored[service.service_id][done.safety_backup_id] == "second"
    (restored,) = service.capsule.events(BackupRestored)
    assert restored.safety_backup_id == done.safety_backup_id


async def test_without_a_safety_copy_nothing_is_restored(service: BackedUp) -> None:
    backup = await service.backup()
    service.content = "second"
    service.store.failures = [ServiceServerRefused("no space left")]
    await service.restore(backup.id)
    (failed,) = await service.restores()
    assert failed.state is RestoreState.FAILED
    assert failed.error == "The safety copy before it failed: no space left"
    assert service.content == "second"


async def test_a_restore_that_fails_says_why_and_may_be_repeated(service: BackedUp) -> None:
    backup = await service.backup()
    service.content = "second"
    service.store.restore_failures = [ServiceServerRefused("dump is damaged")]
    await service.restore(backup.id)
    assert [each.error for each in await service.restores()] == ["dump is damaged"]
    await service.capsule.advance(minutes=1)
    await service.restore(backup.id)
    assert service.content == "first"


async def test_a_backup_is_restored_into_a_new_service(service: BackedUp) -> None:
    backup = await service.backup()
    service.content = "second"
    restore = await service.restore(backup.id, into="copy")
    assert service.content == "second"
    assert service.store.content[restore.service_id] == "first"
    page = await service.capsule.call(ListDataServices(application_id=service.application_id), caller=OWNER)
    assert [(each.name, each.state) for each in page.items] == [("copy", "ready"), ("main", "ready")]


async def test_nothing_else_changes_a_service_while_a_backup_replaces_its_data(service: BackedUp) -> None:
    backup = await service.backup()
    rotate, scale = RotateDataService(**service.ids), ScaleDataService(**service.ids, plan="medium")
    restore = RestoreDataService(**service.ids, backup_id=backup.id)
    await service.capsule.call(restore, caller=OWNER)
    for each in (rotate, scale):
        with pytest.raises(DataServiceNotReady, match="A backup is being restored into main"):
            await service.capsule.call(each, caller=OWNER)
    await service.capsule.settle()
    await service.capsule.call(rotate, caller=OWNER)
    with pytest.raises(DataServiceNotReady, match="are being rotated"):
        await service.capsule.call(restore, caller=OWNER)
    await service.capsule.settle()


async def test_one_backup_runs_at_a_time(service: BackedUp) -> None:
    await service.capsule.call(CreateServiceBackup(**service.ids), caller=OWNER)
    with pytest.raises(BackupInProgress):
        await service.capsule.call(CreateServiceBackup(**service.ids), caller=OWNER)


async def test_only_a_complete_backup_is_restored(service: BackedUp) -> None:
    service.store.failures = [ServiceServerRefused("no")]
    failed = await service.backup()
    with pytest.raises(BackupNotComplete):
        await service.restore(failed.id)
    with pytest.raises(BackupNotFound):
        await service.restore(service.service_id)


async def test_it_is_backed_up_daily_by_default_and_as_the_policy_says(service: BackedUp) -> None:
    await service.capsule.housekeeping()
    await service.capsule.settle()
    policy = await service.capsule.call(ShowBackupPolicy(**service.ids), caller=OWNER)
    assert (policy.keep_count, policy.keep_days) == (14, 30)
    assert await service.listed() == []
    await service.capsule.advance(days=1)
    await service.capsule.housekeeping()
    await service.capsule.settle()
    assert [each.trigger for each in await service.listed()] == [BackupTrigger.SCHEDULE]
    await service.capsule.housekeeping()
    await service.capsule.settle()
    assert len(await service.listed()) == 1

    await service.capsule.call(SetBackupPolicy(**service.ids, schedule=None), caller=OWNER)
    await service.capsule.advance(days=3)
    await service.capsule.housekeeping()
    await service.capsule.settle()
    assert len(await service.listed()) == 1


async def test_a_backup_that_has_not_come_is_reported_with_the_reason(service: BackedUp) -> None:
    capsule = service.capsule
    await capsule.call(SetBackupPolicy(**service.ids, schedule="0 * * * *"), caller=OWNER)
    await capsule.advance(hours=1)
    await capsule.housekeeping()
    await capsule.settle()
    assert not capsule.events(BackupMissed) and len(await service.listed()) == 1

    await capsule.advance(hours=4)
    await capsule.housekeeping()
    (missed,) = capsule.events(BackupMissed)
    assert (missed.name, missed.reason) == ("main", "The platform was not running.")
    await capsule.settle()
    assert len(await service.listed()) == 2, "it began after that"

    await capsule.advance(hours=1)
    running = await capsule.call(CreateServiceBackup(**service.ids), caller=OWNER)
    await capsule.housekeeping()
    assert capsule.events(BackupMissed)[-1].reason == f"The backup of {running.requested_at:%Y-%m-%d %H:%M} UTC is still in progress."


async def test_older_backups_are_deleted_from_the_store(service: BackedUp) -> None:
    await service.capsule.call(SetBackupPolicy(**service.ids, schedule=None, keep_count=2, keep_days=10), caller=OWNER)
    first = await service.backup()
    for days in (1, 1, 30):
        await service.capsule.advance(days=days)
        newest = await service.backup()
    assert [each.id for each in await service.listed()] == [newest.id]
    assert list(service.store.stored[service.service_id]) == [newest.id]
    assert first.id != newest.id


@pytest.mark.parametrize(("schedule", "count"), [("* * * * *", 1), ("nonsense", 1), ("0 3 * * *", 0), ("0 0 31 2 *", 1)])
async def test_a_policy_that_makes_no_sense_is_refused(service: BackedUp, schedule: str, count: int) -> None:
    with pytest.raises(InvalidBackupPolicy):
        await service.capsule.call(SetBackupPolicy(**service.ids, schedule=schedule, keep_count=count), caller=OWNER)


async def test_a_lost_message_is_sent_again_and_a_lost_backup_fails(service: BackedUp) -> None:
    backup = await service.capsule.call(CreateServiceBackup(**service.ids), caller=OWNER)
    service.capsule.lose_messages()
    await service.capsule.advance(hours=3)
    await service.capsule.housekeeping()
    await service.capsule.settle()
    await service.capsule.settle()
    assert (await service.show(backup.id)).state is BackupState.COMPLETE

    lost = await service.capsule.call(CreateServiceBackup(**service.ids), caller=OWNER)
    service.capsule.lose_messages()
    await service.capsule.advance(hours=25)
    await service.capsule.housekeeping()
    await service.capsule.settle()
    assert (await service.show(lost.id)).error == "It has not ended within a day."


async def test_an_external_service_has_no_backups(service: BackedUp) -> None:
    added = await service.capsule.call(
        AddExternalDataService(application_id=service.application_id, name="other", url="postgresql://u:p@db.example.com/a"), caller=OWNER
    )
    with pytest.raises(NoBackups):
        await service.capsule.call(CreateServiceBackup(application_id=service.application_id, service_id=added.id), caller=OWNER)


async def test_backups_by_hand_are_limited(service: BackedUp) -> None:
    await service.capsule.call(SetBackupPolicy(**service.ids, schedule=None, keep_count=MAX_BACKUPS - 5, keep_days=366), caller=OWNER)
    service.store.failures = [ServiceServerRefused("no")] * MAX_BACKUPS
    for _ in range(MAX_BACKUPS):
        await service.backup()
    with pytest.raises(TooManyBackups):
        await service.backup()
    (oldest, *_) = reversed(await service.listed())
    await service.capsule.call(DeleteServiceBackup(**service.ids, backup_id=oldest.id), caller=OWNER)
    await service.capsule.settle()
    assert len(await service.listed()) == MAX_BACKUPS - 1


async def test_backups_are_deleted_with_their_service(service: BackedUp) -> None:
    await service.backup()
    await service.capsule.call(DeleteDataService(**service.ids), caller=OWNER)
    await service.capsule.settle()
    assert service.store.stored
    await service.capsule.advance(days=GRACE.days, minutes=1)
    await service.capsule.settle()
    assert not service.store.stored
