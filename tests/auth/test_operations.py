"""Operations of auth: what the 202 of a change of address, a deletion or a resumed registration refers to, to its outcome."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from functions.auth.commands.cancel_email_change import CancelEmailChange
from functions.auth.commands.delete_account import DeleteAccount
from functions.auth.commands.request_email_change import EmailChangeAccepted, RequestEmailChange
from functions.auth.commands.restore_account import RestoreAccount
from functions.auth.commands.resume_registration import ResumeRegistration
from functions.auth.domain.email_change import EMAIL_CHANGE_LIFETIME
from functions.auth.domain.operation_views import AccountOperationView
from functions.auth.domain.rejections import OperationNotFound
from functions.auth.domain.views import NO_ANSWER
from functions.auth.queries.operation import ShowAccountOperation
from functions.auth.queries.operation_events import FollowAccountOperation
from functions.kernel import Caller, EventStream
from tests.auth.test_email_change import NEW, confirm, links
from tests.auth.world import ADDRESS, PASSWORD, RegistrationScenario, World

ADMIN = Caller(UUID(int=3), frozenset({"user", "admin"}))


async def show(world: World, operation_id: UUID, caller: Caller) -> AccountOperationView:
    view: AccountOperationView = await world.call(ShowAccountOperation(operation_id=operation_id), caller=caller)
    return view


async def follow(world: World, operation_id: UUID, caller: Caller, last: str | None = None) -> EventStream[Any]:
    stream: EventStream[Any] = await world.call(FollowAccountOperation(operation_id=operation_id, last_event_id=last), caller=caller)
    return stream


async def changing(world: World) -> tuple[Caller, EmailChangeAccepted]:
    caller, _ = await world.signed_in_user()
    accepted: EmailChangeAccepted = await world.call(RequestEmailChange(email=NEW, password=SecretStr(PASSWORD)), caller=caller)
    await world.settle()
    return caller, accepted


async def test_a_change_of_the_address_is_followed_from_confirmation_to_confirmation(world: World) -> None:
    caller, accepted = await changing(world)
    first = (await follow(world, accepted.operation_id, caller)).events[-1]
    assert (first.data.kind, first.data.state) == ("email-change", "running")
    assert NEW not in first.data.model_dump_json() and ADDRESS not in first.data.model_dump_json()
    assert (await follow(world, accepted.operation_id, caller, first.id)).events == []
    await confirm(world, links(world)[ADDRESS])
    second = (await follow(world, accepted.operation_id, caller, first.id)).events[-1]
    assert [each.finished_at is not None for each in second.data.steps] == [True, False]
    await confirm(world, links(world)[NEW])
    caller = Caller(caller.user_id)  # all sessions have ended
    last = await follow(world, accepted.operation_id, caller, second.id)
    assert (last.is_last, last.events[-1].data.state, last.events[-1].data.problem) == (True, "succeeded", None)


async def test_a_change_of_the_address_that_nobody_confirms_has_failed(world: World) -> None:
    caller, accepted = await changing(world)
    event = (await follow(world, accepted.operation_id, caller)).events[-1]
    world.clock.at += EMAIL_CHANGE_LIFETIME
    last = await follow(world, accepted.operation_id, caller, event.id)
    assert last.is_last and last.events[-1].data.problem.reason == "expired"
    assert "current and the new address" in last.events[-1].data.problem.detail


async def test_a_deletion_runs_until_the_account_is_restored(world: World) -> None:
    caller, _ = await world.signed_in_user()
    accepted = await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=caller)
    requested_at = world.clock.now()
    world.clock.at += timedelta(hours=1)
    caller = Caller(caller.user_id)
    view = await show(world, accepted.operation_id, caller)
    assert (view.kind, view.state, view.requested_at, view.resource) == ("account-deletion", "running", requested_at, "/v1/users/me")
    assert not (await follow(world, accepted.operation_id, caller)).is_last
    await world.call(RestoreAccount(), caller=caller)
    with pytest.raises(OperationNotFound, match="restored"):
        await show(world, accepted.operation_id, caller)
    again = await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=caller)
    assert again.operation_id != accepted.operation_id


async def test_administrators_follow_the_registrations_of_all_and_users_their_own() -> None:
    scenario = await RegistrationScenario().start()
    await scenario.wait_until_the_step_fails()
    world, user = scenario.world, (await scenario.stored()).id
    failed = await show(world, user, ADMIN)
    assert (failed.kind, failed.state, failed.problem and failed.problem.reason) == ("registration", "failed", "timed-out")
    event = (await follow(world, user, ADMIN)).events[-1]
    resumed = await world.call(ResumeRegistration(user_id=user), caller=ADMIN)
    assert resumed.operation_id == user
    assert (await follow(world, user, ADMIN, event.id)).events[-1].data.state == "running"
    mine = await show(world, user, Caller(user))
    assert all(each.error in (None, NO_ANSWER) for each in mine.steps)


async def test_nobody_else_learns_of_an_operation(world: World) -> None:
    caller, accepted = await changing(world)
    for other, operation_id in ((Caller(uuid4()), accepted.operation_id), (Caller(uuid4()), caller.user_id), (ADMIN, accepted.operation_id)):
        with pytest.raises(OperationNotFound):
            await show(world, operation_id, other)
    await world.call(CancelEmailChange(), caller=caller)
    with pytest.raises(OperationNotFound, match="cancelled"):
        await show(world, accepted.operation_id, caller)
