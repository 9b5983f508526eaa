"""A no of the API is read by people and by scripts: title, detail, faults by field, the request's id, and an exit code of its kind."""

import pytest

from cli.failures import Exit, Refused


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Exit.USAGE), (401, Exit.NOT_SIGNED_IN), (402, Exit.REFUSED), (403, Exit.REFUSED), (404, Exit.NOT_FOUND), (409, Exit.REFUSED),
        (422, Exit.USAGE), (429, Exit.UNAVAILABLE), (500, Exit.FAILED), (503, Exit.UNAVAILABLE), (504, Exit.UNAVAILABLE),
    ],
)  # fmt: skip
def test_each_kind_of_no_has_its_exit_code(status: int, expected: Exit) -> None:
    assert Refused(status, {}).exit is expected


def test_the_numbers_are_a_promise() -> None:
    assert {each.name: each.value for each in Exit} == {
        "DONE": 0, "FAILED": 1, "USAGE": 2, "NOT_SIGNED_IN": 3, "NOT_FOUND": 4, "REFUSED": 5, "UNAVAILABLE": 6, "INTERRUPTED": 130,
    }  # fmt: skip


def test_faults_are_named_by_their_field() -> None:
    document = {"type": "/problems/invalid", "title": "The input is not acceptable", "errors": [
        {"pointer": "/variables/A~1B", "detail": "too long", "in": "body"}, {"pointer": "", "detail": "no body", "in": "body"}]}  # fmt: skip
    refused = Refused(422, document, "r-9")
    assert refused.faults == [("variables.A/B", "too long"), ("body", "no body")]
    assert (refused.type, refused.request_id) == ("invalid", "r-9")


def test_a_script_gets_the_problem_document_and_the_exit_code() -> None:
    refused = Refused(404, {"type": "/problems/application-not-found", "title": "None", "requestId": "r-1"})
    assert refused.document() == {"type": "/problems/application-not-found", "title": "None", "status": 404, "requestId": "r-1", "exitCode": 4}
