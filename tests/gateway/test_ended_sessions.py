"""A session that has ended takes its access tokens with it: at the gateway, at once and after a restart."""

import httpx

from tests.gateway.live import PASSWORD, Live, sign_in
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
