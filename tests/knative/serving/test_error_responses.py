"""Error responses of the ingress: an HTML page for browsers, a problem document for other clients, both with a request id."""

import base64
import hashlib
import json
import re

import httpx
import pytest

from knative.local.serving.http.error_responses import Cause, error_response, prefers_html, request_id_of
from tests.knative.machine import Machine

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"


@pytest.mark.parametrize(
    ("accept", "is_html"),
    [
        (FIREFOX, True),
        (CHROME, True),
        ("TEXT/HTML", True),
        ("text/html, application/json", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0, application/problem+json", False),
        ("text/html;q=x", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        (None, False),
    ],
)
def test_only_clients_that_prefer_html_get_a_page(accept: str | None, is_html: bool) -> None:
    assert prefers_html(accept) is is_html


def test_a_page_escapes_its_detail() -> None:
    response = error_response(502, "<script>alert(1)</script> & more", "a-request-id", FIREFOX)
    page = response.body.decode()
    assert response.content_type == "text/html; charset=utf-8"
    assert "<script>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "a-request-id" in page and "Bad Gateway" in page


@pytest.mark.parametrize("cause", list(Cause))
def test_pages_load_nothing_and_their_style_is_the_one_that_the_policy_allows(cause: Cause) -> None:
    response = error_response(503, "Detail.", "a-request-id", FIREFOX, cause)
    page, headers = response.body.decode(), dict(line.split(": ", 1) for line in response.headers)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in headers["content-security-policy"] and "default-src 'none'" in headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|src=|url\(|style=|https?:", page)
    assert ("refresh" in headers) == ('progress">' in page) == (cause is Cause.WAKING_UP)
    assert ("Error 503" in page) == (cause is Cause.FAILURE)


def test_a_problem_document_names_the_request() -> None:
    response = error_response(404, "No application has this host name.", "a-request-id", None)
    assert response.content_type == "application/problem+json"
    assert json.loads(response.body) == {
        "type": "about:blank", "title": "Not Found", "status": 404, "detail": "No application has this host name.", "requestId": "a-request-id",
    }  # fmt: skip


@pytest.mark.parametrize("header", [None, "", "short", "a" * 129, "abc def ghi", "<script>alert(1)", "x\r\nSet-Cookie: y"])
def test_an_unacceptable_request_id_is_replaced(header: str | None) -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", request_id_of(header))


def test_an_acceptable_request_id_is_kept() -> None:
    assert request_id_of("01980000-abc.def:1") == "01980000-abc.def:1"


def test_the_ingress_answers_browsers_with_a_page_and_others_with_json(machine: Machine) -> None:
    browser = httpx.get(machine.ingress, headers={"Host": "nobody.localhost", "Accept": FIREFOX, "X-Request-Id": "test-request-1"})
    assert (browser.status_code, browser.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert browser.headers["x-request-id"] == "test-request-1" and "test-request-1" in browser.text
    assert "No application has this host name." in browser.text and browser.headers["vary"] == "accept"
    client = httpx.get(machine.ingress, headers={"Host": "nobody.localhost"})
    assert client.headers["content-type"] == "application/problem+json"
    assert client.json()["requestId"] == client.headers["x-request-id"]
    head = httpx.head(machine.ingress, headers={"Host": "nobody.localhost", "Accept": FIREFOX})
    assert head.status_code == 404 and head.content == b"" and int(head.headers["content-length"]) > 0
