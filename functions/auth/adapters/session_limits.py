"""The limits of sessions, from the settings of auth."""

from datetime import timedelta

from functions.auth.adapters.variables import SESSION_IDLE_DAYS, SESSION_MAX_DAYS
from functions.auth.domain.session import SessionLimits
from functions.runtime.config.settings import Settings


def session_limits(settings: Settings) -> SessionLimits:
    """Raises InvalidSetting."""
    return SessionLimits(timedelta(days=settings.value(SESSION_IDLE_DAYS)), timedelta(days=settings.value(SESSION_MAX_DAYS)))
