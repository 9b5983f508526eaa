"""An account of a user who signs in with passkeys, from an authenticator in software."""

from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import SecretStr

from functions.auth.commands.begin_passkey_login import BeginPasskeyLogin
from functions.auth.commands.begin_passkey_registration import BeginPasskeyRegistration
from functions.auth.commands.login_with_passkey import LoginWithPasskey
from functions.auth.commands.register_passkey import RegisterPasskey
from functions.auth.domain.rejections import (
    SecondFactorRequired,
)
from functions.auth.domain.second_factor import SecondFactor
from functions.auth.domain.session import Method
from functions.auth.domain.views import PasskeyView, SessionView
from functions.auth.ports import SecondFactors, Vault
from functions.kernel import Caller
from tests.auth.authenticator import Authenticator
from tests.auth.world import World

ORIGIN = "https://dashboard.example.org"


class Account:
    """A user who signs in with passkeys."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def prepare(self) -> "Account":
        caller, _ = await self.world.signed_in_user()
        self.session = caller
        return self

    @property
    def caller(self) -> Caller:
        return replace(self.session, authenticated_at=self.world.clock.now())

    async def register(self, device: Authenticator, name: str = "Laptop", **changes: str) -> PasskeyView:
        begun = await self.world.call(BeginPasskeyRegistration(), caller=self.caller)
        request = RegisterPasskey(challenge_id=begun.challenge_id, name=name, credential=device.create(begun.options, **changes))
        view = await self.world.call(request, caller=self.caller)
        assert isinstance(view, PasskeyView)
        return view

    async def sign_in(self, device: Authenticator, **changes: str) -> SessionView:
        begun = await self.world.call(BeginPasskeyLogin())
        return await self.finish(begun.challenge_id, device.get(begun.options, **changes))

    async def finish(self, challenge_id: UUID, credential: str, challenge: str | None = None) -> SessionView:
        secret = SecretStr(challenge) if challenge else None
        request = LoginWithPasskey(challenge_id=challenge_id, credential=credential, challenge=secret)
        view = await self.world.call(request, client=self.world.client)
        assert isinstance(view, SessionView)
        return view

    def methods(self, view: SessionView) -> set[Method]:
        return set(self.world.sessions.rows[UUID(view.session_id)].methods)

    async def password_challenge(self) -> str:
        """Turn the second factor on, enter the password, and return the challenge of the second step."""
        now = self.world.clock.now()
        await self.world.port(SecondFactors).save(SecondFactor(self.caller.user_id, self.world.port(Vault).seal("A" * 32), now, enabled_at=now))
        with pytest.raises(SecondFactorRequired) as raised:
            await self.world.login()
        return raised.value.secret_members["challenge"]
