"""Who becomes an administrator, from the settings."""

from functions.auth.adapters.variables import ADMINISTRATORS
from functions.runtime.config.settings import Settings


class SettingsAdministrators:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def includes(self, email: str) -> bool:
        return email in self._settings.value(ADMINISTRATORS)
