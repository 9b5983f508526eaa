"""Volumes attached to an environment, and mounted by its processes, on the in-memory Capsule."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from events.volumes import VolumeAttached, VolumeCreated
from functions.deploy.commands.create_schedule import CreateSchedule
from functions.deploy.commands.start_run import StartRun
from functions.deploy.domain.volume import Volume
from functions.deploy.domain.volume_manifests import StoragePolicy, mounted
from functions.deploy.domain.volume_rejections import (
    InvalidVolume,
    MountPathInUse,
    VolumeIsAttached,
)
from functions.deploy.queries.operation import ShowOperation
from functions.kernel import OperationState
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, DeployCapsule
from tests.deploy.volumes import PATH, attach, create, mounts, show, storage


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
