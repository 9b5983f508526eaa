"""Volumes: created, attached, resized, copied, deleted and restored, on the in-memory Capsule."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.volumes import VolumeAttached, VolumeCreated, VolumeDeleted, VolumeFilled, VolumeMeasurementRequested, VolumeResized, VolumeRestored
from functions.deploy import ports
from functions.deploy.commands.attach_volume import AttachVolume
from functions.deploy.commands.create_schedule import CreateSchedule
from functions.deploy.commands.create_volume import CreateVolume
from functions.deploy.commands.create_volume_snapshot import CreateVolumeSnapshot
from functions.deploy.commands.delete_application import DeleteApplication
from functions.deploy.commands.delete_environment import DeleteEnvironment
from functions.deploy.commands.delete_volume import DeleteVolume
from functions.deploy.commands.delete_volume_snapshot import DeleteVolumeSnapshot
from functions.deploy.commands.detach_volume import DetachVolume
from functions.deploy.commands.resize_volume import ResizeVolume
from functions.deploy.commands.restart_environment import RestartEnvironment
from functions.deploy.commands.restore_volume import RestoreVolume
from functions.deploy.commands.start_run import StartRun
from functions.deploy.commands.undelete_volume import UndeleteVolume
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.domain.storage_rejections import VolumeQuotaExceeded
from functions.deploy.domain.volume import FORMER_KEPT, GRACE, Volume, VolumeState
from functions.deploy.domain.volume_manifests import StoragePolicy, mounted
from functions.deploy.domain.volume_rejections import (
    InvalidVolume,
    MountPathInUse,
    VolumeIsAttached,
    VolumeNameTaken,
    VolumeNotDeleted,
    VolumeNotFound,
    VolumeNotReady,
)
from functions.deploy.domain.volume_views import VolumeAccepted, VolumeView
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.queries.volume import ShowVolume
from functions.deploy.queries.volume_snapshots import ListVolumeSnapshots
from functions.deploy.queries.volumes import ListVolumes
from functions.kernel import OperationState
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, STRANGER, DeployCapsule
from tests.memory.deploy_volumes import MemoryVolumeStorage

PATH = "/app/media"


def storage(capsule: DeployCapsule) -> MemoryVolumeStorage:
    found = capsule.port(ports.VolumeStorage)
    assert isinstance(found, MemoryVolumeStorage)
    return found


async def create(capsule: DeployCapsule, application_id: UUID, name: str = "uploads", size_mib: int = 1024) -> VolumeAccepted:
    accepted: VolumeAccepted = await capsule.call(CreateVolume(application_id=application_id, name=name, size_mib=size_mib), caller=OWNER)
    await capsule.settle()
    return accepted


async def attach(capsule: DeployCapsule, application_id: UUID, volume_id: UUID, environment: str = "staging", **fields: Any) -> Any:
    request = AttachVolume(application_id=application_id, volume_id=volume_id, environment=environment, **{"mount_path": PATH, **fields})
    return await capsule.call(request, caller=OWNER)


async def show(capsule: DeployCapsule, application_id: UUID, name: str = "uploads") -> VolumeView:
    items = (await capsule.call(ListVolumes(application_id=application_id), caller=OWNER)).items
    return next(each for each in items if each.name == name)


def mounts(manifest: Any) -> dict[str, str]:
    """Claims of a workload by their mount paths."""
    spec = manifest["spec"]
    pod = (spec.get("jobTemplate", {}).get("spec") or spec)["template"]["spec"]
    claims = {each["name"]: each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "persistentVolumeClaim" in each}
    return {each["mountPath"]: claims[each["name"]] for each in pod["containers"][0]["volumeMounts"] if each["name"] in claims}


async def test_a_volume_is_created_attached_and_mounted(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    operation = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
    assert (operation.state, operation.kind) == (OperationState.SUCCEEDED, "volume-creation")
    assert len(capsule.events(VolumeCreated)) == 1
    [(namespace, claim)] = storage(capsule).claims
    assert namespace == serving.namespace

    answer = await attach(capsule, serving.application_id, accepted.id)
    redeployed = await capsule.complete(answer.operation_id)

    assert mounts(capsule.service(redeployed)) == {PATH: claim}
    assert (await show(capsule, serving.application_id)).environment == "staging" and len(capsule.events(VolumeAttached)) == 1
    assert (await attach(capsule, serving.application_id, accepted.id)).deployments == [], "idempotent"
    later = await capsule.release(serving.application_id, image=OTHER_IMAGE)
    assert mounts(capsule.service(later)) == {PATH: claim}, "each release has it"


@pytest.mark.parametrize("mode", ["ReadWriteOnce", "ReadWriteMany"])
async def test_pods_that_share_a_volume_of_one_node_are_together(mode: str) -> None:
    """The second one would wait on another node for the first to end, which ends when the second serves."""
    at = datetime.now(UTC)
    volume = Volume(uuid4(), uuid4(), "uploads", 64, at, mount_path=PATH)
    service = {"kind": "Service", "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}}}}
    template = mounted(service, [volume], StoragePolicy(access_mode=mode))["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert labels.pop("a") == "b"
    if mode == "ReadWriteMany":
        assert not labels and "affinity" not in template["spec"]
        return
    (term,) = template["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term == {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"} and volume.claim in next(iter(labels))


async def test_a_process_that_the_application_does_not_have_is_named_with_those_that_it_has(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await create(capsule, application.id)
    early = await create(capsule, application.id, "early")
    await attach(capsule, application.id, early.id, processes=["worker"])  # nothing is released, so nobody knows its processes
    await capsule.release(application.id)
    with pytest.raises(InvalidVolume) as rejected:
        await attach(capsule, application.id, accepted.id, mount_path="/app/other", processes=["web", "worcer"])
    assert [each.detail for each in rejected.value.errors] == ['the application has no process "worcer": use web, run or cron']
    assert (await show(capsule, application.id)).environment is None
    await attach(capsule, application.id, accepted.id, mount_path="/app/other", processes=["web", "cron"])


async def test_it_is_mounted_by_the_processes_that_were_named(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await attach(capsule, serving.application_id, accepted.id, processes=["web", "run"])).operation_id)
    run = await capsule.call(StartRun(application_id=serving.application_id, environment="staging", command="ls"), caller=OWNER)
    schedule = CreateSchedule(application_id=serving.application_id, environment="staging", cron="0 3 * * *", command="true")
    cron = await capsule.call(schedule, caller=OWNER)
    await capsule.settle()
    job = capsule.cluster.objects["Job", serving.namespace, f"run-{run.id.hex[-12:]}"]
    assert list(mounts(job)) == [PATH] and job["spec"]["template"]["spec"]["securityContext"] == {"fsGroup": 1000}
    cron_job = next(each for (kind, _, name), each in capsule.cluster.objects.items() if kind == "CronJob" and cron.id.hex[-12:] in name)
    assert mounts(cron_job) == {}


async def test_an_environment_of_another_name_does_not_have_it(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    await capsule.complete((await attach(capsule, serving.application_id, accepted.id)).operation_id)
    with pytest.raises(VolumeIsAttached):
        await attach(capsule, serving.application_id, accepted.id, environment="production")


@pytest.mark.parametrize("path", ["media", "/", "/app", "/etc/x", "/tmp", "/app/../etc", "/app//media", "/app/media/", "/usr/lib", "/a b"])
async def test_paths_that_hide_the_application_or_its_system_are_refused(capsule: DeployCapsule, path: str) -> None:
    serving = await capsule.release()
    accepted = await create(capsule, serving.application_id)
    with pytest.raises(InvalidVolume):
        await attach(capsule, serving.application_id, accepted.id, mount_path=path)


async def test_volumes_of_an_environment_do_not_hide_each_other(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    first, second = await create(capsule, serving.application_id), await create(capsule, serving.application_id, "other", 64)
    await capsule.complete((await attach(capsule, serving.application_id, first.id)).operation_id)
    with pytest.raises(MountPathInUse):
        await attach(capsule, serving.application_id, second.id, mount_path=f"{PATH}/thumbnails")


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
