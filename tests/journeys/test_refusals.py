"""What a client can get wrong, at every address that the API says it has: a problem document with its own reason, nothing half done."""

import json
import re
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest

from functions.runtime.execution import recent_facts
from functions.runtime.security.tokens import new_signing_key
from tests.journeys.people import Person
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof

LAST_WORDS = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def operations(whole: Whole) -> list[tuple[str, str, Json]]:
    """(method, path, operation) of the API's own description."""
    paths = whole.send("GET", "/openapi.json").json()["paths"]
    found = [
        (method.upper(), path, each) for path, methods in paths.items() for method, each in methods.items() if method in ("get", "post", "delete")
    ]
    assert len(found) > 20
    return [each for each in found if each[1].startswith("/v1/")]


@pytest.fixture(scope="module")
def application(whole: Whole, ada: Person) -> Json:
    return ada.create(whole.repository(f"r-{secrets.token_hex(3)}", {"index.html": "here"}).url)


def problem(answer: httpx.Response, status: int, kind: str) -> Json:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (answer.request.url, answer.text)
    document: Json = answer.json()
    assert document["type"] == f"/problems/{kind}", document
    assert document["status"] == status and document["title"] and document["detail"]
    assert document["requestId"] == answer.headers["x-request-id"]
    return document


def address(path: str) -> str:
    return LAST_WORDS.sub(lambda _: str(uuid.uuid4()), path)


def test_without_a_token_or_with_a_bad_one_every_closed_address_is_closed(whole: Whole, ada: Person, operations: list[tuple[str, str, Json]]) -> None:
    claims = jwt.decode(ada.session["accessToken"], options={"verify_signature": False})
    key = json.loads((whole.home.secrets / "auth-signing.json").read_text())["keys"][0]
    now = int(datetime.now(UTC).timestamp())

    def signed(key: Json, **over: Any) -> str:
        header = {"kid": key["kid"], "typ": "at+jwt"}
        return jwt.encode({**claims, **over}, jwt.PyJWK(key), key["alg"], header)

    whole_again = signed(key)
    assert whole.send("GET", "/v1/users/me", headers={"Authorization": f"Bearer {whole_again}"}).status_code == 200, "the test forges badly"
    bad = {
        "stale": signed(key, iat=now - 7200, exp=now - 3600),
        "forged": signed(new_signing_key()),
        "forged under our key's name": signed({**new_signing_key(), "kid": key["kid"]}),
        "for another audience": signed(key, aud="elsewhere"),
        "unsigned": jwt.encode(claims, "", algorithm="none"),
        "no token": "x",
    }
    closed = [(method, path) for method, path, each in operations if "security" not in each]  # the document's own: a token
    assert len(closed) > 12
    for method, path in closed:
        assert "error=" not in problem_at(whole, method, path, None).headers["www-authenticate"]
        refused = problem_at(whole, method, path, bad["stale"])
        assert 'error="invalid_token"' in refused.headers["www-authenticate"] and "expired" in refused.json()["detail"]
    for token in bad.values():
        problem_at(whole, "GET", "/v1/users/me", token)
        problem_at(whole, "POST", "/v1/apps", token)


def problem_at(whole: Whole, method: str, path: str, token: str | None) -> httpx.Response:
    answer = whole.send(method, address(path), headers={"Authorization": f"Bearer {token}"} if token else None)
    problem(answer, 401, "unauthenticated")
    return answer


def test_what_is_no_json_or_has_other_fields_or_types_is_refused_everywhere(ada: Person, operations: list[tuple[str, str, Json]]) -> None:
    taking = [
        (path, each) for method, path, each in operations if method == "POST" and "application/json" in each.get("requestBody", {}).get("content", {})
    ]
    assert len(taking) > 6
    before = ada.get("/v1/apps")
    for path, _ in taking:
        where = address(path)
        authorization = {"Authorization": f"Bearer {ada.session['accessToken']}"}
        for text in (b'{"email": ', b"\xff\xfe", b"{'a': 1}"):
            answer = ada.whole.send("POST", where, content=text, headers={**authorization, "Content-Type": "application/json"})
            problem(answer, 400, "invalid-json")
        problem(ada.whole.send("POST", where, content=b"a=1", headers={**authorization, "Content-Type": "text/plain"}), 415, "unsupported-media-type")
        unknown = problem(ada.send("POST", where, {"surprise": 1}), 422, "invalid")
        assert "/surprise" in {fault["pointer"] for fault in unknown["errors"]}, unknown
    typed = problem(ada.send("POST", "/v1/apps", {"name": 7, "repository": ["x"]}), 422, "invalid")
    assert {fault["pointer"] for fault in typed["errors"]} == {"/name", "/repository"}
    moon = problem(ada.send("POST", f"/v1/apps/{uuid.uuid4()}/deployments", {"environment": 7}), 422, "invalid")
    assert [fault["pointer"] for fault in moon["errors"]] == ["/environment"]
    assert problem(ada.send("GET", "/v1/apps/7"), 422, "invalid")["errors"][0]["in"] == "path"
    assert ada.get("/v1/apps") == before, "something refused was done"


def test_where_nothing_is(ada: Person) -> None:
    problem(ada.send("GET", "/v2/apps"), 404, "no-such-route")
    problem(ada.send("GET", "/v1/apps/"), 404, "no-such-route")
    answer = ada.send("PUT", "/v1/apps")
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
    problem(ada.send("GET", f"/v1/apps/{uuid.uuid4()}"), 404, "application-not-found")
    problem(ada.send("GET", f"/v1/timeline/{uuid.uuid4()}"), 404, "timeline-not-found")


@proof("failures")
def test_another_s_application_is_answered_like_none(whole: Whole, ada: Person, application: Json) -> None:
    """Word for word but for the id in the request, so that nobody learns what exists. The application is left as it was."""
    eve = Person(whole).become_a_user()
    created_at = (uuid.UUID(application["id"]).int >> 80) / 1000  # RFC 9562, section 5.7
    time.sleep(max(0.0, created_at + recent_facts.RECENT.total_seconds() + 1 - time.time()))  # a younger id is waited for: 503
    mine, none = f"/v1/apps/{application['id']}", f"/v1/apps/{uuid.uuid4()}"
    for method, below, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/deployments", None),
        ("POST", "/deployments", {"environment": "staging"}),
        ("GET", f"/deployments/{uuid.uuid4()}", None),
        ("GET", "/logs", None),
        ("GET", "/metrics", None),
    ):
        hers, nobodys = (problem(eve.send(method, path + below, body), 404, "application-not-found") for path in (mine, none))
        different = {name for name in hers if str(hers[name]).replace(mine[9:], none[9:]) != str(nobodys[name])}
        assert different <= {"requestId"}, (hers, nobodys)
    assert application["id"] not in str(eve.get("/v1/apps"))
    assert ada.get(mine)["id"] == application["id"]
    assert ada.get(f"{mine}/deployments")["items"] == []


@proof("failures")
@pytest.mark.parametrize(
    ("files", "ref", "reason", "says"),
    [
        (None, None, "repository-not-found", "repository"),
        ({"README.md": "nothing to run"}, None, "not-recognized", "Procfile"),
        ({"index.html": "here"}, "no-such-branch", "ref-not-found", "no-such-branch"),
        ({"Procfile": "web: sh -c 'exit 3'"}, None, "exits-at-start", "3"),
    ],
    ids=["missing", "nothing-to-run", "no-such-branch", "ends-at-once"],
)
def test_what_cannot_be_deployed_fails_with_its_own_reason(whole: Whole, files: Json | None, ref: str | None, reason: str, says: str) -> None:
    """And can be mended: what failed has left nothing that the next deployment would stumble over."""
    person = Person(whole).become_a_user()
    name = f"{reason}-{secrets.token_hex(2)}"
    elsewhere = whole.repository(f"other-{secrets.token_hex(2)}", {"index.html": "x"}).url.rpartition("/")[0]
    url = whole.repository(name, files).url if files is not None else f"{elsewhere}/{name}.git"
    application = person.create(url)
    failed = person.deploy(application, ref)
    assert (failed["status"], failed["reason"]) == ("failed", reason), failed
    assert says in failed["detail"]
    assert failed["url"] is None
    services = whole.cluster.find("serving.knative.dev/v1", "Service", labels=f"capsule.dev/application={application['id']}")
    if reason != "exits-at-start":
        assert services == [] and failed["release"] is None
    repository = whole.repository(name, {"index.html": "mended"})
    repository.commit({"index.html": "mended", **{file: None for file in files or {} if file == "Procfile"}}, "Mend it")
    mended = person.deploy(application)
    assert mended["status"] == "succeeded", mended
    assert until(lambda: whole.visit(mended["url"]).text == "mended", why="until the mended page is there")


@proof("failures")
def test_one_at_a_time(whole: Whole, ada: Person, application: Json) -> None:
    running = ada.ask_to_deploy(application)
    problem(ada.send("POST", f"/v1/apps/{application['id']}/deployments", {"environment": "staging"}), 409, "deployment-in-progress")
    assert ada.ended(running)["status"] == "succeeded"
    assert len(ada.get(f"/v1/apps/{application['id']}/deployments")["items"]) == 1
