"""The pages of volumes and of backups, without JavaScript."""

import re

from tests.dashboard.application import BrowserOfDeploy, capsule, deployed
from tests.dashboard.browser import text_of


class Actor:
    """Sends the forms of a page by the end of their address."""

    def __init__(self, ada: BrowserOfDeploy) -> None:
        self.ada = ada

    async def act(self, page: str, pattern: str, **fields: str) -> str:
        """Returns where it leads."""
        actions = {each for each in re.findall(r'action="([^"]+)"', (await self.ada.open(page)).text) if re.search(f"/{pattern}$", each)}
        [action] = actions
        answer = await self.ada.send(action, **fields)
        await self.ada.capsule.settle()
        return str(answer.headers.get("location", answer.status_code))


async def test_a_volume_is_created_attached_resized_copied_deleted_and_restored() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    actor, path = Actor(ada), f"{ada.path}/volumes"
    assert "No volumes yet" in text_of(await ada.open(path))
    refused = await ada.send(path, name="uploads", sizeMib="999999")
    assert refused.status_code == 409 and "2,048 MiB of volumes of its free plan" in text_of(refused)
    assert (await ada.send(path, name="uploads", sizeMib="512")).headers["location"] == f"{path}?done=volume-requested"
    await ada.capsule.settle()
    [one] = set(re.findall(rf'href="({path}/[^"]+)"', (await ada.open(path)).text))

    assert await actor.act(one, "attachment", environment="production", mountPath="media") == "422"
    assert await actor.act(one, "attachment", environment="production", mountPath="/app/media") == f"{one}?done=volume-attached"
    page = text_of(await ada.open(path))
    assert "/app/media" in page and "512 MiB" in page
    assert await actor.act(one, "size", sizeMib="1024") == f"{one}?done=volume-resized"
    assert await actor.act(one, "snapshots") == f"{one}?done=snapshot-requested"
    snapshot = r"snapshots/[0-9a-f-]+"
    assert await actor.act(one, f"{snapshot}/restoration", into="before") == f"{path}?done=volume-requested"
    assert "before" in text_of(await ada.open(path))
    assert await actor.act(one, f"{snapshot}/deletion") == f"{one}?done=snapshot-deleted"
    assert await actor.act(one, "detachment") == f"{one}?done=volume-detached"
    identity = one.rsplit("/", 1)[1]
    assert await actor.act(path, f"{identity}/deletion") == f"{path}?done=volume-deleted"
    assert "files kept until" in text_of(await ada.open(path))
    assert await actor.act(path, f"{identity}/restoration") == f"{path}?done=volume-undeleted"


async def test_a_database_is_backed_up_restored_and_its_backups_are_kept_as_set() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    actor, services = Actor(ada), f"{ada.path}/services"
    await ada.send(services, name="main")
    await ada.capsule.settle()
    [path] = set(re.findall(rf'href="({services}/[^"]+/backups)"', (await ada.open(services)).text))
    assert "No backups yet" in text_of(await ada.open(path))
    assert await actor.act(path, "backups") == f"{path}?done=backup-requested"
    page = text_of(await ada.open(path))
    assert "manual" in page and "completed" in page

    backup = r"backups/[0-9a-f-]+"
    assert await actor.act(path, f"{backup}/restoration", into="before") == f"{services}?done=service-requested"
    assert "before" in text_of(await ada.open(services))
    assert await actor.act(path, "backup-policy", schedule="never", keepCount="3", keepDays="9") == "422"
    assert await actor.act(path, "backup-policy", schedule="0 3 * * *", keepCount="3", keepDays="9") == f"{path}?done=backup-policy"
    assert 'value="0 3 * * *"' in (await ada.open(path)).text
    assert await actor.act(path, f"{backup}/restoration") == f"{path}?done=restore-requested"
    assert "Restores into main" in text_of(await ada.open(path))
