"""Cached responses and former versions over RabbitMQ and PostgreSQL: the events that end a response arrive as they do in production."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.gateway.live import PASSWORD, Live, running, sign_in
from tests.gateway.test_ended_sessions import bearer
from tests.runtime.harness import until

SETTINGS = {"CAPSULE_GATEWAY_CACHE": "on", "CAPSULE_GATEWAY_CACHE_SETTLE_SECONDS": "0.3"}
ME = "/v1/users/me"


@pytest.fixture(scope="module")
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    databases = {context: postgres.database(context) for context in ("auth", "monitor")}
    with running(rabbitmq.vhost(), databases, tmp_path_factory.mktemp("cache"), settings=SETTINGS) as live:
        yield live


def hit(client: httpx.Client, token: str, path: str = ME) -> Any:
    """Ask until the cache answers. Returns the response's JSON."""

    def ask() -> Any:
        response = client.get(path, headers=bearer(token))
        assert response.status_code == 200, response.text
        return response.json() if "; hit" in response.headers["cache-status"] else None

    return until(ask, why="for a cached response")


def rename(client: httpx.Client, token: str, name: str) -> None:
    response = client.patch(ME, json={"name": name}, headers=bearer(token))
    assert response.status_code == 200, response.text


def test_users_read_their_own_writes_and_others_nothing_of_them(live: Live) -> None:
    (email, token), (other_email, other) = sign_in(live), sign_in(live)
    assert (hit(live.client, token)["email"], hit(live.client, other)["email"]) == (email, other_email)
    for name in ("Ada", "Grace", "Edsger"):
        rename(live.client, token, name)
        assert live.client.get(ME, headers=bearer(token)).json()["name"] == name
    assert hit(live.client, token)["name"] == "Edsger"
    teams = hit(live.client, token, "/v1/teams")["items"]
    created = live.client.post("/v1/teams", json={"name": "Analysts"}, headers=bearer(token))
    assert created.status_code == 201, created.text
    assert len(live.client.get("/v1/teams", headers=bearer(token)).json()["items"]) == len(teams) + 1


def test_a_change_through_another_gateway_ends_the_response_when_its_event_arrives(live: Live) -> None:
    _, token = sign_in(live)
    with live.another_gateway() as other:
        assert hit(other, token)["name"] == ""
        rename(live.client, token, "Ada")
        until(lambda: other.get(ME, headers=bearer(token)).json()["name"] == "Ada", why="for the event")
        assert hit(other, token)["name"] == "Ada"
        metrics = other.get("/metrics").text
        assert 'capsule_cache_requests_total{path="/v1/users/me",result="hit"}' in metrics
        assert 'capsule_cache_purges_total{cause="audit.recorded"}' in metrics


def test_a_cached_response_ends_with_its_session(live: Live) -> None:
    email, token = sign_in(live)
    other = live.client.post("/v1/sessions", json={"email": email, "password": PASSWORD}).json()["accessToken"]
    assert hit(live.client, token)["email"] == hit(live.client, other)["email"] == email
    assert live.client.delete("/v1/sessions/current", headers=bearer(token)).status_code == 204
    until(lambda: live.client.get(ME, headers=bearer(token)).status_code == 401, why="for the gateway to refuse")
    assert live.client.get(ME, headers=bearer(other)).status_code == 200


def test_the_former_version_of_a_route_is_answered_by_the_current_function(live: Live) -> None:
    email, _ = sign_in(live)
    live.rows("UPDATE users SET roles = '{user,admin}' WHERE email = %s RETURNING id", email)
    token = live.client.post("/v1/sessions", json={"email": email, "password": PASSWORD}).json()["accessToken"]

    def ask(path: str) -> httpx.Response:
        return live.client.get(path, headers=bearer(token))

    former, current = ask("/v1/functions/logs?fields=level%3Derror"), ask("/v2/functions/logs?where=level%3Derror")
    assert (former.status_code, former.json()) == (current.status_code, current.json()) == (200, {"lines": [], "cursor": "0"})
    assert former.headers["deprecation"].startswith("@") and "GMT" in former.headers["sunset"]
    assert '</v2/functions/logs>; rel="successor-version"' in former.headers["link"] and "deprecation" not in current.headers
    refused = ask("/v1/functions/logs?fields=level")
    assert refused.status_code == 422 and "'level' is not a condition" in refused.json()["detail"]
    assert ask("/v2/functions/logs?fields=cursor").json() == {"cursor": "0"}
    assert ask(f"/v1/apps/{uuid4()}/logs?fields=level%3Derror").json()["type"] == "/problems/application-not-found"
