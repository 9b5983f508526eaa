"""The operator's settings of accounts."""

from datetime import timedelta

from functions.auth.adapters.variables import AUDIT_RETENTION_DAYS, DELETION_GRACE_DAYS
from functions.runtime.config.settings import Settings


class ConfiguredDeletion:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self._settings.value(DELETION_GRACE_DAYS))


class ConfiguredAuditRetention:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def age(self) -> timedelta | None:
        days = self._settings.value(AUDIT_RETENTION_DAYS)
        return timedelta(days=days) if days else None
