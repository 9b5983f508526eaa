"""The limits of sessions, from the settings of auth."""

from datetime import timedelta

from functions.auth.domain.session import DEFAULT_LIMITS, SessionLimits
from functions.runtime.config.settings import Settings

IDLE_VARIABLE, MAX_VARIABLE = "CAPSULE_SESSION_IDLE_DAYS", "CAPSULE_SESSION_MAX_DAYS"


class InvalidSetting(ValueError):
    """A setting has a value that it cannot have. The text names setting and value."""


def session_limits(settings: Settings) -> SessionLimits:
    """Raises InvalidSetting."""
    return SessionLimits(_days(settings, IDLE_VARIABLE, DEFAULT_LIMITS.idle_timeout), _days(settings, MAX_VARIABLE, DEFAULT_LIMITS.max_lifetime))


def _days(settings: Settings, name: str, default: timedelta) -> timedelta:
    text = settings.text(name, str(default.days))
    if not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise InvalidSetting(f"{name} is {text!r}: set it to a whole number of days from 1 to 3650")
    return timedelta(days=int(text))
