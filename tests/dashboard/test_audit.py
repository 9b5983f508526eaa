"""The audit log and the permissions in the browser."""

import json

import pytest

from functions.edge.dashboard.pages import audit
from functions.kernel import Permission
from tests.dashboard.browser import Browser, text_of
from tests.dashboard.furnished import BOB, join


@pytest.fixture
async def ada() -> Browser:
    return await Browser().become_a_user()


async def test_the_log_says_who_did_what_and_what_changed(ada: Browser) -> None:
    team = (await ada.send("/teams", name="crew")).headers["location"].partition("?")[0].removeprefix("/teams/")
    await ada.send(f"/teams/{team}/name", name="<b>ship</b>")
    page = await ada.open(f"/account/audit?target=teams/{team}")
    assert "auth.update_team" in page.text and "crew → &lt;b&gt;ship&lt;/b&gt;" in page.text and "you" in text_of(page)
    assert "auth.create_team" not in (await ada.open("/account/audit?action=auth.update_team")).text
    assert "No entry matches" in text_of(await ada.open("/account/audit?until=2000-01-01"))
    wrong = await ada.open("/account/audit?since=yesterday")
    assert wrong.status_code == 422 and "since" in wrong.text and 'value="yesterday"' in wrong.text


async def test_a_refused_action_is_in_the_log_and_nothing_of_others(ada: Browser) -> None:
    bob = await Browser(ada.capsule).become_a_user(BOB)
    await bob.send("/account/password", currentPassword="guess", password="another long passphrase")
    assert "wrong-password" in (await bob.open("/account/audit")).text
    assert "wrong-password" not in (await ada.open("/account/audit")).text
    assert "wrong-password" not in (await ada.open(f"/account/audit?userId={bob.caller().user_id}")).text, "that filter is for administrators"


async def test_a_long_log_has_pages_and_its_export_has_all_entries(ada: Browser) -> None:
    for number in range(60):
        await ada.send("/account/name", name=f"Ada {number}")
    page = await ada.open("/account/audit?action=auth.update_profile")
    older = page.text.partition('href="/account/audit?cursor=')[2].partition('"')[0].replace("&amp;", "&")
    rest = await ada.open(f"/account/audit?cursor={older}")
    assert page.text.count("<strong>auth.update_profile") == 50 and rest.text.count("<strong>auth.update_profile") == 10
    file = await ada.open("/account/audit/export?action=auth.update_profile")
    assert file.headers["content-disposition"] == 'attachment; filename="capsule-audit.jsonl"'
    entries = [json.loads(line) for line in file.text.splitlines()]
    assert len(entries) == 60 and entries[0]["sequence"] > entries[-1]["sequence"]


async def test_the_permissions_name_what_a_role_allows_and_what_not(ada: Browser) -> None:
    team = (await ada.send("/teams", name="crew")).headers["location"].partition("?")[0].removeprefix("/teams/")
    bob = await join(ada, team, BOB, "viewer")
    page = text_of(await bob.open("/account/permissions"))
    personal, crew = page.partition("crew viewer")[::2]
    assert "not allowed" not in personal and "– Delete applications : not allowed" in crew and "✓ See applications" in crew


def test_every_permission_has_a_description() -> None:
    assert audit.PERMISSIONS.keys() == set(Permission)
