"""Snapshots of volumes, and what is restored from them, on the in-memory Capsule."""

from datetime import timedelta

import pytest

from events.volumes import VolumeRestored
from functions.deploy.commands.create_volume_snapshot import CreateVolumeSnapshot
from functions.deploy.commands.delete_volume import DeleteVolume
from functions.deploy.commands.delete_volume_snapshot import DeleteVolumeSnapshot
from functions.deploy.commands.resize_volume import ResizeVolume
from functions.deploy.commands.restart_environment import RestartEnvironment
from functions.deploy.commands.restore_volume import RestoreVolume
from functions.deploy.commands.undelete_volume import UndeleteVolume
from functions.deploy.domain.volume import FORMER_KEPT
from functions.deploy.domain.volume_rejections import (
    VolumeNotReady,
)
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.queries.volume_snapshots import ListVolumeSnapshots
from functions.kernel import OperationState
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.deploy.volumes import attach, create, mounts, show, storage


async def test_a_snapshot_is_restored_in_place_and_beside(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id, size_mib=512)
    await capsule.complete((await attach(capsule, serving.application_id, accepted.id)).operation_id)
    ids = {"application_id": serving.application_id, "volume_id": accepted.id}
    snapshot = await capsule.call(CreateVolumeSnapshot(**ids), caller=OWNER)
    with pytest.raises(VolumeNotReady):
        await capsule.call(RestoreVolume(**ids, snapshot_id=snapshot.id), caller=OWNER)
    await capsule.settle()
    [stored] = storage(capsule).snapshots.values()
    [before] = storage(capsule).claims
    assert stored["spec"]["source"]["persistentVolumeClaimName"] == before[1]

    restored = await capsule.call(RestoreVolume(**ids, snapshot_id=snapshot.id), caller=OWNER)
    await capsule.settle()
    [deployment, *_] = await capsule.deployments.list_latest(serving.application_id)
    redeployed = await capsule.complete(deployment.id)
    [(_, claim)] = mounts(capsule.service(redeployed)).items()
    assert claim != before[1] and storage(capsule).claims[serving.namespace, claim]["spec"]["dataSource"]["name"] == stored["metadata"]["name"]
    operation = await capsule.call(ShowOperation(operation_id=restored.operation_id), caller=OWNER)
    assert operation.state is OperationState.SUCCEEDED and before in storage(capsule).claims
    await capsule.advance(seconds=(FORMER_KEPT + timedelta(minutes=1)).total_seconds())
    assert before not in storage(capsule).claims

    await capsule.call(RestoreVolume(**ids, snapshot_id=snapshot.id, into="before"), caller=OWNER)
    await capsule.settle()
    assert (await show(capsule, serving.application_id, "before")).size_mib == 512
    await capsule.call(DeleteVolumeSnapshot(**ids, snapshot_id=snapshot.id), caller=OWNER)
    await capsule.settle()
    assert not storage(capsule).snapshots and (await capsule.call(ListVolumeSnapshots(**ids), caller=OWNER)).items == []


async def test_a_restore_that_fails_leaves_the_files_and_may_be_repeated(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await attach(capsule, serving.application_id, accepted.id)).operation_id)
    ids = {"application_id": serving.application_id, "volume_id": accepted.id}
    first, second = [await capsule.call(CreateVolumeSnapshot(**ids), caller=OWNER) for _ in range(2)]
    await capsule.settle()
    [before] = storage(capsule).claims
    storage(capsule).refusal = "this machine's disk has no room for 1.0 GiB"
    failed = await capsule.call(RestoreVolume(**ids, snapshot_id=first.id), caller=OWNER)
    another = RestoreVolume(**ids, snapshot_id=second.id)
    for request in (ResizeVolume(**ids, size_mib=4096), DeleteVolumeSnapshot(**ids, snapshot_id=first.id), another):
        with pytest.raises(VolumeNotReady, match="A snapshot is being restored into uploads"):
            await capsule.call(request, caller=OWNER)
    await capsule.settle()
    capsule.dead_letters.clear()
    operation = await capsule.call(ShowOperation(operation_id=failed.operation_id), caller=OWNER)
    assert operation.state is OperationState.FAILED and operation.problem is not None and "no room" in operation.problem.detail
    deployment = await capsule.call(RestartEnvironment(application_id=serving.application_id, environment="staging"), caller=OWNER)
    restarted = await capsule.complete(deployment.id)
    assert list(mounts(capsule.service(restarted)).values()) == [before[1]] and list(storage(capsule).claims) == [before]

    storage(capsule).refusal = None
    await capsule.call(another, caller=OWNER)
    await capsule.settle()
    assert len(storage(capsule).claims) == 2 and len(capsule.events(VolumeRestored)) == 1


async def test_a_volume_that_is_deleted_while_it_is_restored_keeps_its_files(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    ids = {"application_id": serving.application_id, "volume_id": accepted.id}
    snapshot = await capsule.call(CreateVolumeSnapshot(**ids), caller=OWNER)
    await capsule.settle()
    [before] = storage(capsule).claims
    restored = await capsule.call(RestoreVolume(**ids, snapshot_id=snapshot.id), caller=OWNER)
    await capsule.call(DeleteVolume(**ids), caller=OWNER)
    await capsule.settle()
    operation = await capsule.call(ShowOperation(operation_id=restored.operation_id), caller=OWNER)
    assert operation.state is OperationState.FAILED and list(storage(capsule).claims) == [before]
    await capsule.call(UndeleteVolume(**ids), caller=OWNER)
    await capsule.call(RestoreVolume(**ids, snapshot_id=snapshot.id), caller=OWNER)
    await capsule.settle()
    assert len(storage(capsule).claims) == 2
