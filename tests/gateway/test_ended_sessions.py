"""A session that has ended, or an API token that is revoked, takes its access tokens with it: at the gateway, at once and after a restart."""

import httpx

from tests.gateway.live import PASSWORD, Live, sign_in
from tests.proof import proof
from tests.runtime.harness import until
from tests.runtime.pump import Pump


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def answer(client: httpx.Client, token: str) -> int:
    return client.get("/v1/users/me", headers=bearer(token)).status_code


def test_signing_out_ends_access_of_this_session_alone_and_for_every_gateway(live: Live) -> None:
    email, token = sign_in(live)
    other = live.client.post("/v1/sessions", json={"email": email, "password": PASSWORD}).json()["accessToken"]
    assert live.client.delete("/v1/sessions/current", headers=bearer(token)).status_code == 204
    until(lambda: answer(live.client, token) == 401, why="for the gateway to refuse")
    refused = live.client.get("/v1/users/me", headers=bearer(token))
    assert (refused.json()["type"], refused.json()["detail"]) == (
        "/problems/unauthenticated",
        "The session of this access token has ended: sign in again.",
    )
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert answer(live.client, other) == 200

    with live.another_gateway() as restarted:
        assert (answer(restarted, token), answer(restarted, other)) == (401, 200)


def test_a_reused_refresh_token_ends_access(live: Live) -> None:
    email, _ = sign_in(live)
    session = live.client.post("/v1/sessions", json={"email": email, "password": PASSWORD}).json()
    tokens = [session]
    for _ in range(2):
        tokens.append(live.client.post("/v1/sessions/refresh", json={"refreshToken": tokens[-1]["refreshToken"]}).json())
    assert answer(live.client, tokens[-1]["accessToken"]) == 200
    assert live.client.post("/v1/sessions/refresh", json={"refreshToken": session["refreshToken"]}).status_code == 401
    for each in tokens:
        until(lambda each=each: answer(live.client, each["accessToken"]) == 401, why="for the gateway to refuse")


@proof("sessions")
def test_an_api_token_works_within_its_scopes_until_it_is_revoked_and_for_no_gateway_afterwards(live: Live) -> None:
    _, token = sign_in(live)
    created = live.client.post("/v1/tokens", json={"name": "ci", "scopes": ["read"]}, headers=bearer(token))
    assert created.status_code == 201, created.text
    api_token = created.json()["token"]
    assert answer(live.client, api_token) == 200
    for response in (
        live.client.get("/v1/sessions", headers=bearer(api_token)),
        live.client.post("/v1/tokens", json={"name": "more", "scopes": ["read"]}, headers=bearer(api_token)),
        live.client.delete("/v1/sessions", headers=bearer(api_token)),
    ):
        assert (response.status_code, response.json()["type"]) == (403, "/problems/forbidden")
    with live.another_gateway() as other:
        assert answer(other, api_token) == 200
        revoked = live.client.delete(f"/v1/tokens/{created.json()['id']}", headers=bearer(token))
        assert revoked.status_code == 204
        for client in (live.client, other):
            until(lambda client=client: answer(client, api_token) == 401, why="for the gateway to refuse")
    with live.another_gateway() as restarted:
        refused = restarted.get("/v1/users/me", headers=bearer(api_token))
        assert (refused.status_code, refused.json()["detail"]) == (
            401,
            'The API token "ci" has been revoked. Create another one: capsule tokens create.',
        )
    assert live.rows("SELECT count(*) FROM api_tokens WHERE last_used_at IS NOT NULL")[0][0] == 1
    assert api_token not in live.log("edge.gateway") and api_token not in live.log("auth.all")


@proof("sessions")
def test_a_gateway_that_has_not_read_the_list_accepts_no_token(live: Live) -> None:
    _, token = sign_in(live)
    _, ended = sign_in(live)
    assert live.client.delete("/v1/sessions/current", headers=bearer(ended)).status_code == 204
    live.pumps[-1].stop()
    with live.another_gateway() as gateway:
        for each in (token, ended):
            response = gateway.get("/v1/users/me", headers=bearer(each))
            assert (response.status_code, response.json()["type"]) == (503, "/problems/unavailable")
            assert int(response.headers["retry-after"]) > 0
        assert gateway.get("/docs").status_code == 200, "what needs no account is served"
        live.pumps.append(Pump(live.amqp, lambda: live.functions))
        live.pumps[-1].thread.start()
        until(lambda: answer(gateway, token) == 200, why="for the list")
        assert answer(gateway, ended) == 401
