"""The pages of a signed-in user: what they show, and what their forms change."""

import re

import pytest

from events.deploy import ApplicationDeleted, ApplicationTransferred, EnvironmentProtectionChanged
from events.deployments import DeploymentRequested
from functions.runtime.messaging.bus import NoReply
from tests.dashboard.browser import REPOSITORY, Browser, text_of
from tests.dashboard.furnished import join

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def ada() -> Browser:
    return await Browser().become_a_user()


@pytest.fixture
async def bob(ada: Browser) -> Browser:
    return await Browser(ada.capsule).become_a_user("bob@example.org")


async def test_the_first_page_teaches_the_next_step(ada: Browser) -> None:
    page = await ada.open("/")
    assert "Deploy your first application" in page.text and 'href="/new"' in page.text
    assert "0 of 5" in text_of(page)


async def test_an_application_is_created_and_deployed_by_two_forms(ada: Browser) -> None:
    path = await ada.create()
    overview = await ada.open(path)
    assert REPOSITORY in overview.text and "Deploy to staging" in overview.text
    response = await ada.send(f"{path}/deployments", environment="staging", ref="")
    assert response.status_code == 303
    page = await ada.open(response.headers["location"])
    assert "data-stream=" in page.text and "Cancel" in text_of(page) and 'http-equiv="refresh"' in page.text
    assert len(ada.capsule.events(DeploymentRequested)) == 1
    assert "hello" in (await ada.open("/")).text


async def test_a_refused_form_keeps_what_was_entered_and_names_the_fault(ada: Browser) -> None:
    response = await ada.send("/new", name="Not a name", repository=REPOSITORY)
    assert response.status_code == 422
    assert "is not a valid host name" in text_of(response)
    assert 'value="Not a name"' in response.text and f'value="{REPOSITORY}"' in response.text


async def test_every_page_of_an_application_opens(ada: Browser) -> None:
    path = await ada.create()
    for page in ("", "/deployments", "/configuration", "/configuration?environment=staging", "/logs", "/metrics?range=24h", "/settings"):
        response = await ada.open(path + page)
        assert response.status_code == 200, page
        assert '<a class="skip"' in response.text and response.text.count("<h1") == 1, page


async def test_variables_are_set_escaped_and_removed(ada: Browser) -> None:
    configuration = f"{await ada.create()}/configuration"
    await ada.send(configuration, environment="", name="GREETING", secretValue=SCRIPT)
    await ada.send(configuration, environment="staging", name="TOKEN", secretValue="hidden-value", is_secret="on")
    page = await ada.open(f"{configuration}?environment=staging")
    assert "&lt;script&gt;" in page.text and SCRIPT not in page.text
    assert "TOKEN" in page.text and "hidden-value" not in page.text
    await ada.send(configuration, environment="", unset="GREETING")
    assert "GREETING" not in (await ada.open(configuration)).text


async def test_a_refused_variable_is_explained(ada: Browser) -> None:
    response = await ada.send(f"{await ada.create()}/configuration", environment="", name="PORT", secretValue="1")
    assert response.status_code == 422 and "PORT is set by the platform" in text_of(response)


async def test_settings_are_saved_and_cleared(ada: Browser) -> None:
    path = await ada.create()
    saved = await ada.send(f"{path}/settings", repository=REPOSITORY, branch="main", builder="dockerfile", port="3000")
    assert saved.headers["location"].endswith("done=saved")
    page = (await ada.open(f"{path}/settings")).text
    assert 'value="main"' in page and 'value="3000"' in page
    await ada.send(f"{path}/settings", repository=REPOSITORY, branch="", builder="auto", port="")
    page = (await ada.open(f"{path}/settings")).text
    assert 'value="main"' not in page and 'value="3000"' not in page


async def test_an_application_is_deleted_only_by_its_typed_name(ada: Browser) -> None:
    path = await ada.create()
    wrong = await ada.send(f"{path}/deletion", name="hallo")
    assert wrong.status_code == 422 and 'Type "hello"' in text_of(wrong)
    assert ada.capsule.events(ApplicationDeleted) == []
    right = await ada.send(f"{path}/deletion", name="hello")
    assert right.headers["location"] == "/?done=application-deleted"


async def test_an_environment_is_protected_and_the_protection_lifted_only_by_its_typed_name(ada: Browser) -> None:
    path = await ada.create()
    protection = f"{path}/settings/protected"
    page = (await ada.open(f"{path}/settings")).text
    assert f'action="{protection}/staging"' in page and f'action="{protection}/production/deletion"' in page
    assert (await ada.send(f"{protection}/staging")).headers["location"].endswith("/settings?done=saved")
    wrong = await ada.send(f"{protection}/staging/deletion", name="production")
    assert wrong.status_code == 422 and 'Type "staging" to lift' in text_of(wrong)
    assert [each.environment for each in ada.capsule.events(EnvironmentProtectionChanged)] == ["staging"]
    assert (await ada.send(f"{protection}/staging/deletion", name="staging")).status_code == 303
    assert [each.is_protected for each in ada.capsule.events(EnvironmentProtectionChanged)] == [True, False]


async def test_an_application_is_transferred_to_another_team_only_by_its_typed_name(ada: Browser) -> None:
    path = await ada.create()
    assert "Transfer to another team" not in (await ada.open(f"{path}/settings")).text, "there is none"
    team = (await ada.send("/teams", name="crew")).headers["location"].partition("?")[0].removeprefix("/teams/")
    await ada.capsule.settle()
    assert f'<option value="{team}">crew</option>' in (await ada.open(f"{path}/settings")).text
    wrong = await ada.send(f"{path}/transfer", newTeam=team, name="hallo")
    assert wrong.status_code == 422 and 'Type "hello" to transfer' in text_of(wrong)
    old = await ada.send(f"{path}/transfer", newTeam=team, name="hello")
    assert old.status_code == 403 and f'name="next" value="{path}/settings"' in old.text, "needs a recent sign-in"
    assert ada.capsule.events(ApplicationTransferred) == []
    ada.tokens.is_recent = True
    done = await ada.send(f"{path}/transfer", newTeam=team, name="hello")
    assert done.headers["location"] == f"{path}/settings?done=application-transferred"
    assert [str(each.user_id) for each in ada.capsule.events(ApplicationTransferred)] == [team]


async def test_a_member_without_the_permission_sees_neither_form(ada: Browser, bob: Browser) -> None:
    team = (await ada.send("/teams", name="crew")).headers["location"].partition("?")[0].removeprefix("/teams/")
    await ada.capsule.settle()
    ada.tokens.is_recent = True
    path = await ada.create()
    assert (await ada.send(f"{path}/transfer", newTeam=team, name="hello")).status_code == 303
    developer = await join(ada, team, "dev@example.org", "developer")
    page = (await developer.open(f"{path}/settings")).text
    assert "Protected environments" not in page and "Transfer to another team" not in page
    assert (await developer.send(f"{path}/settings/protected/production/deletion", name="production")).status_code == 403
    assert (await developer.send(f"{path}/transfer", newTeam="", name="hello")).status_code == 403


async def test_nobody_sees_or_changes_the_application_of_another(ada: Browser, bob: Browser) -> None:
    path = await ada.create()
    for page in ("", "/deployments", "/configuration", "/logs", "/metrics", "/settings"):
        response = await bob.open(path + page)
        assert response.status_code == 404 and REPOSITORY not in response.text, page
    for form, fields in (
        ("/deployments", {"environment": "staging"}),
        ("/configuration", {"name": "A", "secretValue": "b"}),
        ("/deletion", {"name": "hello"}),
    ):
        assert (await bob.send(path + form, **fields)).status_code == 404, form
    assert "hello" not in text_of(await bob.open("/"))


@pytest.mark.parametrize("path", ["/apps/12", "/apps/%00", "/nothing", "/apps/01a2268a-691f-750e-b72d-4db594973fb6", "/timeline/x"])
async def test_what_does_not_exist_is_404(ada: Browser, path: str) -> None:
    response = await ada.open(path)
    assert response.status_code == 404
    assert "Back to the applications" in response.text


async def test_the_bill_and_the_plans_are_shown(ada: Browser) -> None:
    page = text_of(await ada.open("/billing"))
    assert "Total this period 0.00 EUR" in page and "Choose Pro" in page and "No invoices yet" in page


async def test_a_plan_without_a_payment_method_is_refused_on_the_page(ada: Browser) -> None:
    response = await ada.send("/billing/plan", plan="pro")
    assert response.status_code == 422 and "payment method" in text_of(response) and "Choose Pro" in text_of(response)


async def test_no_answer_in_time_says_what_is_known(ada: Browser) -> None:
    path = await ada.create()
    ada.requester.failure = NoReply()
    response = await ada.send(f"{path}/deployments", environment="staging")
    assert response.status_code == 504 and "outcome is unknown" in text_of(response)


async def test_forms_with_too_much_are_refused(ada: Browser) -> None:
    response = await ada.send("/new", name="a" * 300_000)
    assert response.status_code == 413


async def test_each_field_has_a_label_and_each_id_is_unique(ada: Browser) -> None:
    path = await ada.create()
    for page in ("/new", path, f"{path}/configuration", f"{path}/settings", f"{path}/logs", f"{path}/metrics", "/account", "/billing"):
        html = (await ada.open(page)).text
        ids = re.findall(r' id="([^"]+)"', html)
        assert len(ids) == len(set(ids)), page
        fields = re.findall(r'<(?:input|select|textarea)(?![^>]*type="(?:hidden|checkbox)")(?![^>]*aria-hidden)[^>]* id="([^"]+)"', html)
        assert all(f'for="{name}"' in html for name in fields), page
