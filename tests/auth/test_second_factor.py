"""The second factor: codes by RFC 6238, signing in with two steps, recovery codes, recent sign-ins."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import SecretStr

from events.auth import RecoveryCodesReplaced, RecoveryCodeUsed, SecondFactorDisabled, SecondFactorEnabled, SessionEnded
from functions.auth.commands.begin_second_factor import BeginSecondFactor
from functions.auth.commands.change_password import ChangePassword
from functions.auth.commands.confirm_identity import ConfirmIdentity
from functions.auth.commands.disable_second_factor import DisableSecondFactor
from functions.auth.commands.enable_second_factor import EnableSecondFactor
from functions.auth.commands.login_second_factor import LoginSecondFactor
from functions.auth.commands.replace_recovery_codes import ReplaceRecoveryCodes
from functions.auth.domain import one_time_codes
from functions.auth.domain.lockout import FAILURES_BEFORE_LOCK
from functions.auth.domain.rejections import (
    AccountLocked,
    FactorRequired,
    InvalidChallenge,
    SecondFactorAlreadyEnabled,
    SecondFactorNotEnabled,
    SecondFactorRequired,
    SessionNotFound,
    WrongCode,
    WrongPassword,
)
from functions.auth.domain.second_factor import RECOVERY_CODES, hash_recovery_code, new_recovery_code
from functions.auth.domain.session import WITH_CODE
from functions.auth.domain.views import SessionView
from functions.auth.ports import SecondFactors
from functions.auth.queries.second_factor import SecondFactorView, ShowSecondFactor
from functions.kernel import RECENT_LOGIN, Caller, RecentLoginRequired
from tests.auth.world import PASSWORD, World
from tests.memory.auth_tokens import MemorySecondFactors

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The ASCII text 12345678901234567890 of RFC 6238, appendix B, in base 32."""
RFC_VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


class Account:
    """A user with a second factor and a session that has turned it on."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def prepare(self) -> "Account":
        created = await self.world.verified_user()
        self.session = await self.world.login()
        self.caller = Caller(created.user_id, session_id=UUID(self.session.session_id), authenticated_at=self.world.clock.now())
        begun = await self.world.call(BeginSecondFactor(), caller=self.caller)
        self.secret, self.uri = begun.secret, begun.uri
        return self

    async def enable(self) -> "Account":
        view = await self.world.call(EnableSecondFactor(code=SecretStr(self.code())), caller=self.caller)
        self.recovery_codes: list[str] = view.codes
        self.world.clock.advance(minutes=2)
        return self

    def code(self, steps: int = 0) -> str:
        return one_time_codes.code_at(self.secret, one_time_codes.step_of(self.world.clock.now()) + steps)

    def wrong_code(self) -> str:
        right = {self.code(steps) for steps in range(-3, 4)}
        return next(text for text in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777") if text not in right)

    async def challenge(self) -> str:
        with pytest.raises(SecondFactorRequired) as required:
            await self.world.login()
        return required.value.secret_members["challenge"]

    async def finish(self, challenge: str, code: str) -> SessionView:
        request = LoginSecondFactor(challenge=SecretStr(challenge), code=SecretStr(code))
        view = await self.world.call(request, client=self.world.client)
        assert isinstance(view, SessionView)
        return view

    async def login(self, code: str | None = None) -> SessionView:
        return await self.finish(await self.challenge(), code or self.code())

    async def status(self) -> SecondFactorView:
        view = await self.world.call(ShowSecondFactor(), caller=self.caller)
        assert isinstance(view, SecondFactorView)
        return view


async def enabled(world: World) -> Account:
    return await (await Account(world).prepare()).enable()


@pytest.mark.parametrize(("seconds", "code"), RFC_VECTORS.items())
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    step = one_time_codes.step_of(at)
    assert one_time_codes.code_at(RFC_SECRET, step, digits=8) == code
    assert one_time_codes.matching_step(RFC_SECRET, code[-6:], at, after=step - 1) == step
    assert one_time_codes.matching_step(RFC_SECRET, code[-6:], at, after=step) is None


def test_a_code_is_accepted_one_step_early_or_late_and_not_two() -> None:
    at = datetime(2026, 5, 1, 12, 0, 15, tzinfo=UTC)
    step = one_time_codes.step_of(at)
    matches = [one_time_codes.matching_step(RFC_SECRET, one_time_codes.code_at(RFC_SECRET, step + away), at, after=0) for away in range(-2, 3)]
    assert matches == [None, step - 1, step, step + 1, None]
    for text in ("", "12345", "1234567", "abcdef", "１２３４５６"):
        assert one_time_codes.matching_step(RFC_SECRET, text, at, after=0) is None


async def test_the_secret_has_160_bits_is_sealed_and_its_uri_names_the_account(world: World) -> None:
    account = await Account(world).prepare()
    assert len(account.secret) == 32
    assert account.uri == f"otpauth://totp/Capsule:ada%40example.org?secret={account.secret}&issuer=Capsule"
    factors: MemorySecondFactors = world.port(SecondFactors)
    assert account.secret not in repr(factors.rows) and not (await account.status()).is_enabled
    again = await world.call(BeginSecondFactor(), caller=account.caller)
    assert again.secret != account.secret
    await world.login()  # it is not on before a first code


async def test_a_first_code_turns_it_on_and_ends_the_other_sessions(world: World) -> None:
    account = await Account(world).prepare()
    other = await world.login()
    with pytest.raises(WrongCode):
        await world.call(EnableSecondFactor(code=SecretStr(account.wrong_code())), caller=account.caller)
    await account.enable()
    assert (await account.status()).model_dump() == {
        "is_enabled": True,
        "enabled_at": world.events(SecondFactorEnabled)[0].at,
        "recovery_codes_left": RECOVERY_CODES,
    }
    assert [(str(each.session_id), each.reason) for each in world.events(SessionEnded)] == [(other.session_id, "second-factor-enabled")]
    assert world.sessions.rows[UUID(account.session.session_id)].methods == WITH_CODE
    for request in (BeginSecondFactor(), EnableSecondFactor(code=SecretStr(account.code()))):
        with pytest.raises(SecondFactorAlreadyEnabled):
            await world.call(request, caller=account.caller)


async def test_signing_in_takes_password_and_code(world: World) -> None:
    account = await enabled(world)
    with pytest.raises(SecondFactorRequired) as required:
        await world.login()
    assert required.value.secret_members["challenge"] not in required.value.detail
    view = await account.login()
    session = world.sessions.rows[UUID(view.session_id)]
    assert (session.methods, session.authenticated_at, session.grant.methods) == (WITH_CODE, world.clock.now(), ["otp", "pwd"])
    await world.refresh(view.refresh_token)


async def test_a_code_is_accepted_once_also_for_another_sign_in(world: World) -> None:
    account = await enabled(world)
    code = account.code()
    await account.login(code)
    challenge = await account.challenge()
    for again in (code, account.code(-1)):
        with pytest.raises(WrongCode):
            await account.finish(challenge, again)
    await account.finish(challenge, account.code(1))


async def test_a_recovery_code_works_once_however_it_is_typed(world: World) -> None:
    account = await enabled(world)
    code = account.recovery_codes[3]
    await account.login(f" {code.upper().replace('-', ' ')} ")
    assert world.events(RecoveryCodeUsed)[0].left == RECOVERY_CODES - 1 == (await account.status()).recovery_codes_left
    with pytest.raises(WrongCode):
        await account.login(code)
    factors: MemorySecondFactors = world.port(SecondFactors)
    (factor,) = factors.rows.values()
    assert all(len(each) == 32 for each in factor.recovery_hashes)


def test_recovery_codes_have_80_random_bits() -> None:
    codes = {new_recovery_code() for _ in range(100)}
    assert len(codes) == 100 and {len(code.replace("-", "")) for code in codes} == {16}
    assert hash_recovery_code("ABCD-efgh") == hash_recovery_code(" abcde fgh")


async def test_replaced_recovery_codes_no_longer_work(world: World) -> None:
    account = await enabled(world)
    former = account.recovery_codes
    view = await world.call(ReplaceRecoveryCodes(), caller=account.caller)
    assert len(view.codes) == RECOVERY_CODES and not set(view.codes) & set(former)
    assert len(world.events(RecoveryCodesReplaced)) == 1
    with pytest.raises(WrongCode):
        await account.login(former[0])
    await account.login(view.codes[0])


async def test_wrong_codes_lock_the_address_and_a_right_password_does_not_clear_them(world: World) -> None:
    account = await enabled(world)
    for _ in range(FAILURES_BEFORE_LOCK):
        challenge = await account.challenge()
        with pytest.raises(WrongCode):
            await account.finish(challenge, account.wrong_code())
    with pytest.raises(AccountLocked):
        await account.finish(challenge, account.code())
    with pytest.raises(AccountLocked):
        await world.login()
    world.clock.advance(seconds=31)
    await account.login()
    for _ in range(FAILURES_BEFORE_LOCK - 1):
        with pytest.raises(WrongCode):
            await account.login(account.wrong_code())
    await account.login(account.code(1))


async def test_a_challenge_expires_and_proves_nothing_without_the_user(world: World) -> None:
    account = await enabled(world)
    challenge = await account.challenge()
    world.clock.advance(minutes=5)
    for text in (challenge, "", "cpc_guess"):
        with pytest.raises(InvalidChallenge):
            await account.finish(text, account.code())
    fresh = await account.challenge()
    del world.users.rows[account.caller.user_id]
    with pytest.raises(InvalidChallenge):
        await account.finish(fresh, account.code())


async def test_turning_it_off_deletes_the_secret_and_a_password_signs_in_again(world: World) -> None:
    account = await enabled(world)
    await world.call(DisableSecondFactor(), caller=account.caller)
    assert len(world.events(SecondFactorDisabled)) == 1
    await world.login()
    for request in (DisableSecondFactor(), ReplaceRecoveryCodes(), EnableSecondFactor(code=SecretStr(account.code()))):
        with pytest.raises(SecondFactorNotEnabled):
            await world.call(request, caller=account.caller)
    factors: MemorySecondFactors = world.port(SecondFactors)
    assert factors.rows == {}


async def test_sensitive_actions_need_a_recent_sign_in(world: World) -> None:
    account = await enabled(world)
    world.clock.at += RECENT_LOGIN
    password = ChangePassword(current_password=SecretStr(PASSWORD), password=SecretStr("another good password 77"))
    for request in (DisableSecondFactor(), ReplaceRecoveryCodes(), BeginSecondFactor(), EnableSecondFactor(code=SecretStr("1")), password):
        with pytest.raises(RecentLoginRequired):
            await world.call(request, caller=account.caller)
    await world.call(ConfirmIdentity(code=SecretStr(account.code())), caller=account.caller)
    session = world.sessions.rows[UUID(account.session.session_id)]
    confirmed = Caller(account.caller.user_id, session_id=session.id, authenticated_at=session.authenticated_at)
    await world.call(password, caller=confirmed)
    await world.call(DisableSecondFactor(), caller=confirmed)


async def test_an_identity_is_confirmed_by_the_code_if_there_is_one_and_else_by_the_password(world: World) -> None:
    account = await Account(world).prepare()
    by_password = ConfirmIdentity(password=SecretStr(PASSWORD))
    view = await world.call(by_password, caller=account.caller)
    assert (view.access_token, view.expires_in) == (f"access of {account.caller.user_id} in {account.session.session_id}", 900)
    for request, rejection in (
        (ConfirmIdentity(), FactorRequired),
        (ConfirmIdentity(code=SecretStr("1")), FactorRequired),
        (ConfirmIdentity(password=SecretStr("wrong")), WrongPassword),
    ):
        with pytest.raises(rejection):
            await world.call(request, caller=account.caller)
    with pytest.raises(SessionNotFound):
        await world.call(by_password, caller=Caller(account.caller.user_id))
    await account.enable()
    with pytest.raises(FactorRequired):
        await world.call(by_password, caller=account.caller)
    with pytest.raises(WrongCode):
        await world.call(ConfirmIdentity(code=SecretStr(account.wrong_code())), caller=account.caller)
    await world.call(ConfirmIdentity(code=SecretStr(account.recovery_codes[0])), caller=account.caller)
