"""The pages, one module for each part of the dashboard."""

from functions.edge.dashboard.pages import (
    access,
    account,
    applications,
    billing,
    configuration,
    deployments,
    device,
    observation,
    passkeys,
    providers,
    running,
    settings,
)
from functions.edge.dashboard.pages.page import Page

PAGES: tuple[Page, ...] = (
    *access.PAGES,
    *device.PAGES,
    *passkeys.PAGES,
    *providers.PAGES,
    *applications.PAGES,
    *deployments.PAGES,
    *running.PAGES,
    *configuration.PAGES,
    *observation.PAGES,
    *settings.PAGES,
    *billing.PAGES,
    *account.PAGES,
)

__all__ = ["PAGES", "Page"]
