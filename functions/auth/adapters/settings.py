"""The operator's settings of accounts."""

from datetime import timedelta

from functions.auth.adapters.variables import DELETION_GRACE_DAYS
from functions.runtime.config.settings import Settings


class ConfiguredDeletion:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self._settings.value(DELETION_GRACE_DAYS))
