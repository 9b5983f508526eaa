"""The gateway over RabbitMQ, with auth's functions and database behind it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import jwt
import pytest
from prometheus_client.parser import text_string_to_metric_families

from functions.edge.gateway.routing import Table, alias_of
from functions.runtime.config.registry import Registry
from functions.runtime.security import tokens
from functions.wire.api_tokens import new_token
from tests import sentinels
from tests.gateway.live import PASSWORD, Live, register, running, sign_in
from tests.proof import proof
from tests.runtime.harness import until
from tests.sentinels import Sentinels

REGISTER = ("function", "auth.register")


def test_a_registered_user_reads_their_profile(live: Live) -> None:
    email, token = sign_in(live)
    me = live.client.get("/v1/users/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200, me.text
    assert me.json()["email"] == email
    again = live.client.get("/v1/users/me", headers={"Authorization": f"Bearer {token}", "If-None-Match": me.headers["etag"]})
    assert again.status_code == 304


def test_executions_of_functions_reach_the_metrics_of_a_gateway(live: Live) -> None:
    with live.another_gateway() as gateway:
        assert register(live, f"{uuid4().hex[:12]}@example.org").is_success

        def samples() -> dict[str, float]:
            families = text_string_to_metric_families(gateway.get("/metrics").text)
            return {
                f"{each.name} {each.labels.get('outcome', '')}": each.value
                for family in families
                for each in family.samples
                if REGISTER in each.labels.items()
            }

        until(lambda: samples().get("capsule_function_executions_total done"), why="for the execution of auth.register")
        assert samples()["capsule_function_duration_seconds_count "] == 1 and samples()["capsule_function_duration_seconds_sum "] > 0


def test_the_same_key_registers_once_although_the_secret_is_encrypted_anew(live: Live) -> None:
    email, key = f"{uuid4().hex[:12]}@example.org", str(uuid4())
    answers = [register(live, email, **{"Idempotency-Key": key}) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(answers[0].status_code, answers[0].content)}
    assert answers[0].is_success
    assert len(live.rows("SELECT FROM users WHERE email = %s", email)) == 1

    other = register(live, f"{uuid4().hex[:12]}@example.org", **{"Idempotency-Key": key})
    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")


def test_no_secret_of_auth_is_in_tables_messages_logs_or_processes(live: Live) -> None:
    planted, email = Sentinels(), f"{uuid4().hex[:12]}@example.org"

    def send(method: str, path: str, body: dict[str, str], token: str = "") -> Any:
        return live.client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"} if token else {})

    with sentinels.tap(live.amqp) as messages:
        assert send("POST", "/v1/users", {"email": email, "password": planted.plant("auth.register.password")}).status_code == 202
        forged = {"token": planted.plant("auth.verify_email.token"), "password": planted.plant("auth.verify_email.password")}
        assert send("POST", "/v1/users/verify", forged).status_code == 404
        live.rows("UPDATE users SET email_verified_at = now() WHERE email = %s RETURNING id", email)
        password = planted.add("auth.login.password", planted.values["auth.register.password"])
        assert send("POST", "/v1/sessions", {"email": email, "password": planted.plant("a wrong password")}).status_code == 401
        session = send("POST", "/v1/sessions", {"email": email, "password": password}).json()
        planted.add("auth.refresh.refresh_token", session["refreshToken"])
        session = send("POST", "/v1/sessions/refresh", {"refreshToken": session["refreshToken"]}).json()
        planted.add("the next refresh token", session["refreshToken"])
        planted.add("the access token", session["accessToken"].rpartition(".")[2])
        planted.add("auth.change_password.current_password", password)
        change = {"currentPassword": password, "password": planted.plant("auth.change_password.password")}
        assert send("PUT", "/v1/users/me/password", change, session["accessToken"]).status_code == 204
        for route in Table(Registry.load(["auth"]).declarations).routes:  # all others: whatever the answer is, the secret leaves no trace
            names = [name for name in route.declaration.secret_fields if f"{route.name}.{name}" not in planted.values]
            body = {alias_of(route.input, name): planted.plant(f"{route.name}.{name}") for name in names}
            if body:
                send(route.method, route.path, {**body, **({"email": email} if "email" in route.rest else {})}, session["accessToken"])
        assert send("GET", "/v1/users/me", {}, planted.add("auth.exchange_token.token", new_token())).status_code == 401
        assert sentinels.secret_fields(["auth"]) <= set(planted.values), "plant a sentinel in every secret field"
        until(lambda: any("auth.change_password" in place for place, _ in messages()))
        assert planted.search(messages()) == {}
    assert planted.search(sentinels.tables(live.owner_url)) == {}
    assert planted.search(sentinels.files(live.folder, lambda path: path.name in ("etc", "mail"))) == {}
    assert planted.search(sentinels.processes(sentinels.with_descendants(process.pid for process in live.processes))) == {}


def test_rejections_are_problem_documents_of_different_types(live: Live) -> None:
    _, token = sign_in(live)
    wrong = live.client.post("/v1/sessions", json={"email": "nobody@example.org", "password": PASSWORD})
    unknown = live.client.post("/v1/users/verify", json={"token": "x" * 40, "password": PASSWORD})
    weak = live.client.post("/v1/users", json={"email": "weak@example.org", "password": "short"})
    for response in (wrong, unknown, weak):
        assert 400 <= response.status_code < 500
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["requestId"] == response.headers["x-request-id"]
        assert live.client.get(response.json()["type"]).status_code == 200, "its type has a page"
    assert len({response.json()["type"] for response in (wrong, unknown, weak)}) == 3

    header, payload, signature = token.split(".")
    forged = [f"{header}.{payload}.{signature[:-4]}AAAA", jwt.encode({"sub": "x"}, "k" * 32), "nonsense", jwt.encode({}, "", algorithm="none")]
    key = jwt.PyJWK(tokens.new_signing_key())
    forged.append(
        jwt.encode(jwt.decode(token, options={"verify_signature": False}), key, key.algorithm_name, headers={"kid": key.key_id, "typ": "at+jwt"})
    )
    for text in forged:
        refused = live.client.get("/v1/users/me", headers={"Authorization": f"Bearer {text}"})
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


def test_a_function_without_a_queue_is_503_without_waiting(live: Live) -> None:
    _, token = sign_in(live)
    response = live.client.get("/v1/quota", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["type"]) == (503, "/problems/unavailable")
    assert int(response.headers["retry-after"]) > 0  # after the deadline of a request it would be a 504


def test_concurrent_requests_get_their_own_responses(live: Live) -> None:
    users = [sign_in(live) for _ in range(4)]

    def ask(number: int) -> bool:
        email, token = users[number % len(users)]
        response = live.client.get("/v1/users/me", headers={"Authorization": f"Bearer {token}"})
        return response.status_code == 200 and response.json()["email"] == email

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(64)))


def test_health_contains_the_report_of_auth(live: Live) -> None:
    document = live.client.get("/health?fresh=1").json()
    auth = next(service for service in document["services"] if service["service"] == "auth-service")
    assert (auth["status"], auth["check"]) == ("healthy", "pass")
    assert auth["metadata"]["database"]["connected"] is True
    assert {name for name, check in document["checks"].items() if check == "fail"} == set(document["checks"]) - {"auth"}


def test_gateway_and_function_log_the_same_correlation_id(live: Live) -> None:
    response = register(live, f"{uuid4().hex[:12]}@example.org", **{"X-Request-Id": f"req-{uuid4()}"})
    correlation = response.headers["x-request-id"]

    def line_of(function: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in live.log(function).splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
        return [line for line in lines if line.get("correlation") == correlation]

    (request,) = line_of("edge.gateway")
    assert (request["log"], request["path"], request["status"]) == ("request", "/v1/users", response.status_code)
    assert [line["function"] for line in until(lambda: line_of("auth.all"))] == ["auth.register"]


@proof("recovery")
def test_the_gateway_recovers_after_an_outage_of_rabbitmq(own_rabbitmq: Any, postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    databases = {"auth": postgres.database("auth")}
    with running(own_rabbitmq.url, databases, tmp_path_factory.mktemp("away")) as live:
        headers = {"Authorization": f"Bearer {sign_in(live)[1]}"}
        own_rabbitmq.stop()
        until(lambda: live.client.get("/readyz").status_code == 503)
        assert live.client.get("/livez").status_code == 200
        away = live.client.get("/v1/users/me", headers=headers)
        assert (away.status_code, away.json()["type"]) == (503, "/problems/unavailable")
        assert int(away.headers["retry-after"]) > 0
        own_rabbitmq.start()
        until(lambda: live.client.get("/v1/users/me", headers=headers).status_code == 200, 30, "for RabbitMQ")
