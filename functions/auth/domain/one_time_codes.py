"""Time-based one-time passwords (RFC 6238) as authenticator applications compute them: SHA-1, 6 digits, 30 seconds."""

import hmac
from datetime import datetime

PERIOD_SECONDS = 30
DIGITS = 6
DRIFT_STEPS = 1
"""Codes of the step before and after are accepted, because clocks differ (RFC 6238, 5.2)."""
ISSUER = "Capsule"


def new_secret() -> str:
    """Return 160 random bits, the length of the hash (RFC 4226, 4), in base 32."""
    # Imported here, as everywhere in this module, because most functions of auth need no codes.
    import pyotp

    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str) -> str:
    """Return the `otpauth:` URI that authenticator applications read from a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(at: datetime) -> int:
    """The number of the time step (RFC 6238, 4.2)."""
    return int(at.timestamp()) // PERIOD_SECONDS


def code_at(secret: str, step: int, digits: int = DIGITS) -> str:
    import pyotp

    return pyotp.HOTP(secret, digits=digits).at(step)


def matching_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """Return the step whose code this is, if it is near `now` and later than `after`, the step of the last accepted code."""
    current, found = step_of(now), None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()) and step > after:
            found = step
    return found
