"""The proof that no answer and no response time tells whether an address has an account.

Pairs of requests, one with an address that has an account and one without, in random order, through the gateway, RabbitMQ and PostgreSQL.
"""

import os
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.gateway.intervals import interval_of_median
from tests.gateway.live import Live, running
from tests.gateway.test_live import PASSWORD, sign_in
from tests.proof import proof

pytestmark = proof("enumeration")

PAIRS = int(os.environ.get("CAPSULE_ENUMERATION_PAIRS", "1000"))
"""At most. As many as it takes are sent: a quiet machine answers evenly and needs a tenth."""
PAIRS_AT_ONCE = 100
TOLERANCE_MS = 5.0
"""Of the median of the differences within pairs, which other work on the machine moves less than two medians. A remote attacker sees it below the
variation of a network only with very many requests, which the gateway throttles by address and auth by account."""
ATTEMPTS_PER_ACCOUNT = 4
"""A fifth failed login locks the address."""
VARYING = {"x-request-id", "server-timing", "date", "ratelimit"}
"""Header fields whose values differ between any two requests."""
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""Of an operation, in Location: UUIDv7, new for each request."""


@pytest.fixture(scope="module")
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    database = postgres.database("auth")
    with running(rabbitmq.vhost(), {"auth": database}, tmp_path_factory.mktemp("live")) as live:
        yield live


@dataclass
class Samples:
    milliseconds: list[float] = field(default_factory=list)
    answers: set[tuple[int, str, str]] = field(default_factory=set)

    def add(self, send: Callable[[str], httpx.Response], email: str) -> None:
        started = time.perf_counter()
        response = send(email)
        self.milliseconds.append((time.perf_counter() - started) * 1000)
        headers = sorted((name, "" if name in VARYING else ID.sub("ID", value)) for name, value in response.headers.items())
        body = response.text.replace(email, "ADDRESS").replace(response.headers["x-request-id"], "REQUEST")
        self.answers.add((response.status_code, str(headers), "" if "requestedAt" in body else body))


def differences(by_kind: dict[str, Samples]) -> list[float]:
    """Of the milliseconds within each pair."""
    return [known - unknown for known, unknown in zip(by_kind["known"].milliseconds, by_kind["unknown"].milliseconds, strict=True)]


def is_decided(found: list[float]) -> bool:
    """Whether the median lies on one side of the tolerance, whatever more pairs would show."""
    low, high = interval_of_median(found)
    return (low >= -TOLERANCE_MS and high <= TOLERANCE_MS) or low > TOLERANCE_MS or high < -TOLERANCE_MS


def accounts(live: Live, count: int) -> list[str]:
    """Verified accounts, with the password hash of one that has registered."""
    email, _ = sign_in(live)
    addresses = [f"known-{uuid4().hex[:16]}@example.org" for _ in range(count)]
    live.rows(
        "INSERT INTO users (id, email, password_hash, email_verified_at, created_at, updated_at)"
        " SELECT gen_random_uuid(), address, password_hash, now(), now(), now() FROM users, unnest(%s::text[]) AS address WHERE email = %s"
        " RETURNING id",
        addresses,
        email,
    )
    return addresses


def requests(live: Live) -> dict[str, Callable[[str], httpx.Response]]:
    _, token = sign_in(live)
    signed_in = {"Authorization": f"Bearer {token}"}
    return {
        "register": lambda email: live.client.post("/v1/users", json={"email": email, "password": PASSWORD}),
        "login": lambda email: live.client.post("/v1/sessions", json={"email": email, "password": "a wrong guess 12345"}),
        "resend": lambda email: live.client.post("/v1/users/verification-emails", json={"email": email}),
        "reset": lambda email: live.client.post("/v1/password-resets", json={"email": email}),
        "change": lambda email: live.client.put("/v1/users/me/email-change", json={"email": email, "password": PASSWORD}, headers=signed_in),
    }


@pytest.mark.parametrize("name", ["register", "login", "resend", "reset", "change"])
def test_known_and_unknown_addresses_cannot_be_told_apart(live: Live, name: str) -> None:
    send, known = requests(live)[name], accounts(live, PAIRS // ATTEMPTS_PER_ACCOUNT + 1)
    unknown = [f"known-{uuid4().hex[:16]}@example.org" for _ in range(PAIRS if name == "register" else len(known))]
    by_kind = {"known": Samples(), "unknown": Samples()}
    for _ in range(10):  # warm up
        send(f"known-{uuid4().hex[:16]}@example.org")
    for number in range(PAIRS):
        pair = [("known", known[number % len(known)]), ("unknown", unknown[number % len(unknown)])]
        random.shuffle(pair)
        for kind, email in pair:
            by_kind[kind].add(send, email)
        if (number + 1) % PAIRS_AT_ONCE == 0 and is_decided(differences(by_kind)):
            break

    found = differences(by_kind)
    low, high = interval_of_median(found)
    medians = {kind: statistics.median(samples.milliseconds) for kind, samples in by_kind.items()}
    print(f"{name}: {len(found)} pairs, {low:.2f} to {high:.2f} ms apart, {medians['known']:.2f} ms (account) and {medians['unknown']:.2f} ms")
    assert by_kind["known"].answers == by_kind["unknown"].answers and len(by_kind["known"].answers) == 1
    assert abs(statistics.median(found)) <= TOLERANCE_MS, medians
