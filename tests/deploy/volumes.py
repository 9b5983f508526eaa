"""Volumes of an application on the in-memory Capsule."""

from typing import Any
from uuid import UUID

from functions.deploy import ports
from functions.deploy.commands.attach_volume import AttachVolume
from functions.deploy.commands.create_volume import CreateVolume
from functions.deploy.domain.volume_views import VolumeAccepted, VolumeView
from functions.deploy.queries.volumes import ListVolumes
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
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
