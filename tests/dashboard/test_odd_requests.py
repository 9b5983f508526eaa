"""Requests that no browser sends: each gets a page that says what is wrong, and nothing becomes a fault of the dashboard."""

import pytest

from tests.dashboard.browser import Browser, text_of


@pytest.fixture(scope="module")
def stranger() -> Browser:
    return Browser()


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "//", "http://a:b@dashboard.example:x", "\u00ff"])
async def test_a_form_from_an_odd_origin_is_refused(stranger: Browser, origin: str) -> None:
    response = await stranger.client.post("/sign-in", data={"email": "a@example.org"}, headers={"origin": origin.encode("latin-1")})  # type: ignore[dict-item]
    assert response.status_code == 403 and "This form was not sent by the dashboard" in text_of(response)


@pytest.mark.parametrize("host", ["[", "a/b?c#d", "\u00ff", "a:99999"])
async def test_the_host_is_not_read_with_the_path(stranger: Browser, host: str) -> None:
    headers = {"host": host.encode("latin-1")}
    assert (await stranger.client.get("/sign-in", headers=headers)).status_code == 200  # type: ignore[arg-type]
    assert (await stranger.client.get("/apps?a=b", headers=headers)).status_code == 404  # type: ignore[arg-type]


async def test_a_question_mark_in_the_path_stays_in_it(stranger: Browser) -> None:
    response = await stranger.client.get("/teams/a%3Fb%23c")
    assert response.status_code == 303 and response.headers["location"].endswith("next=%2Fteams%2Fa%3Fb%23c")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/sign-in", "GET, HEAD, POST"), ("DELETE", "/", "GET, HEAD"), ("POST", "/static/app.css", "GET, HEAD"), ("GET", "/sign-out", "POST")],
)
async def test_a_wrong_method_is_answered_with_the_right_ones(stranger: Browser, method: str, path: str, allowed: str) -> None:
    response = await stranger.client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/static/%00.css", "/static/%ff", "/static/..%2f..%2fdashboard.py", "/static/" + "a" * 5000, "/static/"])
async def test_a_file_that_cannot_be(stranger: Browser, path: str) -> None:
    assert (await stranger.client.get(path)).status_code == 404


@pytest.mark.parametrize("header", ["\u00ff", "bytes=99999999-", "bytes=" + "0-1," * 3000, "bytes=9-1", "bytes=-", "a=0-1", "bytes=0-1"])
async def test_a_range_of_a_file_is_ignored(stranger: Browser, header: str) -> None:
    response = await stranger.client.get("/static/app.css", headers={"range": header.encode("latin-1")})  # type: ignore[dict-item]
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (200, "text/css")
