"""The page of data services, without JavaScript."""

import re

from tests.dashboard.application import BrowserOfDeploy, capsule, deployed
from tests.dashboard.browser import text_of


async def test_a_database_is_created_bound_rotated_unbound_deleted_and_restored() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    path = f"{ada.path}/services"
    assert "No data services yet" in text_of(await ada.open(path))
    assert (await ada.send(path, name="Not a name")).status_code == 422
    assert (await ada.send(path, name="main")).headers["location"] == f"{path}?done=service-requested"
    await ada.capsule.settle()

    async def act(pattern: str, **fields: str) -> str:
        [action] = re.findall(rf'action="({path}/[^"]+/{pattern})"', (await ada.open(path)).text)
        answer = await ada.send(action, **fields)
        await ada.capsule.settle()
        return str(answer.headers["location"]).removeprefix(f"{path}?done=")

    assert await act("bindings", environment="production") == "service-bound"
    assert "DATABASE_URL" in text_of(await ada.open(path)) and "postgresql://" not in (await ada.open(path)).text
    assert await act("rotation") == "service-rotated"
    assert await act("bindings/production/deletion") == "service-unbound"
    [deletion] = re.findall(rf'action="({path}/[^/"]+/deletion)"', (await ada.open(path)).text)
    assert (await ada.send(deletion)).headers["location"] == f"{path}?done=service-deleted"
    assert "data kept until" in text_of(await ada.open(path))
    assert await act("restoration") == "service-restored"


async def test_a_server_elsewhere_is_added_by_its_url_which_is_not_shown() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    path = f"{ada.path}/services"
    assert (await ada.send(path, name="cache", url="redis://u:hush@cache.example.com")).headers["location"] == f"{path}?done=service-added"
    page = await ada.open(path)
    assert "external" in text_of(page) and "hush" not in page.text


async def test_a_redis_moves_to_another_plan() -> None:
    ada = await BrowserOfDeploy(capsule()).become_a_user()
    await deployed(ada)
    path = f"{ada.path}/services"
    await ada.send(path, name="cache", kind="redis")
    await ada.capsule.settle()
    [backups] = re.findall(rf'href="({path}/[^"]+)/backups"', (await ada.open(path)).text)
    assert "Change the plan" in text_of(await ada.open(backups))
    assert (await ada.send(f"{backups}/plan", plan="standard")).headers["location"] == f"{path}?done=service-scaling"
    await ada.capsule.settle()
    assert "Redis, standard" in text_of(await ada.open(path))
    assert (await ada.send(f"{backups}/plan", plan="standard")).status_code == 422
