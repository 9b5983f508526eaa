"""The page of the configuration: changes are saved, compared with what runs, undone or released."""

import re
from uuid import UUID

import httpx
import pytest

from functions.deploy.commands.stop_environment import StopEnvironment
from functions.deploy.queries.application_configuration import ShowApplicationConfiguration
from functions.deploy.queries.environment_configuration import ShowEnvironmentConfiguration
from functions.edge.dashboard.pages.configuration import parse_lines
from tests.dashboard.application import BrowserOfDeploy, deployed
from tests.dashboard.browser import text_of


@pytest.fixture
async def ada() -> BrowserOfDeploy:
    return await deployed()


def diff(page: str) -> str:
    return re.sub(r"\s+", " ", page.partition('<div class="diff"')[2].partition("</section>")[0])


async def test_saved_changes_are_compared_with_what_runs_and_released(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    saved = await ada.send(path, environment="staging", name="MODE", secretValue="two")
    assert saved.headers["location"] == f"{path}?done=configuration-saved&environment=staging"
    await ada.send(path, environment="", name="TOKEN", secretValue="hidden-value", is_secret="on")
    for page in (await ada.open(path), await ada.open(f"{path}?environment=staging")):
        changes = diff(page.text)
        assert "MODE=one" in changes and "MODE=two" in changes and "TOKEN=<i>secret</i>" in changes and "hidden-value" not in page.text
    released = await ada.send(f"{path}/release", environment="staging")
    assert re.fullmatch(rf"{ada.path}/deployments/[\w-]+\?done=configuration-deploying", released.headers["location"])
    await ada.complete_last()
    assert "Not released" not in (await ada.open(path)).text
    assert (await ada.send(f"{path}/release", environment="staging")).headers["location"].startswith(f"{path}?done=configuration-saved")


def undo_form(page: httpx.Response, name: str) -> dict[str, str]:
    """The fields of the form that undoes the change of a variable."""
    forms = re.findall(r'action="[^"]+/undo">(.*?)</form>', page.text)
    [fields] = [fields for form in forms if (fields := dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form)))["name"] == name]
    return fields


async def undo(ada: BrowserOfDeploy, name: str, environment: str = "staging") -> httpx.Response:
    """Press the button of a variable on the page of an environment."""
    page = await ada.open(f"{ada.path}/configuration?environment={environment}")
    return await ada.send(f"{ada.path}/configuration/undo", **undo_form(page, name))


async def values(ada: BrowserOfDeploy, environment: str = "") -> dict[str, tuple[str | None, str]]:
    """Name → value and scope of what is saved: for all environments, or as it applies in one."""
    application_id = UUID(ada.path.rpartition("/")[2])
    request = (
        ShowEnvironmentConfiguration(application_id=application_id, environment=environment)
        if environment
        else ShowApplicationConfiguration(application_id=application_id)
    )
    view = await ada.capsule.call(request, caller=ada.caller())
    return {each.name: (each.value, each.scope) for each in view.entries}


async def test_a_saved_change_is_undone(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    await ada.send(path, environment="staging", name="MODE", secretValue="two")
    await ada.send(path, environment="", name="NEW", secretValue="x")
    page = await ada.open(f"{path}?environment=staging")
    assert "Undo NEW in all environments" in text_of(page) and "Undo MODE in all" not in text_of(page)
    for name in ("MODE", "NEW"):
        assert (await undo(ada, name)).status_code == 303
    after = await ada.open(f"{path}?environment=staging")
    assert "Not released" not in after.text and "NEW" not in text_of(after)
    again = await ada.send(f"{path}/undo", **undo_form(page, "MODE"))
    assert again.status_code == 409 and "nothing to undo" in text_of(again)


async def test_undoing_a_removed_override_leaves_other_environments_alone(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    await ada.send(path, environment="", name="MODE", secretValue="shared")
    await ada.send(path, environment="staging", unset="MODE")
    assert await values(ada, "staging") == {"MODE": ("shared", "application")}
    assert (await undo(ada, "MODE")).status_code == 303
    assert await values(ada) == {"MODE": ("shared", "application")}
    assert await values(ada, "staging") == {"MODE": ("one", "environment")}
    assert "Not released" not in (await ada.open(f"{path}?environment=staging")).text


async def test_what_was_shared_is_shared_again_after_undoing(ada: BrowserOfDeploy) -> None:
    """Of a shared variable that is removed, and of ones that the environment overrides."""
    path, shared = f"{ada.path}/configuration", {"A": "1", "B": "2", "TOKEN": "hidden"}
    for name, value in shared.items():
        await ada.send(path, environment="", name=name, secretValue=value, **({"is_secret": "on"} if name == "TOKEN" else {}))
    await ada.send(f"{path}/release", environment="staging")
    await ada.complete_last()
    before = await values(ada, "staging")
    await ada.send(path, environment="", unset="A")
    await ada.send(path, environment="staging", name="B", secretValue="own")
    await ada.send(path, environment="staging", name="TOKEN", secretValue="own", is_secret="on")
    for name in shared:
        assert (await undo(ada, name)).headers["location"] == f"{path}?done=configuration-saved&environment=staging"
    assert await values(ada, "staging") == before and before["A"] == ("1", "application")
    assert "Not released" not in (await ada.open(f"{path}?environment=staging")).text


async def test_a_value_that_changed_since_the_page_was_opened_is_not_undone(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    await ada.send(path, environment="staging", name="MODE", secretValue="two")
    page = await ada.open(f"{path}?environment=staging")
    await ada.send(path, environment="staging", name="MODE", secretValue="of somebody else")
    refused = await ada.send(f"{path}/undo", **undo_form(page, "MODE"))
    assert refused.status_code == 409 and "MODE has changed in the meantime" in text_of(refused)
    assert (await values(ada, "staging"))["MODE"][0] == "of somebody else"
    assert (await ada.send(f"{path}/undo", environment="staging", of="staging", name="MODE")).status_code == 409
    assert (await undo(ada, "MODE")).status_code == 303 and (await values(ada, "staging"))["MODE"][0] == "one"


async def test_lines_of_a_file_are_set_at_once_or_refused_with_their_numbers(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    refused = await ada.send(path, environment="staging", secretLines="A=1\nnonsense\n")
    assert refused.status_code == 422 and "Correct line 2" in text_of(refused) and "nonsense" in refused.text
    assert (await ada.send(path, environment="staging", secretLines="# c\nA=1\nexport B='x y'\n")).status_code == 303
    page = text_of(await ada.open(f"{path}?environment=staging"))
    assert "A 1 staging" in page and "B x y staging" in page


async def test_lines_that_set_nothing_do_not_release_what_others_have_saved(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    await ada.send(path, environment="staging", name="MODE", secretValue="two")
    for lines in ("# only a comment\n", "\n", ""):
        refused = await ada.send(path, environment="staging", secretLines=lines, deploy="on")
        assert refused.status_code == 422 and "No line sets a value" in text_of(refused), lines
    assert "Not released in staging" in text_of(await ada.open(path))


async def test_a_stopped_environment_gets_what_is_saved_when_it_starts(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    await ada.send(path, environment="staging", name="MODE", secretValue="two")
    await ada.capsule.call(StopEnvironment(application_id=UUID(ada.path.rpartition("/")[2]), environment="staging"), caller=ada.caller())
    await ada.capsule.settle()
    page = await ada.open(path)
    assert "staging is stopped. It gets this change when it runs again." in text_of(page) and "Release to staging" not in page.text
    for answer in (
        await ada.send(f"{path}/release", environment="staging"),
        await ada.send(path, environment="staging", name="A", secretValue="1", deploy="on"),
    ):
        assert answer.headers["location"] == f"{path}?done=configuration-waiting&environment=staging"
    assert "It gets the newest configuration when it runs again" in text_of(await ada.open(answer.headers["location"]))


@pytest.mark.parametrize(
    ("text", "values", "faults"),
    [
        ("", {}, []),
        ("A=b=c\n# comment\nexport B='x y' # z", {"A": "b=c", "B": "x y"}, []),
        ('KEY="two\nlines"', {"KEY": "two\nlines"}, []),
        ("A=\nB=${A}", {"A": "", "B": "${A}"}, []),
        ("A=1\n\nnonsense\nB='open", {"A": "1"}, [3, 4]),
    ],
)
def test_lines_are_read_as_python_dotenv_reads_them(text: str, values: dict[str, str], faults: list[int]) -> None:
    assert parse_lines(text) == (values, faults)
