"""Which adapter stands behind which port of the auth context."""

from functions.auth import ports
from functions.auth.adapters.argon2 import Argon2Hasher
from functions.auth.adapters.keys import DerivedMailTokens, JwtIssuer, MountedPublicKeys, SigningKeys
from functions.auth.adapters.mail import LetterMailer
from functions.auth.adapters.postgres_registrations import PostgresRegistrations
from functions.auth.adapters.postgres_sessions import PostgresSessions
from functions.auth.adapters.postgres_tokens import PostgresLoginFailures, PostgresSentMails, PostgresVerificationTokens
from functions.auth.adapters.postgres_users import PostgresUsers
from functions.runtime.config.wiring import Wiring
from functions.runtime.mail.delivery import Mail, mail
from functions.runtime.reliability.housekeeping import Housekeeping


def housekeeping(own: Housekeeping) -> ports.Housekeeping:
    return own


wiring = Wiring(
    database="auth",
    ports={
        ports.Users: PostgresUsers,
        ports.Registrations: PostgresRegistrations,
        ports.Sessions: PostgresSessions,
        ports.VerificationTokens: PostgresVerificationTokens,
        ports.SentMails: PostgresSentMails,
        ports.LoginFailures: PostgresLoginFailures,
        ports.Hasher: Argon2Hasher,
        ports.AccessTokenIssuer: JwtIssuer,
        ports.MailTokens: DerivedMailTokens,
        ports.PublicKeys: MountedPublicKeys,
        ports.Mailer: LetterMailer,
        ports.Housekeeping: housekeeping,
        SigningKeys: SigningKeys,
        Mail: mail,
    },
)
