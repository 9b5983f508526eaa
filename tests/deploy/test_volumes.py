"""Volumes: created, resized, measured, deleted and restored, on the in-memory Capsule."""

from datetime import timedelta

import pytest

from events.volumes import VolumeDeleted, VolumeFilled, VolumeMeasurementRequested, VolumeResized, VolumeRestored
from functions.deploy.commands.delete_application import DeleteApplication
from functions.deploy.commands.delete_environment import DeleteEnvironment
from functions.deploy.commands.delete_volume import DeleteVolume
from functions.deploy.commands.detach_volume import DetachVolume
from functions.deploy.commands.resize_volume import ResizeVolume
from functions.deploy.commands.undelete_volume import UndeleteVolume
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.storage_rejections import VolumeQuotaExceeded
from functions.deploy.domain.volume import GRACE, VolumeState
from functions.deploy.domain.volume_rejections import (
    InvalidVolume,
    VolumeIsAttached,
    VolumeNameTaken,
    VolumeNotDeleted,
    VolumeNotFound,
    VolumeNotReady,
)
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.queries.volume import ShowVolume
from functions.deploy.queries.volumes import ListVolumes
from tests.deploy.deploy_capsule import OWNER, STRANGER, DeployCapsule
from tests.deploy.volumes import attach, create, mounts, show, storage


async def test_the_plan_limits_the_volumes_of_an_account(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    first = await create(capsule, serving.application_id)
    with pytest.raises(VolumeNameTaken):
        await create(capsule, serving.application_id, size_mib=64)
    with pytest.raises(VolumeQuotaExceeded):
        await create(capsule, serving.application_id, "second", 1025)
    with pytest.raises(InvalidVolume):
        await create(capsule, serving.application_id, "small", 1)
    with pytest.raises(VolumeQuotaExceeded):
        await capsule.call(ResizeVolume(application_id=serving.application_id, volume_id=first.id, size_mib=2049), caller=OWNER)
    with pytest.raises(InvalidVolume):
        await capsule.call(ResizeVolume(application_id=serving.application_id, volume_id=first.id, size_mib=64), caller=OWNER)
    await capsule.call(ResizeVolume(application_id=serving.application_id, volume_id=first.id, size_mib=2048), caller=OWNER)
    await capsule.settle()
    [claim] = storage(capsule).claims.values()
    assert claim["spec"]["resources"]["requests"]["storage"] == "2048Mi"


async def test_what_the_storage_refuses_fails_with_its_reason(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    storage(capsule).refusal = "this machine's disk has no room for 1.0 GiB"
    accepted = await create(capsule, serving.application_id)
    operation = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
    assert operation.problem is not None and "no room" in operation.problem.detail
    view = await show(capsule, serving.application_id)
    assert view.state is VolumeState.FAILED and view.error is not None and "no room" in view.error
    with pytest.raises(VolumeNotReady):
        await attach(capsule, serving.application_id, accepted.id)
    await capsule.call(DeleteVolume(application_id=serving.application_id, volume_id=accepted.id), caller=OWNER)
    await capsule.settle()
    assert (await capsule.call(ListVolumes(application_id=serving.application_id), caller=OWNER)).items == [], "it has no files, so no grace period"


async def test_a_deleted_volume_is_restored_within_its_grace_period(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await attach(capsule, serving.application_id, accepted.id)).operation_id)
    ids = {"application_id": serving.application_id, "volume_id": accepted.id}
    with pytest.raises(VolumeIsAttached):
        await capsule.call(DeleteVolume(**ids), caller=OWNER)
    redeployed = await capsule.complete((await capsule.call(DetachVolume(**ids), caller=OWNER)).operation_id)
    assert mounts(capsule.service(redeployed)) == {}

    await capsule.call(DeleteVolume(**ids), caller=OWNER)
    assert len(capsule.events(VolumeDeleted)) == 1 and storage(capsule).claims
    await capsule.call(UndeleteVolume(**ids), caller=OWNER)
    assert (await show(capsule, serving.application_id)).state is VolumeState.READY and len(capsule.events(VolumeRestored)) == 1

    await capsule.call(DeleteVolume(**ids), caller=OWNER)
    await capsule.advance(seconds=(GRACE + timedelta(minutes=1)).total_seconds())
    assert not storage(capsule).claims
    with pytest.raises((VolumeNotFound, VolumeNotDeleted)):
        await capsule.call(UndeleteVolume(**ids), caller=OWNER)


async def test_a_volume_that_cannot_grow_shows_what_it_has_and_why_and_the_request_may_be_repeated(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    request = ResizeVolume(application_id=application.id, volume_id=accepted.id, size_mib=2048)
    storage(capsule).refusal = "this machine's disk has no room for 1.0 GiB"
    growing = await capsule.call(request, caller=OWNER)
    assert (growing.size_mib, growing.requested_size_mib) == (1024, 2048)
    with pytest.raises(VolumeNotReady, match="uploads is growing to 2048 MiB"):
        await capsule.call(request, caller=OWNER)
    await capsule.settle()
    capsule.dead_letters.clear()
    failed = await show(capsule, application.id)
    assert (failed.size_mib, failed.requested_size_mib, failed.state) == (1024, 2048, "ready")
    assert "no room for 1.0 GiB" in (failed.error or "") and not capsule.events(VolumeResized)

    storage(capsule).refusal = None
    await capsule.call(request, caller=OWNER)
    await capsule.settle()
    grown = await show(capsule, application.id)
    assert (grown.size_mib, grown.requested_size_mib, grown.error) == (2048, None, None) and len(capsule.events(VolumeResized)) == 1


async def test_a_change_that_the_cluster_finishes_later_is_recorded(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    storage(capsule).refusal = "no room"
    await capsule.call(ResizeVolume(application_id=application.id, volume_id=accepted.id, size_mib=2048), caller=OWNER)
    await capsule.settle()
    capsule.dead_letters.clear()
    storage(capsule).refusal = None
    await capsule.publish(VolumeMeasurementRequested(volume_id=accepted.id, application_id=application.id))
    found = await show(capsule, application.id)
    assert (found.size_mib, found.requested_size_mib, found.error) == (2048, None, None)


async def test_the_owner_is_notified_once_when_it_is_nearly_full_and_once_when_it_is_full(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id, size_mib=1000)
    filled = []
    for used_mib in (100, 910, 950, 995, 999, 920, 500, 930):
        storage(capsule).used_bytes = used_mib << 20
        await capsule.housekeeping()
        filled.append([each.percent for each in capsule.events(VolumeFilled)])
    assert filled[1] == [90] and filled[2] == [90] and filled[3] == [90, 100] and filled[6] == [90, 100] and filled[7] == [90, 100, 90]
    view = await capsule.call(ShowVolume(application_id=serving.application_id, volume_id=accepted.id), caller=OWNER)
    assert view.used_bytes == 930 << 20


async def test_strangers_have_no_volume(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    with pytest.raises(ApplicationNotFound):
        await capsule.call(ShowVolume(application_id=serving.application_id, volume_id=accepted.id), caller=STRANGER)


async def test_volumes_go_with_their_environment_and_application(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await attach(capsule, serving.application_id, accepted.id)).operation_id)
    await capsule.call(DeleteEnvironment(application_id=serving.application_id, environment="staging"), caller=OWNER)
    await capsule.settle()
    view = await show(capsule, serving.application_id)
    assert view.state is VolumeState.READY and view.environment is None, "its files stay"
    await capsule.call(DeleteApplication(application_id=serving.application_id), caller=OWNER)
    assert len(capsule.events(VolumeDeleted)) == 1
