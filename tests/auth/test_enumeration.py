"""No answer tells whether an address has an account: the same answer after the same work. `./taskw proof enumeration` measures the time."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from functions.auth.commands.login import Login
from functions.auth.commands.register import Register
from functions.auth.commands.request_email_change import RequestEmailChange
from functions.auth.commands.request_password_reset import RequestPasswordReset
from functions.auth.commands.resend_verification import ResendVerification
from functions.kernel import Rejection
from tests.auth.world import ADDRESS, PASSWORD, World

KNOWN, UNKNOWN, UNVERIFIED = "known@example.com", "unknown@example.com", "unverified@example.com"
REQUESTS: dict[str, Callable[[str], BaseModel]] = {
    "register": lambda email: Register(email=email, password=SecretStr(PASSWORD)),
    "login": lambda email: Login(email=email, password=SecretStr("a wrong guess 12345")),
    "resend": lambda email: ResendVerification(email=email),
    "reset": lambda email: RequestPasswordReset(email=email),
    "change": lambda email: RequestEmailChange(email=email, password=SecretStr(PASSWORD)),
}


async def outcome(world: World, request: BaseModel, caller: Any) -> tuple[str, int, int]:
    """The answer without times, and how many passwords were hashed and verified for it."""
    hashed, verified = world.hasher.hashed, world.hasher.verified
    try:
        view = await world.call(request, caller=caller, client=world.client)
        answer = str(view.model_dump(exclude={"email", "requested_at", "expires_at", "operation_id"}))
    except Rejection as rejection:
        answer = f"{rejection.status} {rejection.slug()} {rejection.detail} {rejection.retry_after}"
    return answer, world.hasher.hashed - hashed, world.hasher.verified - verified


@pytest.mark.parametrize("name", REQUESTS)
async def test_known_and_unknown_addresses_have_the_same_answer_after_the_same_work(world: World, name: str) -> None:
    caller, _ = await world.signed_in_user()
    _, token = await world.registered(KNOWN)
    await world.verify(token)
    await world.registered(UNVERIFIED)
    outcomes = [await outcome(world, REQUESTS[name](email), caller if name == "change" else None) for email in (KNOWN, UNKNOWN, UNVERIFIED)]
    assert len(set(outcomes)) == 1, outcomes
    assert ADDRESS not in outcomes[0][0]


@pytest.mark.parametrize("name", ["resend", "reset"])
async def test_these_commands_do_not_look_up_the_address(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> Awaitable[None]:
        raise AssertionError("the handler of the event looks up the address")

    monkeypatch.setattr(type(world.users), "get_by_email", refuse)
    await world.call(REQUESTS[name](KNOWN))
