"""The pages, one module for each part of the dashboard."""

from functions.edge.dashboard.pages import (
    access,
    account,
    applications,
    audit,
    billing,
    configuration,
    customers,
    dead_letters,
    deployments,
    device,
    invitations,
    observation,
    operations,
    passkeys,
    providers,
    running,
    security,
    settings,
    team_members,
    teams,
    tokens,
    users,
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
    *teams.PAGES,
    *team_members.PAGES,
    *invitations.PAGES,
    *account.PAGES,
    *security.PAGES,
    *tokens.PAGES,
    *audit.PAGES,
    *operations.PAGES,
    *dead_letters.PAGES,
    *users.PAGES,
    *customers.PAGES,
)

__all__ = ["PAGES", "Page"]
