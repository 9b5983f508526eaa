"""The operator's settings of accounts."""

from datetime import timedelta

from functions.runtime.config.settings import Settings

GRACE_VARIABLE = "CAPSULE_DELETION_GRACE_DAYS"
DEFAULT_GRACE_DAYS = 14


class ConfiguredDeletion:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def grace(self) -> timedelta:
        return timedelta(days=int(self._settings.text(GRACE_VARIABLE, str(DEFAULT_GRACE_DAYS))))
