"""The auth context with a real function process, RabbitMQ, PostgreSQL, argon2 and a Maildir."""

import json
import mailbox
import re
import statistics
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from events.auth import UserCreated
from tests.auth.running_context import PASSWORD, AuthWorld, Visitor, auth_worlds
from tests.runtime.harness import Worker, until
from tests.runtime.messages import message, request


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthWorld]:
    yield from auth_worlds(postgres, rabbitmq, tmp_path_factory.mktemp("auth"))


@pytest.fixture
def fresh_world(postgres: Any, rabbitmq: Any, tmp_path: Path) -> Iterator[AuthWorld]:
    """A world without a pump: only the test delivers events."""
    yield from auth_worlds(postgres, rabbitmq, tmp_path)


@pytest.fixture(scope="module")
def worker(world: AuthWorld) -> Worker:
    worker = world.worker()
    world.pump(lambda: worker.port)
    return worker


@pytest.fixture
def visitor(world: AuthWorld, worker: Worker) -> Visitor:
    return Visitor(world, worker)


def kind(problem: Any) -> str:
    assert isinstance(problem, dict)
    return str(problem["type"]).removeprefix("/problems/")


def test_from_registration_to_signing_out(visitor: Visitor) -> None:
    assert visitor.register() == (202, {"message": "Verification e-mail sent. Follow the link in it to verify the address."})
    token = visitor.mailed_token()

    assert visitor.login("wrong wrong wrong")[0] == 401
    status, problem = visitor.login()
    assert (status, kind(problem)) == (403, "email-not-verified")
    assert visitor.call("verify_email", token=token, password=PASSWORD) == (200, {"email": visitor.email, "emailVerified": True})
    status, problem = visitor.call("verify_email", token=token, password=PASSWORD)
    assert (status, kind(problem)) == (410, "used-verification-token")

    status, session = visitor.login()
    assert status == 201
    assert set(session) == {"sessionId", "accessToken", "tokenType", "expiresIn", "refreshToken", "deletesAt"}
    assert (session["tokenType"], session["expiresIn"]) == ("Bearer", 900)
    status, me = visitor.call("profile", session["accessToken"])
    assert status == 200
    assert (me["email"], me["emailVerified"], me["roles"]) == (visitor.email, True, ["user"])

    status, next_session = visitor.call("refresh", refreshToken=session["refreshToken"])
    assert status == 200 and next_session["sessionId"] == session["sessionId"]
    assert visitor.call("profile", next_session["accessToken"]) == (200, me)
    assert visitor.call("logout", next_session["accessToken"]) == (204, None)
    status, problem = visitor.call("refresh", refreshToken=next_session["refreshToken"])
    assert (status, kind(problem)) == (401, "session-expired")

    events = {event["type"]: event for event in until(lambda: visitor.world.take_events(), why="for events")}
    assert {"user.created", "email.verified", "user.logged-in", "session.ended"} <= set(events)
    assert events["user.created"]["email"] == visitor.email
    assert events["session.ended"]["reason"] == "logged-out"


def test_no_secret_is_stored_or_logged(visitor: Visitor, world: AuthWorld, worker: Worker) -> None:
    visitor.verified()
    _, session = visitor.login()
    _, refreshed = visitor.call("refresh", refreshToken=session["refreshToken"])
    visitor.login("a wrong password too")
    secrets = [PASSWORD, "a wrong password too", visitor.mailed_token()]
    secrets += [answer[name] for answer in (session, refreshed) for name in ("accessToken", "refreshToken")]

    tables = [row[0] for row in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert {"users", "inbox", "outbox", "sessions", "refresh_tokens", "verification_tokens", "dead_letters"} <= set(tables)
    stored = "\n".join(str(row[0]) for table in tables for row in world.rows(f"SELECT to_jsonb(t) FROM {table} t"))
    stored_bytes = b"\n".join(bytes(row[0]) for row in world.rows("SELECT reply FROM inbox WHERE reply IS NOT NULL"))
    assert visitor.email in stored
    for secret in secrets:
        assert secret not in stored
        assert secret.encode().hex() not in stored  # PostgreSQL prints bytea in hexadecimal
        assert secret.encode() not in stored_bytes
        assert secret not in worker.log.read_text()


def test_the_owner_is_emailed_about_a_second_registration(visitor: Visitor) -> None:
    first = visitor.register()
    assert visitor.call("verify_email", token=visitor.mailed_token(), password=PASSWORD)[0] == 200
    assert visitor.register("another password 4711") == first
    mails = until(lambda: len(mails := visitor.world.mails(visitor.email)) == 2 and mails, why="for the second e-mail")
    assert sum("already has an account" in mail for mail in mails) == 1
    assert visitor.login("another password 4711")[0] == 401


def test_neither_answer_nor_time_reveals_an_account(visitor: Visitor, world: AuthWorld, worker: Worker) -> None:
    visitor.verified()
    known_email, unknown_email = visitor.email, f"{uuid.uuid4().hex}@example.org"

    def seconds(email: str, function: str, **more: str) -> tuple[float, tuple[int, Any]]:
        started = time.perf_counter()
        answer = visitor.call(function, email=email, **more)
        return time.perf_counter() - started, answer

    registrations = [
        (seconds(known_email, "register", password=PASSWORD), seconds(f"{uuid.uuid4().hex}@example.org", "register", password=PASSWORD))
        for _ in range(12)
    ]
    assert {answer[0] for pair in registrations for _, answer in pair} == {202}
    assert len({json.dumps(answer[1]) for pair in registrations for _, answer in pair}) == 1
    known, unknown = (statistics.median(pair[side][0] for pair in registrations) for side in (0, 1))
    assert 0.5 < known / unknown < 2

    (_, known_answer), (_, unknown_answer) = (
        seconds(known_email, "login", password="wrong one"),
        seconds(unknown_email, "login", password="wrong one"),
    )
    assert known_answer == unknown_answer
    assert visitor.call("resend_verification", email=known_email) == visitor.call("resend_verification", email=unknown_email)


def test_failed_logins_are_stored_although_rejected_and_lock_the_address(visitor: Visitor) -> None:
    visitor.verified()
    assert [visitor.login("wrong")[0] for _ in range(5)] == [401] * 5
    status, problem = visitor.login()
    assert (status, kind(problem)) == (429, "account-locked")
    assert 25 <= problem["retryAfter"] <= 30


def test_parallel_guesses_are_all_counted(visitor: Visitor, world: AuthWorld, worker: Worker) -> None:
    visitor.verified()
    body = {"email": visitor.email, "password": world.sealer.seal("auth", "wrong")}

    def guess(_: int) -> int:
        return worker.post(message("auth.login"), json.dumps(body).encode(), "/auth.login")

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(guess, range(12))) == {204}
    status, _ = visitor.login()
    assert status == 429
    assert world.rows("SELECT max(failures) FROM login_failures")[0][0] == 5  # from the sixth guess on, no password is checked


def test_concurrent_uses_of_a_token_verify_once(visitor: Visitor) -> None:
    visitor.register()
    token, seal = visitor.mailed_token(), visitor.world.sealer.seal
    bodies = [json.dumps({"token": seal("auth", token), "password": seal("auth", PASSWORD)}).encode() for _ in range(4)]
    headers = [request("auth.verify_email") for _ in bodies]
    with ThreadPoolExecutor(4) as pool:
        assert set(
            pool.map(lambda request: visitor.worker.post(request[0], request[1], "/auth.verify_email"), zip(headers, bodies, strict=True))
        ) == {204}

    def all_replied() -> list[int]:
        while reply := visitor.world.take("replies"):
            statuses.append(int(reply[0]["status"]))
        return statuses if len(statuses) == 4 else []

    statuses: list[int] = []
    assert sorted(until(all_replied, why="for four replies")) == [200, 410, 410, 410]


def test_the_verification_email_can_be_resent(visitor: Visitor) -> None:
    visitor.register()
    first = visitor.mailed_token()
    assert visitor.call("resend_verification", email=visitor.email)[0] == 202
    until(lambda: len(visitor.world.mails(visitor.email)) == 2, why="for the second e-mail")
    tokens = {re.search(r"/verify\?token=([^\s']+)", mail)[1] for mail in visitor.world.mails(visitor.email)}  # type: ignore[index]
    assert len(tokens) == 2 and first in tokens
    assert [visitor.call("verify_email", token=token, password=PASSWORD)[0] for token in tokens] == [200, 410]


def test_concurrent_deliveries_of_one_event_send_one_email(visitor: Visitor, world: AuthWorld, worker: Worker) -> None:
    visitor.register()
    visitor.mailed_token()
    user_id, email, at = world.rows("SELECT id, email, created_at FROM users WHERE email = %s", visitor.email)[0]
    body = UserCreated(user_id=user_id, email=email, at=at).model_dump_json(by_alias=True).encode()
    headers = message("user.created", subject=str(user_id), sequence="1")

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: worker.post(headers, body, "/auth.on_user_created"), range(2))) == [204, 204]
    assert world.count("sent_emails WHERE user_id = %s", user_id) == 1
    mails = [mail for mail in mailbox.Maildir(world.folder / "mail", create=False) if mail["To"] == email]
    assert len({mail["Message-ID"] for mail in mails}) == 1
    assert world.count("dead_letters") == 0


def test_a_function_killed_after_the_email_sends_the_same_email_again(fresh_world: AuthWorld) -> None:
    worker, killed = fresh_world.worker(), fresh_world.worker(ACCIDENT="auth.on_user_created/before-claim")
    visitor = Visitor(fresh_world, worker)
    visitor.register()
    headers, body = until(lambda: fresh_world.take("functions"), why="for user.created")
    event = {name: value for name, value in headers.items() if name not in ("routing_key", "content-type")}

    assert killed.post(event, body, "/auth.on_user_created") == -1
    killed.process.wait(5)
    token = visitor.mailed_token()
    assert fresh_world.count("sent_emails") == 0
    assert worker.post(event, body, "/auth.on_user_created") == 204
    assert fresh_world.count("sent_emails") == 1
    first, second = mailbox.Maildir(fresh_world.folder / "mail", create=False)
    assert first["Message-ID"] == second["Message-ID"]
    assert all(token in mail for mail in fresh_world.mails(visitor.email))
    assert visitor.call("verify_email", token=token, password=PASSWORD)[0] == 200


def test_a_repeated_login_message_starts_one_session(visitor: Visitor, world: AuthWorld) -> None:
    visitor.verified()
    id = str(uuid.uuid4())
    body = {"email": visitor.email, "password": world.sealer.seal("auth", PASSWORD)}
    statuses = []
    for _ in range(2):
        headers = request("auth.login", id)
        assert visitor.worker.post(headers, json.dumps(body).encode(), "/auth.login") == 204
        statuses.append(int(world.reply(headers["correlationid"])[0]["status"]))
    assert statuses == [201, 409]
    assert world.count("sessions s JOIN users u ON u.id = s.user_id WHERE u.email = %s", visitor.email) == 1


def test_a_missing_or_forged_token_is_rejected(visitor: Visitor) -> None:
    for token in ("", "forged.token.here"):
        status, problem = visitor.call("profile", token)
        assert (status, kind(problem)) == (401, "unauthenticated")


def test_invalid_input_is_rejected_with_pointers(visitor: Visitor) -> None:
    status, problem = visitor.call("register", email="ada", password=PASSWORD)
    assert (status, kind(problem), problem["errors"][0]["pointer"]) == (422, "invalid-email", "/email")
    status, problem = visitor.call("register", email=visitor.email, password="password")
    assert (status, kind(problem), problem["errors"][0]["pointer"]) == (422, "weak-password", "/password")
    status, problem = visitor.call("register", email=visitor.email, password=PASSWORD, admin="yes")
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["/admin"])


def test_public_keys_and_health_are_served(visitor: Visitor) -> None:
    status, keys = visitor.call("jwks")
    assert (status, [key["kty"] for key in keys["keys"]]) == (200, ["RSA", "RSA"])
    status, health = visitor.call("health")
    assert (status, health["status"], health["service"]) == (200, "healthy", "auth-service")
    assert set(health["metadata"]) == {"version", "memory", "database", "messages", "notices"}
    assert set(health["metadata"]["messages"]) == {"outbox", "outboxOldestSeconds", "parked", "deadLetters"}
    assert set(health["metadata"]["memory"]) == {"used", "total", "unit"}
    assert health["metadata"]["database"]["connected"] is True


def test_housekeeping_deletes_expired_rows(visitor: Visitor, world: AuthWorld, worker: Worker) -> None:
    visitor.verified()
    visitor.login()
    visitor.login("wrong")
    mine = "(SELECT id FROM users WHERE email = %s)"
    for statement in (
        f"UPDATE sessions SET expires_at = now() - interval '8 days' WHERE user_id = {mine}",
        f"UPDATE verification_tokens SET created_at = now() - interval '9 days', expires_at = now() - interval '8 days' WHERE user_id = {mine}",
        f"UPDATE sent_emails SET sent_at = now() - interval '8 days' WHERE user_id = {mine}",
    ):
        world.rows(statement + " RETURNING 1", visitor.email)
    world.rows("UPDATE login_failures SET last_at = now() - interval '25 hours' RETURNING 1")
    tables = ("sessions", "verification_tokens", "sent_emails")
    assert all(world.count(f"{table} WHERE user_id = {mine}", visitor.email) for table in tables)

    tick = message("dev.knative.sources.ping", function="auth.housekeeping")
    assert worker.post(tick, b"{}", "/auth.housekeeping") == 204
    assert not any(world.count(f"{table} WHERE user_id = {mine}", visitor.email) for table in tables)
    assert world.count("login_failures") == 0
    assert world.count("users WHERE email = %s", visitor.email) == 1
