"""Register a new user.

The answer and its time are the same whether or not the address has an account (the time goes into hashing the
password). The owner of an existing account gets an e-mail. Creating a user starts the registration saga, which
continues in other contexts.
"""

import secrets

from pydantic import Field

from events.auth import RegistrationRepeated, UserCreated
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.registration import Registration, RegistrationTimedOut
from functions.auth.domain.rejections import (
    InvalidEmail,
    WeakPassword,
)
from functions.auth.domain.user import User
from functions.auth.ports import EmailTaken, Hasher, Registrations, Users
from functions.kernel import ANYONE, Change, Clock, Done, Model, Origin, Scale, SecretText, command

UNKNOWN_PASSWORD_BYTES = 32
"""Of the random password of an account that was registered without one: nobody knows it, and hashing it takes the same time."""


class Register(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)
    password: SecretText | None = Field(
        default=None,
        examples=["correct horse battery staple"],
        description="Not needed: the password is set with the link in the e-mail. 8 to 128 characters of any kind.",
    )


class RegistrationAccepted(Model):
    message: str = "Verification e-mail sent. Follow the link in it to verify the address."


@command(
    http="POST /v1/users",
    status=202,
    allow=ANYONE,
    rejects=[InvalidEmail, WeakPassword],
    emits=[UserCreated, RegistrationRepeated, RegistrationTimedOut],
    scale=Scale(max=20),
    without_operation="an operation would tell a stranger whether the address has an account: an e-mail has the outcome",
)
async def register(
    request: Register, users: Users, registrations: Registrations, hasher: Hasher, origin: Origin, clock: Clock
) -> Done[RegistrationAccepted]:
    email = Email(request.email)
    chosen = request.password.get_secret_value() if request.password else secrets.token_urlsafe(UNKNOWN_PASSWORD_BYTES)
    password = Password(chosen, owner=email)

    user, user_events = User.register(email, await hasher.hash(password), now=clock.now())
    try:
        await users.add(user)
    except EmailTaken:
        return Done(RegistrationAccepted(), RegistrationRepeated(email=email.address, at=user.registered_at))

    registration, saga_events = Registration.of(user, origin.correlation_id)
    await registrations.add(registration)
    return Done(RegistrationAccepted(), *user_events, *saga_events, change=Change(target=f"users/{user.id}", user_id=user.id))
