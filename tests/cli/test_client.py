"""Asking again: the same change under the same key, after as long as the server says, and not for ever."""

from collections.abc import Callable

import pytest

from cli.client import Client
from cli.failures import Exit, Refused, Unreachable
from tests.cli.scripted import Asked, Said, Scripted, problem

Make = Callable[[Callable[[Asked], Said]], Scripted]
BUSY = problem(503, "unavailable", "Not available right now", headers={"Retry-After": "0"})
UNKNOWN = problem(504, "outcome-unknown", "The outcome is unknown", headers={"Retry-After": "0"})


def first_then(said: list[Said]) -> Callable[[Asked], Said]:
    """One after the other, the last for ever."""
    left = list(said)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("trouble", [BUSY, UNKNOWN, Said(cut=True)], ids=["503", "504", "cut"])
def test_a_change_is_asked_again_with_the_same_key(scripted: Make, trouble: Said) -> None:
    server = scripted(first_then([trouble, trouble, Said(201, {"id": "1"})]))
    assert Client(server.url).post("/v1/apps", {"name": "hello"}) == {"id": "1"}
    assert len(server.asked) == 3
    assert len({each.key for each in server.asked}) == 1 and server.asked[0].key
    assert all(each.body == {"name": "hello"} for each in server.asked)


def test_two_changes_have_two_keys_and_a_question_has_none(scripted: Make) -> None:
    server = scripted(lambda asked: Said(200, {}))
    client = Client(server.url)
    client.post("/v1/apps", {})
    client.delete("/v1/apps/1")
    client.get("/v1/apps")
    first, second, question = server.asked
    assert first.key and second.key and first.key != second.key and question.key is None


def test_it_gives_up_with_what_the_server_said(scripted: Make) -> None:
    server = scripted(lambda asked: BUSY)
    with pytest.raises(Refused) as refused:
        Client(server.url, attempts=3).post("/v1/apps", {})
    assert refused.value.exit is Exit.UNAVAILABLE and refused.value.title == "Not available right now"
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500])
def test_a_no_is_not_asked_again(scripted: Make, status: int) -> None:
    server = scripted(lambda asked: problem(status, "x", "No"))
    with pytest.raises(Refused):
        Client(server.url).post("/v1/apps", {})
    assert len(server.asked) == 1


def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(Unreachable) as nobody:
        Client("http://127.0.0.1:9").get("/v1/apps")
    assert nobody.value.exit is Exit.UNAVAILABLE


def test_an_answer_that_is_no_problem_document_says_what_it_says(scripted: Make) -> None:
    server = scripted(lambda asked: Said(502, "a page of a proxy"))
    with pytest.raises(Refused) as refused:
        Client(server.url).get("/v1/apps")
    assert "502" in refused.value.title and "a page of a proxy" in refused.value.detail


def test_every_page_is_read(scripted: Make) -> None:
    def answer(asked: Asked) -> Said:
        return Said(200, {"items": [{"n": 2}], "next": None} if "cursor=c1" in asked.path else {"items": [{"n": 1}], "next": "c1"})

    assert Client(scripted(answer).url).pages("/v1/apps", limit=1) == [{"n": 1}, {"n": 2}]
