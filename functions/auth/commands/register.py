"""A visitor becomes a user.

Whether the address had an account already is told to its owner by mail and to nobody else: the answer is the same, and so is the time, which goes
into hashing the password. With the user begins the saga of the registration, which goes on in other contexts.
"""

from pydantic import Field, SecretStr

from events.auth import RegistrationRepeated, UserCreated
from functions.auth.domain.email import Email
from functions.auth.domain.password import Password
from functions.auth.domain.registration import Registration, RegistrationTimedOut
from functions.auth.domain.rejections import InvalidEmail, WeakPassword
from functions.auth.domain.user import User
from functions.auth.ports import EmailTaken, Hasher, Registrations, Users
from functions.kernel import ANYONE, Clock, Done, Model, Origin, Scale, command


class Register(Model):
    email: str = Field(examples=["ada@example.org"], max_length=320)
    password: SecretStr = Field(
        examples=["correct horse battery staple"],
        description="8 to 128 characters of any kind; refused if it is among those that are guessed first.",
    )


class Accepted(Model):
    message: str = "A mail is on its way to this address; follow the link in it."


@command(
    http="POST /v1/users",
    answers=202,
    allow=ANYONE,
    rejects=[InvalidEmail, WeakPassword],
    emits=[UserCreated, RegistrationRepeated, RegistrationTimedOut],
    scale=Scale(max=20),
)
async def register(asked: Register, users: Users, registrations: Registrations, hasher: Hasher, origin: Origin, clock: Clock) -> Done[Accepted]:
    email = Email(asked.email)
    password = Password(asked.password.get_secret_value(), owner=email)

    user = User.register(email, await hasher.hash(password), at=clock.now())
    try:
        await users.add(user)
    except EmailTaken:
        return Done(Accepted(), RegistrationRepeated(email=email.address, at=user.registered_at))

    registration, reminder = Registration.of(user, origin.correlation_id)
    await registrations.add(registration)
    return Done(Accepted(), UserCreated(user_id=user.id, email=email.address, at=user.registered_at), reminder)
