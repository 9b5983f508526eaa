"""The page of the configuration: changes are saved, compared with what runs, undone or released."""

import re

import pytest

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


async def test_a_saved_change_is_undone(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    await ada.send(path, environment="staging", name="MODE", secretValue="two")
    await ada.send(path, environment="", name="NEW", secretValue="x")
    for name in ("MODE", "NEW"):
        assert (await ada.send(f"{path}/undo", environment="staging", of="staging", name=name)).status_code == 303
    page = await ada.open(f"{path}?environment=staging")
    assert "Not released" not in page.text and "NEW" not in text_of(page)
    again = await ada.send(f"{path}/undo", environment="staging", of="staging", name="MODE")
    assert again.status_code == 409 and "nothing to undo" in text_of(again)


async def test_lines_of_a_file_are_set_at_once_or_refused_with_their_numbers(ada: BrowserOfDeploy) -> None:
    path = f"{ada.path}/configuration"
    refused = await ada.send(path, environment="staging", secretLines="A=1\nnonsense\n")
    assert refused.status_code == 422 and "Correct line 2" in text_of(refused) and "nonsense" in refused.text
    assert (await ada.send(path, environment="staging", secretLines="# c\nA=1\nexport B='x y'\n")).status_code == 303
    page = text_of(await ada.open(f"{path}?environment=staging"))
    assert "A 1 staging" in page and "B x y staging" in page


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
