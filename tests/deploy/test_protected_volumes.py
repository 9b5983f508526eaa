"""Volumes of a protected environment: a developer without a grant neither changes their files nor reads them by another way."""

from uuid import UUID, uuid4

import pytest

from functions.deploy.commands.attach_volume import AttachVolume
from functions.deploy.commands.create_environment import CreateEnvironment
from functions.deploy.commands.create_volume import CreateVolume
from functions.deploy.commands.create_volume_snapshot import CreateVolumeSnapshot
from functions.deploy.commands.delete_volume_snapshot import DeleteVolumeSnapshot
from functions.deploy.commands.detach_volume import DetachVolume
from functions.deploy.commands.protect_environment import ProtectEnvironment
from functions.deploy.commands.resize_volume import ResizeVolume
from functions.deploy.commands.restore_volume import RestoreVolume
from functions.deploy.domain.names import EnvironmentName
from functions.kernel import Forbidden, Role
from tests.auth.team_world import ADA, BOB, TeamWorld

REVIEW = EnvironmentName("review")


@pytest.fixture
async def attached() -> tuple[TeamWorld, dict[str, UUID]]:
    """A volume of a protected environment, in a team with Bob as a developer."""
    world = TeamWorld()
    await world.prepare()
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    application = await world.application(ADA, team)
    await world.call(CreateEnvironment(application_id=application, name=REVIEW), caller=ADA)
    await world.call(ProtectEnvironment(application_id=application, environment=REVIEW, is_protected=True), caller=ADA)
    volume = await world.call(CreateVolume(application_id=application, name="uploads", size_mib=64), caller=ADA)
    await world.settle()
    ids = {"application_id": application, "volume_id": volume.id}
    await world.call(AttachVolume(**ids, environment=REVIEW, mount_path="/data"), caller=ADA)
    return world, ids


async def test_a_developer_needs_a_grant_for_the_files_of_a_protected_environment(attached: tuple[TeamWorld, dict[str, UUID]]) -> None:
    world, ids = attached
    for request in (
        CreateVolumeSnapshot(**ids),
        ResizeVolume(**ids, size_mib=128),
        RestoreVolume(**ids, snapshot_id=uuid4()),
        RestoreVolume(**ids, snapshot_id=uuid4(), into="copy"),
        DeleteVolumeSnapshot(**ids, snapshot_id=uuid4()),
        DetachVolume(**ids),
        AttachVolume(**ids, environment=REVIEW, mount_path="/other"),
    ):
        with pytest.raises(Forbidden, match="review is a protected environment"):
            await world.call(request, caller=BOB)
    await world.call(CreateVolumeSnapshot(**ids), caller=ADA)
