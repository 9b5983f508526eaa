"""Addresses of the dashboard's pages."""

from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import DASHBOARD_URL


class ConfiguredDashboardPages:
    def __init__(self, settings: Settings) -> None:
        self._url = settings.value(DASHBOARD_URL).rstrip("/")

    def url(self, path: str) -> str:
        return self._url + path
