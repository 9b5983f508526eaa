"""Sign-in of a device by a code (RFC 8628): polls and their error codes, decisions, guesses, the session that starts."""

from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr

from events.sign_in import DeviceAuthorizationDecided
from functions.auth.commands.begin_device_authorization import BeginDeviceAuthorization, DeviceAuthorizationView
from functions.auth.commands.decide_device_authorization import DecideDeviceAuthorization
from functions.auth.commands.find_device_authorization import FindDeviceAuthorization
from functions.auth.commands.redeem_device_code import RedeemDeviceCode
from functions.auth.commands.revoke_sessions import RevokeSessions
from functions.auth.domain.device_authorization import LETTERS, LIFETIME, SLOWER_SECONDS, new_user_code
from functions.auth.domain.lockout import FAILURES_BEFORE_LOCK
from functions.auth.domain.rejections import (
    AccountLocked,
    AccountSuspended,
    SessionNotFound,
)
from functions.auth.domain.sign_in_rejections import (
    DecidedUserCode,
    DevicePollRejection,
    ExpiredToken,
    UnknownUserCode,
)
from functions.auth.domain.views import SessionView
from functions.auth.queries.audit import ListAudit
from functions.auth.queries.sessions import ListSessions
from functions.kernel import Caller, Client, Forbidden, Scope
from functions.wire.problems import rejection_document
from tests.auth.world import ADMIN, World

CLI = Client("198.51.100.7", "capsule-cli/0.2.0 (Linux)")


class Device:
    """A device that asks to sign in, and the user who decides."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def begin(self) -> "Device":
        self.caller, _ = await self.world.signed_in_user()
        self.begun: DeviceAuthorizationView = await self.world.call(BeginDeviceAuthorization(), client=CLI)
        return self

    async def poll(self, device_code: str = "", seconds: float = 5) -> SessionView:
        self.world.clock.advance(seconds=seconds)
        request = RedeemDeviceCode(device_code=SecretStr(device_code or self.begun.device_code))
        view = await self.world.call(request, client=CLI)
        assert isinstance(view, SessionView)
        return view

    async def error(self, device_code: str = "", seconds: float = 5) -> str:
        """The error code of RFC 8628 in the answer to a poll."""
        with pytest.raises(DevicePollRejection) as raised:
            await self.poll(device_code, seconds)
        document = rejection_document(raised.value)
        assert document["status"] == 400
        return str(document["error"])

    async def decide(self, is_approved: bool = True, user_code: str = "", caller: Caller | None = None) -> None:
        request = DecideDeviceAuthorization(user_code=user_code or self.begun.user_code, is_approved=is_approved)
        await self.world.call(request, caller=caller or self.caller)


@pytest.fixture
async def device() -> Device:
    return await Device(World({"CAPSULE_DASHBOARD_URL": "https://dashboard.example.org/"})).begin()


def test_a_user_code_has_34_bits_and_no_vowel() -> None:
    codes = {new_user_code() for _ in range(200)}
    assert len(codes) == 200 and {len(code) for code in codes} == {8} and set("".join(codes)) <= set(LETTERS)
    assert len(LETTERS) ** 8 > 2**34


async def test_the_answer_has_the_fields_of_the_rfc(device: Device) -> None:
    view = device.begun.model_dump(by_alias=True)
    assert set(view) == {"deviceCode", "userCode", "verificationUri", "verificationUriComplete", "expiresIn", "interval"}
    assert view["verificationUri"] == "https://dashboard.example.org/device"
    assert view["verificationUriComplete"] == f"https://dashboard.example.org/device?user_code={view['userCode']}"
    assert (view["expiresIn"], view["interval"]) == (600, 5)


async def test_a_confirmed_device_starts_a_session_that_is_listed_with_it(device: Device) -> None:
    assert await device.error() == "authorization_pending"
    found = await device.world.call(FindDeviceAuthorization(user_code=device.begun.user_code.lower().replace("-", " ")), caller=device.caller)
    assert (found.program, found.system, found.address) == ("Capsule CLI 0.2.0", "Linux", CLI.address)
    await device.decide()
    session = await device.poll()
    listed = await device.world.call(ListSessions(), caller=device.caller)
    newest = listed.items[0]
    assert (str(newest.id), newest.program, newest.address) == (session.session_id, "Capsule CLI 0.2.0", CLI.address)
    [decided] = device.world.events(DeviceAuthorizationDecided)
    assert decided.is_approved and decided.user_id == device.caller.user_id and decided.address == CLI.address
    assert await device.error() == "expired_token"  # the device code works once


@pytest.mark.parametrize("minutes", [0, 9])
async def test_the_session_of_a_device_is_never_recent(device: Device, minutes: int) -> None:
    approver = device.world.sessions.rows[UUID(str(device.caller.session_id))]
    device.world.clock.advance(minutes=minutes)
    approved_at = device.world.clock.now()
    await device.decide()
    session = device.world.sessions.rows[UUID((await device.poll()).session_id)]
    assert session.authenticated_at <= approver.authenticated_at and session.methods == approver.methods
    assert not Caller(session.user_id, authenticated_at=session.authenticated_at).has_recent_login(approved_at)


async def test_a_device_that_polls_too_often_is_slowed_down_each_time(device: Device) -> None:
    assert await device.error() == "authorization_pending"
    assert await device.error(seconds=1) == "slow_down"
    assert await device.error(seconds=5) == "slow_down"
    assert await device.error(seconds=5 + 2 * SLOWER_SECONDS) == "authorization_pending"
    await device.decide()
    assert await device.error(seconds=1) == "slow_down"
    assert await device.poll(seconds=5 + 3 * SLOWER_SECONDS)


async def test_a_denied_device_never_signs_in(device: Device) -> None:
    await device.decide(is_approved=False)
    assert await device.error() == await device.error() == "access_denied"
    with pytest.raises(DecidedUserCode):
        await device.decide()
    assert len(device.world.sessions.rows) == 1


@pytest.mark.parametrize("end", ["all", "one"])
async def test_a_confirmed_code_ends_with_the_session_that_confirmed_it(device: Device, end: str) -> None:
    await device.decide()
    if end == "all":
        await device.world.call(RevokeSessions(), caller=device.caller)
    else:
        await device.world.logout(device.caller)
    assert await device.error() == "access_denied"
    assert await device.error() == "expired_token"
    assert len(device.world.sessions.rows) == 1
    assert await device.world.refusals("auth.redeem_device_code") == [("access-denied", device.caller.user_id)]


async def test_a_suspended_account_uses_up_the_code_and_leaves_an_entry(device: Device) -> None:
    await device.decide()
    device.world.suspend(device.caller.user_id)
    with pytest.raises(AccountSuspended):
        await device.poll()
    assert await device.error() == "expired_token"
    assert await device.world.refusals("auth.redeem_device_code") == [("account-suspended", device.caller.user_id)]


async def test_codes_expire_for_both_sides(device: Device) -> None:
    device.world.clock.advance(seconds=LIFETIME.total_seconds())
    with pytest.raises(ExpiredToken):
        await device.decide()
    assert await device.error() == "expired_token"
    await device.world.run("auth.housekeeping")
    assert await device.error() == "invalid_grant"


async def test_a_code_that_was_confirmed_expires_before_it_is_used(device: Device) -> None:
    await device.decide()
    assert await device.error(seconds=LIFETIME.total_seconds()) == "expired_token"


async def test_the_sign_in_leaves_an_entry_in_the_audit_log_and_a_poll_none(device: Device) -> None:
    assert await device.error() == "authorization_pending"
    await device.decide()
    view = await device.poll()
    await device.world.settle()
    found = (await device.world.call(ListAudit(), caller=ADMIN)).items
    own = [each.function for each in found if each.function.endswith(("_device_code", "_device_authorization"))]
    assert own == ["auth.redeem_device_code", "auth.decide_device_authorization"]
    assert (found[0].outcome, found[0].actor, found[0].user_id, found[0].target) == (
        *("done", "session", device.caller.user_id),
        f"sessions/{view.session_id}",
    )


async def test_an_unknown_device_code_is_an_invalid_grant(device: Device) -> None:
    assert await device.error("cpd_other") == "invalid_grant"


async def test_guesses_of_user_codes_lock_the_address_also_between_right_ones(device: Device) -> None:
    for _ in range(FAILURES_BEFORE_LOCK):
        with pytest.raises(UnknownUserCode):
            await device.world.call(FindDeviceAuthorization(user_code="BBBB-BBBB"), caller=device.caller)
        if not device.world.failures.rows or _ < FAILURES_BEFORE_LOCK - 1:
            await device.world.call(FindDeviceAuthorization(user_code=device.begun.user_code), caller=device.caller)
    for guess in (device.begun.user_code, "CCCC-CCCC"):
        with pytest.raises(AccountLocked):
            await device.decide(user_code=guess)


async def test_only_a_session_confirms(device: Device) -> None:
    token = Caller(device.caller.user_id, session_id=device.caller.session_id, scopes=frozenset(Scope))
    with pytest.raises(Forbidden):
        await device.decide(caller=token)
    with pytest.raises(SessionNotFound):
        await device.decide(caller=Caller(device.caller.user_id))
    device.world.clock.advance(days=31)
    with pytest.raises(SessionNotFound):
        await device.decide()


def test_ten_minutes_of_guesses_find_no_code() -> None:
    """RFC 8628, 5.1: the chance to find one of a thousand open codes before the address is locked for the first time is below 2^-21."""
    assert FAILURES_BEFORE_LOCK * 1000 / len(LETTERS) ** 8 < 2**-21
    assert timedelta(minutes=10) == LIFETIME
