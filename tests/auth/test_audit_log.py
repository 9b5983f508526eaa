"""The audit log from a use case to the lists: what leaves an entry, what it says, and who sees it."""

import json
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from cli.audit_chain import verify
from functions.auth import ports
from functions.auth.commands.begin_device_authorization import BeginDeviceAuthorization
from functions.auth.commands.begin_passkey_login import BeginPasskeyLogin
from functions.auth.commands.begin_provider_login import BeginProviderLogin
from functions.auth.commands.change_password import ChangePassword
from functions.auth.commands.create_token import CreateToken
from functions.auth.commands.login import Login
from functions.auth.commands.receive_authorization_response import ReceiveAuthorizationResponse
from functions.auth.commands.revoke_token import RevokeToken
from functions.auth.commands.update_profile import UpdateProfile
from functions.auth.domain.sign_in_rejections import (
    UnknownProvider,
)
from functions.auth.queries.audit import AuditEntryView, ListAudit
from functions.auth.queries.audit_chain import ExportAuditChain
from functions.deploy.commands.configure_application import ConfigureApplication
from functions.deploy.commands.create_application import CreateApplication
from functions.kernel import Caller, Forbidden, Rejection, Scope
from functions.runtime.config.registry import Registry
from tests.auth.audit_samples import exported
from tests.auth.world import ADDRESS, ADMIN, PASSWORD, World
from tests.capsule import Capsule
from tests.memory.auth_audit import MemoryAuditLog


async def entries(capsule: Capsule, caller: Caller = ADMIN, **selection: Any) -> list[AuditEntryView]:
    await capsule.settle()
    page = await capsule.call(ListAudit(**selection), caller=caller)
    return list(reversed(page.items))


async def test_registration_sign_in_failures_and_sign_out_leave_one_entry_each() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    with pytest.raises(Rejection):
        await world.login(password="wrong password entirely")
    with pytest.raises(Rejection):
        await world.login(email="nobody@example.org")
    await world.logout(caller)
    found = await entries(world)
    assert [(each.function, each.outcome, each.reason, each.actor, each.user_id) for each in found] == [
        ("auth.register", "done", None, "anonymous", caller.user_id),
        ("auth.verify_email", "done", None, "anonymous", caller.user_id),
        ("auth.login", "done", None, "session", caller.user_id),
        ("auth.login", "rejected", "wrong-credentials", "anonymous", caller.user_id),
        ("auth.login", "rejected", "wrong-credentials", "anonymous", None),
        ("auth.logout", "done", None, "session", caller.user_id),
    ]
    assert found[2].target == f"sessions/{caller.session_id}" == found[5].target and found[2].session_id == caller.session_id
    assert (found[3].address, found[3].user_agent, found[3].correlation_id) == ("203.0.113.7", "curl/8", "correlation-1")


async def test_users_see_their_own_entries_and_administrators_all() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    with pytest.raises(Rejection):
        await world.login(email="nobody@example.org")
    own = await entries(world, caller)
    assert {each.user_id for each in own} == {caller.user_id} and len(own) == 3
    assert await entries(world, Caller(uuid4()), user_id=caller.user_id) == []
    assert len(await entries(world)) == 4
    assert [each.function for each in await entries(world, user_id=caller.user_id, action="auth.login")] == ["auth.login"]
    with pytest.raises(Forbidden):
        await world.call(ExportAuditChain(), caller=caller)


async def test_entries_say_what_changed_and_no_secret() -> None:
    world = World()
    caller, _ = await world.signed_in_user()
    caller = Caller(caller.user_id, session_id=caller.session_id, authenticated_at=world.clock.now())
    await world.call(UpdateProfile(name="Ada"), caller=caller)
    token = await world.call(CreateToken(name="Ada's laptop", scopes=[Scope.READ]), caller=caller)
    await world.call(ChangePassword(current_password=SecretStr(PASSWORD), password=SecretStr("another good password 77")), caller=caller)
    renamed, created, changed = (await entries(world))[-3:]
    assert (renamed.before, renamed.after, renamed.target) == ({"name": ""}, {"name": "Ada"}, f"users/{caller.user_id}")
    assert created.after is not None and created.after["token_id"] == str(token.id) and created.target == f"tokens/{token.id}"
    assert (changed.before, changed.after) == (None, None)
    log: MemoryAuditLog = world.port(ports.AuditLog)
    everything = json.dumps(exported(log.rows))
    assert not any(secret in everything for secret in (PASSWORD, "another good password 77", token.token))
    await world.call(RevokeToken(token_id=token.id), caller=caller)
    await world.settle()
    assert "Ada" not in "".join(row.content for row in log.rows), "personal values stand beside the chain"


async def test_variables_leave_their_names_only() -> None:
    capsule, ada = Capsule(), Caller(uuid4(), session_id=uuid4(), scopes=frozenset({"deploy"}))
    application = await capsule.call(CreateApplication(name="hello", repository="https://git.example.com/ada/hello.git"), caller=ada)
    request = ConfigureApplication(application_id=application.id, variables={"URL": "value-1"}, secrets={"KEY": SecretStr("value-2")}, unset=["OLD"])
    await capsule.call(request, caller=ada)
    created, configured = await entries(capsule)
    assert created.target == f"apps/{application.id}" and created.actor == "token" and created.session_id == ada.session_id
    assert configured.target == f"apps/{application.id}/config"
    assert configured.after == {"variables": ["URL"], "secrets": ["KEY"], "unset": ["OLD"]}
    assert "value-" not in json.dumps([each.model_dump(mode="json") for each in await entries(capsule)])


async def test_a_deleted_user_leaves_entries_that_verify_without_personal_data() -> None:
    world = World()
    created = await world.register()
    await world.settle()
    await world.advance(days=8)
    await world.run("auth.housekeeping")
    [registered, erased] = await entries(world)
    assert (registered.user_id, registered.address, registered.user_agent) == (created.user_id, None, None)
    assert (erased.function, erased.target, erased.actor) == ("auth.on_user_deleted", f"users/{created.user_id}", "system")
    log: MemoryAuditLog = world.port(ports.AuditLog)
    result = verify(exported(log.rows))
    assert (result.faults, result.entries, result.erased) == ([], 2, 1)


def test_every_command_of_a_signed_in_caller_is_audited() -> None:
    declarations = [each for each in Registry.load().declarations if each.kind.value == "command"]
    assert all(each.is_audited for each in declarations if not each.allow.anyone)
    assert {each.name for each in declarations if not each.is_audited} == {
        *("auth.exchange_token", "auth.refresh"),  # programs repeat them
        *("auth.finish_provider_login", "auth.redeem_device_code"),  # polls; what ends one has a `change`
        *("auth.begin_device_authorization", "auth.begin_passkey_login", "auth.begin_provider_login"),  # strangers; what ends one has an entry
        "auth.receive_authorization_response",
        *("deploy.record_attachment", "deploy.redeem_attach_ticket"),  # of the terminal, behind `deploy.attach_run`
        *("billing.handle_stripe_webhook", "auth.receive_ses_notification"),  # servers
    }


async def test_strangers_who_begin_a_sign_in_leave_no_entry() -> None:
    """Nobody is known yet: an address in such an entry could never be erased."""
    world = World()
    await world.call(BeginDeviceAuthorization(), client=world.client)
    await world.call(BeginPasskeyLogin(), client=world.client)
    with pytest.raises(UnknownProvider):
        await world.call(BeginProviderLogin(provider="nowhere"), client=world.client)
    with pytest.raises(UnknownProvider):
        response = ReceiveAuthorizationResponse(provider="nowhere", token=SecretStr("x"), state="x")
        await world.call(response, client=world.client)
    assert await entries(world) == []


async def test_the_export_has_pages_and_the_head() -> None:
    world = World()
    await world.signed_in_user()
    await world.settle()
    first = await world.call(ExportAuditChain(limit=2), caller=ADMIN)
    second = await world.call(ExportAuditChain(after=2, limit=2), caller=ADMIN)
    assert [each.entry["sequence"] for each in (*first.items, *second.items)] == [1, 2, 3]
    assert (first.head_sequence, first.head_hash) == (3, second.items[-1].hash)


async def test_a_login_of_an_unknown_address_does_not_store_it() -> None:
    world = World()
    with pytest.raises(Rejection):
        await world.call(Login(email="somebody@example.org", password=SecretStr("a wrong password")))
    await world.settle()
    log: MemoryAuditLog = world.port(ports.AuditLog)
    assert "somebody" not in "".join(exported(log.rows)) and ADDRESS not in "".join(exported(log.rows))
