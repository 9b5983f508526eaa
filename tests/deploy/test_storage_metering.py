"""What applications store is measured once in an hour, every hour once, whatever the clock and its owners do."""

from datetime import timedelta
from uuid import UUID

import pytest

from events.auth import UserCreated
from events.storage import StorageMeasured
from functions.billing.queries.current_bill import BillView, CurrentBill
from functions.deploy import ports
from functions.deploy.commands.add_external_data_service import AddExternalDataService
from functions.deploy.commands.create_data_service import CreateDataService
from functions.deploy.commands.create_service_backup import CreateServiceBackup
from functions.deploy.commands.create_volume import CreateVolume
from functions.deploy.commands.create_volume_snapshot import CreateVolumeSnapshot
from functions.deploy.commands.delete_data_service import DeleteDataService
from functions.deploy.commands.delete_volume import DeleteVolume
from functions.deploy.commands.resize_volume import ResizeVolume
from functions.deploy.commands.undelete_volume import UndeleteVolume
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.storage_metering import MAX_WINDOW
from functions.deploy.domain.volume import GRACE
from functions.kernel import Caller
from tests.deploy.deploy_capsule import OWNER, DeployCapsule

HOUR = 3600


class Metered:
    """An application with storage that is measured."""

    def __init__(self, capsule: DeployCapsule, application_id: UUID) -> None:
        self.capsule, self.application_id = capsule, application_id

    async def measure(self, **later: float) -> list[StorageMeasured]:
        """Let time pass, then run housekeeping twice. Returns what was measured meanwhile."""
        before = len(self.capsule.events(StorageMeasured))
        await self.capsule.advance(**later)
        for _ in range(2):
            await self.capsule.housekeeping()
        return self.capsule.events(StorageMeasured)[before:]

    async def add_volume(self, size_mib: int = 1024, name: str = "uploads") -> UUID:
        request = CreateVolume(application_id=self.application_id, name=name, size_mib=size_mib)
        volume: UUID = (await self.capsule.call(request, caller=OWNER)).id
        await self.capsule.settle()
        return volume

    async def add_service(self, kind: ServiceKind, plan: str = "small") -> UUID:
        request = CreateDataService(application_id=self.application_id, name=f"{kind}", kind=kind, plan=plan)
        service: UUID = (await self.capsule.call(request, caller=OWNER)).id
        await self.capsule.settle()
        return service

    async def back_up(self, service_id: UUID) -> None:
        await self.capsule.call(CreateServiceBackup(application_id=self.application_id, service_id=service_id), caller=OWNER)
        await self.capsule.settle()

    async def delete_volume(self, volume_id: UUID) -> None:
        await self.capsule.call(DeleteVolume(application_id=self.application_id, volume_id=volume_id), caller=OWNER)
        await self.capsule.settle()


@pytest.fixture
async def metered(capsule: DeployCapsule) -> Metered:
    found = Metered(capsule, (await capsule.create()).id)
    await capsule.settle()
    return found


async def test_each_kind_of_storage_is_measured_by_its_plan_or_size(metered: Metered) -> None:
    await metered.add_volume(2048)
    await metered.add_service(ServiceKind.POSTGRES)
    await metered.add_service(ServiceKind.REDIS, "standard")
    external = {"application_id": metered.application_id, "name": "elsewhere", "url": "https://db.example.com/x"}
    await metered.capsule.call(AddExternalDataService(**external), caller=OWNER)
    began_at = metered.capsule.clock.now()
    [measured] = await metered.measure(minutes=90)
    assert (measured.window_from, measured.window_to) == (began_at, began_at + timedelta(minutes=90))
    assert (measured.application_id, measured.user_id, measured.application) == (metered.application_id, OWNER.user_id, "hello")
    assert measured.volume_mib_seconds == 2048 * 5400
    assert measured.database_mib_seconds == 1024 * 5400
    assert measured.redis_mib_seconds == 256 * 5400
    assert measured.backup_mib_seconds == 0


async def test_windows_follow_each_other_and_repeated_runs_measure_nothing(metered: Metered) -> None:
    await metered.add_volume()
    found = [each for minutes in (30, 30, 59, 1, 61, 10, 200) for each in await metered.measure(minutes=minutes)]
    assert [each.window_from for each in found[1:]] == [each.window_to for each in found[:-1]]
    assert len({each.usage_id for each in found}) == len(found)
    whole = (found[-1].window_to - found[0].window_from).total_seconds()
    assert sum(each.volume_mib_seconds for each in found) == 1024 * whole == 1024 * 391 * 60


async def test_what_was_deleted_is_measured_until_then_and_no_longer(metered: Metered) -> None:
    volume = await metered.add_volume()
    await metered.capsule.advance(minutes=20)
    await metered.delete_volume(volume)
    [measured] = await metered.measure(minutes=70)
    assert measured.volume_mib_seconds == 1024 * 20 * 60
    for _ in range(3):
        assert await metered.measure(hours=1) == []
    assert await metered.measure(days=GRACE.days) == [], "and nothing when it is purged"
    assert await metered.capsule.port(ports.StorageMeters).lock_due(metered.capsule.clock.now(), metered.capsule.clock.now(), 10) == []


async def test_a_volume_that_was_restored_after_its_deletion_is_measured_again_once(metered: Metered) -> None:
    volume = await metered.add_volume()
    await metered.measure(hours=1)
    await metered.delete_volume(volume)
    assert await metered.measure(hours=30) == []
    await metered.capsule.call(UndeleteVolume(application_id=metered.application_id, volume_id=volume), caller=OWNER)
    [measured] = await metered.measure(hours=1)
    assert measured.volume_mib_seconds == 1024 * HOUR, "the days without it are not measured"


async def test_a_resized_volume_has_its_new_size_from_the_window_on_in_which_it_grew(metered: Metered) -> None:
    volume = await metered.add_volume()
    await metered.measure(hours=1)
    request = ResizeVolume(application_id=metered.application_id, volume_id=volume, size_mib=2048)
    await metered.capsule.call(request, caller=OWNER)
    [measured] = await metered.measure(hours=1)
    assert measured.volume_mib_seconds == 2048 * HOUR


async def test_backups_and_snapshots_are_measured_by_what_they_take(metered: Metered) -> None:
    service, volume = await metered.add_service(ServiceKind.POSTGRES), await metered.add_volume()
    stored = metered.capsule.port(ports.Volumes)
    row = await stored.find(volume)
    row.used_bytes = 10 * 2**20
    await stored.save(row)
    await metered.capsule.call(CreateVolumeSnapshot(application_id=metered.application_id, volume_id=volume), caller=OWNER)
    await metered.back_up(service)
    [backup] = metered.capsule.port(ports.ServiceBackups).rows.values()
    backup.stored_bytes = 100 * 2**20
    [measured] = await metered.measure(hours=1)
    assert measured.backup_mib_seconds == 110 * HOUR

    request = DeleteDataService(application_id=metered.application_id, service_id=service)
    await metered.capsule.call(request, caller=OWNER)
    [measured] = await metered.measure(hours=1)
    assert (measured.database_mib_seconds, measured.backup_mib_seconds) == (0, 10 * HOUR), "backups end with their service"


async def test_a_wrong_clock_and_a_long_stop_measure_at_most_some_hours(metered: Metered) -> None:
    await metered.add_volume()
    await metered.measure(hours=1)
    [measured] = await metered.measure(days=3)
    assert measured.volume_mib_seconds == 1024 * MAX_WINDOW.total_seconds(), "Capsule was stopped meanwhile"
    metered.capsule.clock.at -= timedelta(minutes=5)
    assert await metered.measure() == [], "set back a little: waited for"
    [measured] = await metered.measure(minutes=65)
    assert measured.volume_mib_seconds == 1024 * HOUR
    metered.capsule.clock.at -= timedelta(days=2)
    assert await metered.measure() == [], "set back far: begun anew"
    [measured] = await metered.measure(hours=1)
    assert measured.volume_mib_seconds == 1024 * HOUR


async def test_storage_is_a_line_of_the_bill_and_counts_once() -> None:
    capsule = DeployCapsule("deploy", "billing")
    user = Caller(OWNER.user_id)
    await capsule.publish(UserCreated(user_id=user.user_id, email="ada@example.org", at=capsule.clock.now()))
    metered = Metered(capsule, (await capsule.create()).id)
    await capsule.settle()
    await metered.add_volume(2048)
    [measured] = await metered.measure(hours=1)
    for _ in range(2):
        await capsule.publish(measured)
    view: BillView = await capsule.call(CurrentBill(), caller=user)
    [line] = view.lines
    assert (line.environment, line.application, line.volume_mib_seconds, line.amount.amount) == ("", "hello", 2048 * HOUR, 0)
    [charge] = [each for each in view.charges if each.meter == "volume_mib_seconds"]
    assert (charge.quantity, charge.billable, charge.is_limit) == (2048 * HOUR, 0, False), "the free plan has quotas instead of prices"
