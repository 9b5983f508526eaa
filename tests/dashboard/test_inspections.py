"""A repository is inspected on the page of a new application, and created with the same values."""

import httpx
import pytest

from tests.dashboard.application import BrowserOfDeploy, capsule
from tests.dashboard.browser import REPOSITORY, Browser, text_of
from tests.dashboard.furnished_inspections import end
from tests.deploy.deploy_capsule import COMMIT
from tests.deploy.test_inspections import PLAN

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def ada() -> BrowserOfDeploy:
    ada = BrowserOfDeploy(capsule())
    await ada.become_a_user()
    return ada


async def inspect(ada: BrowserOfDeploy, report: object = None, code: int = 0, **fields: str) -> httpx.Response:
    """Press Inspect and play the cluster. Returns the page of the result."""
    started = await ada.send("/new/inspections", **{"repository": REPOSITORY, **fields})
    assert started.status_code == 303, started.text
    path = started.headers["location"]
    await ada.deploy.settle()
    waiting = await ada.open(path)
    assert "Inspecting" in text_of(waiting) and 'http-equiv="refresh"' in waiting.text and "data-reload" in waiting.text
    await end(ada, path, report or {"commit": COMMIT, "plan": PLAN}, code)
    return await ada.open(path)


async def test_the_plan_is_shown_and_the_form_keeps_what_was_entered(ada: BrowserOfDeploy) -> None:
    assert "Inspect" in text_of(await ada.open("/new"))
    page = await inspect(ada, name="shop", branch="main", healthPath="/up")
    text = text_of(page)
    for words in ("Python", "3.12", "uvicorn main:app", "DATABASE_URL", "required", "No lock file.", "Inspect again"):
        assert words in text, words
    values = {"name": "shop", "repository": REPOSITORY, "branch": "main", "healthPath": "/up"}
    for value in values.values():
        assert f'value="{value}"' in page.text
    created = await ada.send("/new", **values)
    assert created.status_code == 303 and created.headers["location"].startswith("/apps/")


async def test_texts_of_the_repository_are_escaped(ada: BrowserOfDeploy) -> None:
    plan = {**PLAN, "reason": SCRIPT, "start": SCRIPT, "gaps": [SCRIPT], "notices": [SCRIPT], "processes": [{"name": SCRIPT, "command": SCRIPT}]}
    plan["variables"] = [{"name": SCRIPT, "source": SCRIPT, "example": SCRIPT, "isRequired": False}]
    page = await inspect(ada, {"commit": COMMIT, "plan": plan})
    assert SCRIPT not in page.text and text_of(page).count(SCRIPT) >= 7


async def test_a_repository_that_would_not_build_says_why(ada: BrowserOfDeploy) -> None:
    page = await inspect(ada, {"reason": "not-recognized", "detail": "No language is recognized. Add a Procfile."}, code=1)
    assert "A build would fail" in text_of(page) and "Add a Procfile." in text_of(page)
    private = await inspect(ada, {"reason": "repository-private", "detail": "It needs credentials."}, code=1)
    assert "access token" in text_of(private)


async def test_a_refused_inspection_keeps_the_form(ada: BrowserOfDeploy) -> None:
    response = await ada.send("/new/inspections", name="shop", repository="no address")
    assert response.status_code == 422 and 'value="no address"' in response.text and 'value="shop"' in response.text
    missing = await ada.send("/new/inspections", name="shop")
    assert missing.status_code == 422


async def test_the_token_is_in_no_address_and_on_no_page(ada: BrowserOfDeploy) -> None:
    started = await ada.send("/new/inspections", repository=REPOSITORY, secretToken="a-secret-token")
    assert started.status_code == 303 and "secret" not in started.headers["location"]
    assert "a-secret-token" not in (await ada.open(started.headers["location"])).text


async def test_nobody_else_sees_the_result(ada: BrowserOfDeploy) -> None:
    started = await ada.send("/new/inspections", repository=REPOSITORY)
    bob = await Browser(ada.capsule).become_a_user("bob@example.org")
    assert (await bob.open(started.headers["location"])).status_code == 404
