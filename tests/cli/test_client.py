"""Retries with the same Idempotency-Key, error responses, and lists."""

from collections.abc import Callable

import httpx
import pytest

from cli.client import Client
from cli.failures import ApiError, ApiUnreachable, ExitCode
from tests.cli.scripted import Request, Response, ScriptedServer, problem

StartServer = Callable[[Callable[[Request], Response]], ScriptedServer]
BUSY = problem(503, "unavailable", "Not available right now", headers={"Retry-After": "0"})
LIMITED = problem(429, "too-many-requests", "Too many requests", headers={"Retry-After": "0"})
UNKNOWN = problem(504, "outcome-unknown", "The outcome is unknown", headers={"Retry-After": "0"})


def in_turn(responses: list[Response]) -> Callable[[Request], Response]:
    """Return one response after the other, then the last one again."""
    remaining = list(responses)
    return lambda request: remaining.pop(0) if len(remaining) > 1 else remaining[0]


@pytest.mark.parametrize("failure", [LIMITED, BUSY, UNKNOWN, Response(is_cut=True)], ids=["429", "503", "504", "broken connection"])
def test_a_change_is_retried_with_the_same_key(scripted: StartServer, failure: Response) -> None:
    server = scripted(in_turn([failure, failure, Response(201, {"id": "1"})]))
    assert Client(server.url).post("/v1/apps", {"name": "hello"}) == {"id": "1"}
    assert len(server.requests) == 3
    assert len({each.idempotency_key for each in server.requests}) == 1 and server.requests[0].idempotency_key
    assert all(each.body == {"name": "hello"} for each in server.requests)


def test_each_change_has_its_own_key_and_a_read_has_none(scripted: StartServer) -> None:
    server = scripted(lambda request: Response(200, {}))
    client = Client(server.url)
    client.post("/v1/apps", {})
    client.delete("/v1/apps/1")
    client.get("/v1/apps")
    first, second, read = (each.idempotency_key for each in server.requests)
    assert first and second and first != second and read is None


def test_a_read_that_is_repeated_sends_the_etag_and_gets_the_unchanged_answer(scripted: StartServer) -> None:
    def respond(request: Request) -> Response:
        is_known = request.headers.get("If-None-Match") == '"1"' and len(server.requests) < 4
        return Response(304) if is_known else Response(200, {"number": len(server.requests)}, headers={"ETag": '"1"'})

    server = scripted(respond)
    client = Client(server.url)
    assert [client.get("/v1/apps/1", limit=1) for _ in range(4)] == [{"number": 1}, {"number": 1}, {"number": 1}, {"number": 4}]
    assert client.get("/v1/apps/1", limit=2) == {"number": 5}, "another query is another resource"
    assert [request.headers.get("If-None-Match") for request in server.requests] == [None, '"1"', '"1"', '"1"', None]


def test_after_the_last_attempt_the_servers_problem_is_raised(scripted: StartServer) -> None:
    server = scripted(lambda request: BUSY)
    with pytest.raises(ApiError) as error:
        Client(server.url, max_attempts=3).post("/v1/apps", {})
    assert error.value.exit_code is ExitCode.UNAVAILABLE and error.value.title == "Not available right now"
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500])
def test_other_error_statuses_are_not_retried(scripted: StartServer, status: int) -> None:
    server = scripted(lambda request: problem(status, "x", "No"))
    with pytest.raises(ApiError):
        Client(server.url).post("/v1/apps", {})
    assert len(server.requests) == 1


def test_a_wait_is_announced(scripted: StartServer) -> None:
    limited = problem(429, "too-many-requests", "Too many requests", headers={"Retry-After": "2"})
    server = scripted(in_turn([limited, Response(200, {})]))
    notes: list[str] = []
    Client(server.url, on_wait=notes.append).get("/v1/apps")
    assert notes == ["Too many requests. Trying again in 2 s."]


@pytest.mark.parametrize(("slug", "seconds"), [("too-many-requests", "31"), ("account-locked", "1")])
def test_a_long_wait_and_a_refusal_of_a_function_end_at_once(scripted: StartServer, slug: str, seconds: str) -> None:
    server = scripted(lambda request: problem(429, slug, "No", headers={"Retry-After": seconds}))
    with pytest.raises(ApiError) as error:
        Client(server.url).post("/v1/sessions", {})
    assert len(server.requests) == 1 and f"Try again in {seconds} s." in error.value.hint


def test_a_refused_connection_fails_at_once() -> None:
    with pytest.raises(ApiUnreachable) as error:
        Client("http://127.0.0.1:9").get("/v1/apps")
    assert error.value.exit_code is ExitCode.UNAVAILABLE


def test_a_connection_that_fails_later_is_tried_again() -> None:
    """A deployment is followed over the restart of a gateway, or a look-up of its name that fails."""
    answers = iter([True, False, False, True])

    def handle(request: httpx.Request) -> httpx.Response:
        if not next(answers):
            raise httpx.ConnectError("[Errno -3] Temporary failure in name resolution")
        return httpx.Response(200, json={"items": []})

    client = Client("https://api.example.org", transport=httpx.MockTransport(handle))
    for _ in range(2):
        client.get("/v1/apps")
    assert next(answers, None) is None


def test_an_address_elsewhere_that_cannot_be_reached_is_to_be_checked() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno -2] Name or service not known")

    with pytest.raises(ApiUnreachable, match=r"api\.example\.org") as error:
        Client("https://api.example.org", transport=httpx.MockTransport(handle)).get("/v1/apps")
    assert "Check the address" in error.value.hint and "taskw" not in error.value.hint


def test_a_response_without_a_problem_document_shows_its_status_and_text(scripted: StartServer) -> None:
    server = scripted(lambda request: Response(502, "a page of a proxy"))
    with pytest.raises(ApiError) as error:
        Client(server.url).get("/v1/apps")
    assert "502" in error.value.title and "a page of a proxy" in error.value.detail


def test_all_pages_of_a_list_are_read(scripted: StartServer) -> None:
    def respond(request: Request) -> Response:
        return Response(200, {"items": [{"n": 2}], "next": None} if "cursor=c1" in request.path else {"items": [{"n": 1}], "next": "c1"})

    assert Client(scripted(respond).url).items("/v1/apps", limit=1) == [{"n": 1}, {"n": 2}]


def test_one_page_of_a_list_is_read(scripted: StartServer) -> None:
    server = scripted(lambda request: Response(200, {"items": [{"n": 1}], "next": "c1"}))
    assert Client(server.url).page("/v1/apps") == [{"n": 1}]


def test_the_wait_of_retry_after_is_in_the_hint(scripted: StartServer) -> None:
    server = scripted(lambda request: problem(429, "account-locked", "Too many failed sign-ins", headers={"Retry-After": "900"}))
    with pytest.raises(ApiError) as error:
        Client(server.url).post("/v1/sessions", {})
    assert error.value.hint.startswith("Try again in 15 min (at ")
