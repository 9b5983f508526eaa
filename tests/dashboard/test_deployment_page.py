"""The page that explains a deployment, the log with JSON fields and context, and the palette."""

import re
from datetime import timedelta
from html import unescape

import orjson
import pytest

from events.deployments import DeploymentRequested
from functions.deploy.domain import observation
from functions.edge.dashboard.gantt import bars
from functions.edge.dashboard.log_parts import log_parts
from functions.edge.dashboard.remedies import MISSING_VARIABLE, RESTRICTIONS, SENTENCES, remedy
from functions.edge.dashboard.source_links import commit_url, compare_url
from tests.dashboard.application import BrowserOfDeploy, deployed
from tests.dashboard.browser import Browser, text_of
from tests.dashboard.furnished_application import collect, furnish_application


@pytest.fixture
async def hello() -> tuple[BrowserOfDeploy, str]:
    ada = await deployed()
    return ada, await furnish_application(ada)


async def test_a_failure_states_cause_and_next_step_first(hello: tuple[BrowserOfDeploy, str]) -> None:
    ada, failed = hello
    page = text_of(await ada.open(failed))
    cause, step, log = page.index("requirements.txt asks for fastapi==0.999"), page.index("Next:"), page.index("Log All logs")
    assert cause < step < log and "r1 keeps serving staging" in page and "No solution found" in page
    assert "Promote" not in page and "Roll back" not in page
    assert "with 5xx" not in page.partition("Log All logs")[0] and "observed" not in page, "requests of other releases"


async def test_a_deployment_is_explained_from_commit_to_traffic(hello: tuple[BrowserOfDeploy, str]) -> None:
    ada, _ = hello
    listed = (await ada.open(f"{ada.path}/deployments")).text
    newest, *_ = re.findall(rf'href="({ada.path}/deployments/[^"]+)">r\d<', listed)
    page = await ada.open(newest)
    text = text_of(page)
    parts = ("r2 to staging", "Promote to production", "Roll back to r1", "c0ffee0…5ca1ab1", "Recognized: Python", "Traffic around it", "Build 4.2 s")
    assert [part for part in parts if part not in text] == [] and re.search(r"[34]\.\d % with 5xx", text)
    assert page.text.count("<svg") >= 2


async def test_the_timeline_shows_each_function_with_its_bar(hello: tuple[BrowserOfDeploy, str]) -> None:
    ada, _ = hello
    listed = (await ada.open(f"{ada.path}/deployments")).text
    *_, first = re.findall(rf'href="({ada.path}/deployments/[^"]+)">r\d<', listed)
    page = await ada.open(first)
    assert "r1 served. r2 serves staging now." in text_of(page)
    assert "deploy.on_build_succeeded" in page.text and "cold start" in page.text and "<rect " in page.text


async def test_lines_of_json_are_filtered_by_a_field_and_shown_with_their_context(hello: tuple[BrowserOfDeploy, str]) -> None:
    ada, _ = hello
    page = await ada.open(f"{ada.path}/logs?search=order&where=level%3Derror")
    assert 'data-where="http.request_id=req-0008"' in page.text and "served" not in page.text
    [context, *_] = re.findall(r'href="([^"]+\?around=[^"]+)"', page.text)
    around = text_of(await ada.open(unescape(context)))
    assert "Lines of the minute around" in around and "served" in around and "could not read the order" in around
    refused = await ada.open(f"{ada.path}/logs?where=nonsense")
    assert refused.status_code == 422 and "is not a condition" in text_of(refused)


async def test_the_palette_lists_applications_of_the_visitor_only(hello: tuple[BrowserOfDeploy, str]) -> None:
    ada, _ = hello
    listed = await ada.open("/palette")
    assert f'href="{ada.path}/logs"' in listed.text and "/operations" not in listed.text
    bob = await Browser(ada.capsule).become_a_user("bob@example.org")
    assert "hello" not in (await bob.open("/palette")).text
    assert "Find a page" in text_of(await bob.open("/shortcuts"))


def test_every_reason_of_a_failure_has_a_next_step() -> None:
    named = {
        value for value in vars(observation).values() if isinstance(value, str) and re.fullmatch(r"[a-z]+(-[a-z]+)+|removed|unhealthy|crashes", value)
    }
    without = {"application-deleted"}  # its pages are gone
    assert (named | observation.BUILD_REASONS) - without - set(RESTRICTIONS) <= set(SENTENCES) | {observation.CANCELLED}


def test_a_missing_variable_leads_to_the_configuration() -> None:
    view = {"reason": "exits-at-start", "detail": "KeyError: 'DATABASE_URL'", "environment": "staging"}
    found = remedy({"id": "1"}, view)
    assert MISSING_VARIABLE.search(view["detail"]) and (found.sentence, found.path) == (
        "Set the variable DATABASE_URL.",
        "/apps/1/configuration?environment=staging",
    )


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("https://github.com/ada/hello.git", "https://github.com/ada/hello/compare/a...b"),
        ("git@gitlab.com:group/sub/hello.git", "https://gitlab.com/group/sub/hello/-/compare/a...b"),
        ("https://bitbucket.org/ada/hello", "https://bitbucket.org/ada/hello/branches/compare/b..a"),
        ("https://github.com.evil.example/ada/hello.git", ""),
        ("https://git.example.com/ada/hello.git", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_changes_are_linked_at_known_hosts_only(repository: str, url: str) -> None:
    assert compare_url(repository, "a", "b") == url
    assert bool(commit_url(repository, "a")) == bool(url) and compare_url(repository, "a", "a") == ""


def test_bars_begin_and_end_with_the_timeline() -> None:
    entries = [{"at": "2026-11-29T09:00:00Z", "durationMs": 1000.0}, {"at": "2026-11-29T09:00:03Z", "durationMs": 1000.0}]
    first, second = bars(entries)
    assert (first["x"], first["width"], second["offsetSeconds"]) == (0.0, 50.0, 3.0) and second["x"] + second["width"] <= 200
    assert bars([]) == [] and bars([{**entries[0], "durationMs": 0.0}])[0]["width"] == 3.0


async def test_the_context_of_a_line_is_of_its_environment_and_has_it_however_many_others_there_are() -> None:
    ada = await deployed()
    await ada.deploy_to("production")
    staging, production = [await ada.deploy.deployments.get(each.deployment_id) for each in ada.deploy.events(DeploymentRequested)]
    at = ada.deploy.clock.now()
    busy = [(at + timedelta(milliseconds=10 * number), f"busy {number}") for number in range(-1100, 1100)]
    await collect(ada, staging, "run", sorted([*busy, (at, "the needle")]))
    await collect(ada, staging, "build", [(at, "of the build")])
    await collect(ada, production, "run", [(at, "of production")])
    [context] = re.findall(r'href="([^"]+\?around=[^"]+)"', (await ada.open(f"{ada.path}/logs?search=needle")).text)
    page = text_of(await ada.open(unescape(context)))
    assert "the needle" in page and "busy -1 " in page and "busy 1 " in page and "of the build" not in page and "of production" not in page


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-29T09:00:00", "yesterday"])
async def test_the_newest_lines_are_shown_for_a_moment_that_is_none(moment: str) -> None:
    ada = await Browser().become_a_user()
    page = await ada.open(f"{await ada.create()}/logs?around={moment}")
    assert page.status_code == 200 and "Lines of the minute" not in page.text


@pytest.mark.parametrize("line", ["plain", "{", "[1]", "{}", '{"a": ', "{nonsense}", '{"a": ' + "[" * 300 + "]" * 300 + "}"])
def test_what_is_no_json_object_is_shown_as_it_is(line: str) -> None:
    assert log_parts(line) is None


def test_a_json_line_has_level_message_and_fields() -> None:
    parts = log_parts('{"level": "ERROR", "msg": "no", "http": {"status": 500}, "q": "a,b", "n": null}')
    assert parts is not None and (parts.level, parts.tone, parts.message) == ("ERROR", "error", "no")
    assert [(each.name, each.value, each.condition) for each in parts.fields] == [
        ("http.status", "500", "http.status=500"),
        ("q", "a,b", ""),
        ("n", "null", ""),
    ]


@pytest.mark.parametrize("name", ["http.status", "ready!", "a b", "a$", "", "a=b", "n" * 101])
def test_a_field_that_the_filter_cannot_name_is_no_condition(name: str) -> None:
    """`http.status=500` is the field `status` of the object `http`, and `ready!=true` the opposite of what was pressed."""
    parts = log_parts(orjson.dumps({name: "x", "outer": {name: "x"}, "tab": "x\t", "good": "x"}).decode())
    assert parts is not None
    assert [each.condition for each in parts.fields] == ["", "", "", "good=x"]
