"""Error responses as people and scripts read them: title, detail, faults by field, request id, hint and exit code."""

import re
import time

import pytest

from cli.failures import NEXT_STEPS, ApiError, ApiUnreachable, ExitCode, Failure, retry_hint
from cli.output import failure_lines
from knative.machine.home import PROJECT


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ExitCode.USAGE), (401, ExitCode.NOT_SIGNED_IN), (402, ExitCode.REFUSED), (403, ExitCode.REFUSED), (404, ExitCode.NOT_FOUND),
        (409, ExitCode.REFUSED), (422, ExitCode.USAGE), (429, ExitCode.UNAVAILABLE), (500, ExitCode.FAILED), (503, ExitCode.UNAVAILABLE),
        (504, ExitCode.UNAVAILABLE),
    ],
)  # fmt: skip
def test_each_status_has_its_exit_code(status: int, expected: ExitCode) -> None:
    assert ApiError(status, {}).exit_code is expected


def test_exit_codes_are_stable() -> None:
    assert {each.name: each.value for each in ExitCode} == {
        "OK": 0, "FAILED": 1, "USAGE": 2, "NOT_SIGNED_IN": 3, "NOT_FOUND": 4, "REFUSED": 5, "UNAVAILABLE": 6, "INTERRUPTED": 130,
    }  # fmt: skip


def test_faults_name_their_field() -> None:
    document = {"type": "/problems/invalid", "title": "The input is not valid", "errors": [
        {"pointer": "/variables/A~1B", "detail": "too long", "in": "body"}, {"pointer": "", "detail": "no body", "in": "body"}]}  # fmt: skip
    error = ApiError(422, document, request_id="r-9")
    assert error.faults == [("variables.A/B", "too long"), ("body", "no body")]
    assert (error.type, error.request_id) == ("invalid", "r-9")


def test_json_holds_the_problem_document_the_hint_and_the_exit_code() -> None:
    error = ApiError(404, {"type": "/problems/application-not-found", "title": "None", "requestId": "r-1"})
    assert error.document() == {
        "type": "/problems/application-not-found", "title": "None", "status": 404, "requestId": "r-1", "exitCode": 4, "hint": "capsule apps list",
    }  # fmt: skip


def lines(failure: Failure, *, verbose: bool = False) -> list[str]:
    return [each.plain for each in failure_lines(failure, verbose=verbose)]


def test_one_fault_replaces_title_and_detail() -> None:
    document = {
        "title": "The input is not valid",
        "detail": "See errors.",
        "errors": [{"pointer": "/name", "detail": "is too long", "in": "body"}],
    }
    assert lines(ApiError(422, document)) == ["✗ name: is too long"]


def test_a_refusal_says_more_than_its_field() -> None:
    document = {
        "type": "/problems/volume-quota-exceeded",
        "title": "The plan has no room",
        "errors": [{"pointer": "/sizeMib", "detail": "exceeds the quota"}],
    }
    detail = "The account has 0 of 2,048 MiB of volumes: 2,048 MiB are free, and 102,400 MiB are needed."
    assert lines(ApiError(409, {**document, "detail": detail})) == [f"✗ {detail}"]
    assert lines(ApiError(409, {**document, "detail": ""})) == ["✗ sizeMib: exceeds the quota"]


def test_several_faults_are_listed_once() -> None:
    errors = [{"pointer": f"/{name}", "detail": "is missing", "in": "body"} for name in ("name", "repository")]
    output = lines(ApiError(400, {"title": "Invalid", "errors": errors}))
    assert output == ["✗ The input has 2 faults:", "    name: is missing", "    repository: is missing"]


def test_a_detail_that_repeats_the_title_is_shown_once() -> None:
    assert lines(ApiError(409, {"title": "The name is taken", "detail": "The name is taken."})) == ["✗ The name is taken."]


def test_a_detail_that_is_a_sentence_replaces_the_title() -> None:
    assert lines(ApiError(409, {"title": "Only an open invoice can be paid", "detail": "This invoice is paid."})) == ["✗ This invoice is paid."]
    assert lines(ApiError(500, {"title": "Error", "detail": "no details"})) == ["✗ Error: no details"]


def test_the_request_id_is_shown_for_server_errors_and_with_verbose() -> None:
    refused, broken = (ApiError(status, {"title": "No", "requestId": "r-1"}) for status in (409, 500))
    assert "    request r-1" not in lines(refused)
    assert "    request r-1" in lines(refused, verbose=True)
    assert "    request r-1" in lines(broken)


def test_a_lockout_says_when_to_try_again() -> None:
    now = time.mktime((2026, 11, 28, 17, 52, 0, 0, 0, -1))
    assert retry_hint(900, now) == "Try again in 15 min (at 18:07)."
    assert retry_hint(890, now) == "Try again in 15 min (at 18:07)."
    assert retry_hint(7, now) == "Try again in 7 s."


def test_an_unreachable_api_is_named_with_the_way_to_start_it() -> None:
    failure = ApiUnreachable("http://127.0.0.1:9", "[Errno 111] Connection refused")
    assert lines(failure) == ["✗ Cannot connect to http://127.0.0.1:9: connection refused"]
    assert "./taskw up" in failure.hint and "CAPSULE_API" in failure.hint


def test_every_hint_belongs_to_a_problem_of_the_api() -> None:
    """A renamed problem type loses its hint silently."""
    documented = set(re.findall(r"/problems/([a-z-]+)", (PROJECT / "schemas/openapi.yaml").read_text()))
    assert set(NEXT_STEPS) <= documented, set(NEXT_STEPS) - documented
