"""The page of an application that starts from zero: for browsers only, and only if the application wants it."""

import threading
import time
from types import SimpleNamespace

import httpx
import pytest

from knative.local.serving.http.navigation import is_navigation
from knative.local.serving.naming import WAKING_PAGE
from tests.knative.machine import Machine, service, until
from tests.knative.serving.one_pod import OK, answers, measuring_ingress
from tests.knative.serving.test_error_responses import CHROME, FIREFOX
from tests.knative.serving.test_services import env
from tests.proof import proof

SHORT = {"autoscaling.knative.dev/window": "6s"}
NAVIGATION = {"accept": CHROME, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
OVER_HTTP = {"accept": FIREFOX, "upgrade-insecure-requests": "1"}


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", NAVIGATION, True),
        ("GET", OVER_HTTP, True),
        ("POST", NAVIGATION, False),
        ("HEAD", NAVIGATION, False),
        ("GET", {**NAVIGATION, "sec-fetch-mode": "cors"}, False),
        ("GET", {**NAVIGATION, "sec-fetch-mode": "no-cors"}, False),
        ("GET", {**NAVIGATION, "sec-fetch-dest": "iframe"}, False),
        ("GET", {**NAVIGATION, "sec-purpose": "prefetch"}, False),
        ("GET", {**OVER_HTTP, "x-requested-with": "XMLHttpRequest"}, False),
        ("GET", {**OVER_HTTP, "sec-fetch-mode": "same-origin"}, False),
        ("GET", {"accept": FIREFOX}, False),
        ("GET", {"accept": "application/json", "upgrade-insecure-requests": "1"}, False),
        ("GET", {"accept": "*/*"}, False),
        ("GET", {}, False),
    ],
)
def test_what_a_browser_opens_in_a_tab(method: str, headers: dict[str, str], expected: bool) -> None:
    request = SimpleNamespace(method=method, is_upgrade=False, header=lambda name: headers.get(name.decode()))
    assert is_navigation(request) is expected


@pytest.mark.parametrize(
    ("has_page", "start_seconds", "headers", "status"),
    [
        (True, 5.0, NAVIGATION, 503),
        (True, 1.0, NAVIGATION, 200),
        (True, 5.0, {"accept": FIREFOX}, 200),
        (False, 5.0, NAVIGATION, 200),
    ],
)
async def test_who_gets_the_page_and_that_it_is_not_measured(has_page: bool, start_seconds: float, headers: dict[str, str], status: int) -> None:
    async with measuring_ingress(answers(OK)) as (port, routing), httpx.AsyncClient(trust_env=False) as client:
        routing.change(has_waking_page=has_page)
        routing.start_seconds = start_seconds
        answer = await client.get(f"http://127.0.0.1:{port}/", headers={"host": "shop.localhost", **headers})
        assert answer.status_code == status and routing.measured == ([200] if status == 200 else [])


@proof("one-machine-knative")
def test_a_browser_gets_the_page_and_then_the_application(machine: Machine, namespace: str) -> None:
    """A script that waits for the same start gets the application's answer."""
    slow = service(namespace, annotations=SHORT, env=env(SLEEP="5"))
    slow["metadata"].setdefault("annotations", {})[WAKING_PAGE] = "true"
    machine.create(slow)
    ready = machine.ready(namespace, "sample")
    until(lambda: not machine.pods(namespace, "sample"), 30)
    received: list[httpx.Response] = []
    with machine.http(ready) as http:
        script = threading.Thread(target=lambda: received.append(http.get("/", headers={"accept": FIREFOX})))
        started_at = time.monotonic()
        script.start()
        page = http.get("/path?q=1", headers=NAVIGATION)
        assert (page.status_code, page.headers["retry-after"]) == (503, "2") and time.monotonic() - started_at < 5
        assert "Waking up" in page.text and page.headers["refresh"] == "2"
        assert page.headers["cache-control"] == "no-store" and page.headers["x-request-id"] in page.text
        script.join(30)
        assert [each.status_code for each in received] == [200] and "run" in received[0].json()
        assert http.get("/", headers=NAVIGATION).status_code == 200
