"""A dashboard on loopback whose pages all show something: an application with a past, teams, the account, operations."""

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page

from tests.dashboard.application import BrowserOfDeploy, capsule, deployed
from tests.dashboard.browser import ADDRESS, PASSWORD
from tests.dashboard.furnished import furnish, furnish_operations
from tests.dashboard.furnished_application import furnish_application
from tests.dashboard.furnished_inspections import furnish_inspections
from tests.dashboard.site import Site

PAST = timedelta(minutes=46)
"""What the application has behind it."""
OPERATIONS = ("", "/functions", "/queues", "/dead-letters", "/registrations", "/logs", "/users", "/customers", "/invoices", "/payments")
ACCOUNT = ("", "/security", "/tokens", "/permissions", "/audit", "/confirmation")
APPLICATION = (
    "deployments",
    "configuration",
    "logs",
    "metrics",
    "runs",
    "schedules",
    "services",
    "volumes",
    "domains",
    "alert-deliveries",
    "settings",
)


class FurnishedSite(Site):
    """`ada`: an administrator, who owns what the pages show."""

    def __init__(self) -> None:
        super().__init__(capsule, BrowserOfDeploy)
        assert isinstance(self.browser, BrowserOfDeploy)
        self.ada = self.browser

    async def start(self, *, is_administrator: bool = True) -> None:
        self.capsule.clock.at = datetime.now(UTC) - PAST  # pages say how long ago something was
        await super().start(is_administrator=is_administrator)
        await self._furnish()

    async def furnish(self) -> None:
        """For `ada`, without serving."""
        await self.ada.become_an_administrator()
        await self._furnish()

    async def _furnish(self) -> None:
        await deployed(self.ada)
        self.inspections = await furnish_inspections(self.ada)
        self.failed = await furnish_application(self.ada)
        self.team = await furnish(self.ada, with_hello=False)
        self.letter = await furnish_operations(self.ada)

    async def pages(self) -> dict[str, str]:
        """Name → path of every page of a signed-in user and of a visitor."""
        ada, app = self.ada, self.ada.path
        deployments = re.findall(rf'href="({app}/deployments/[^"]+)">r\d<', (await ada.open(f"{app}/deployments")).text)
        volumes = sorted(set(re.findall(rf'href="({app}/volumes/[^"]+)"', (await ada.open(f"{app}/volumes")).text)))
        [backups] = set(re.findall(rf'href="({app}/services/[^"]+/backups)"', (await ada.open(f"{app}/services")).text))
        webhooks = re.findall(r'href="(/webhooks/[^"]+)"', (await ada.open("/webhooks?team=all")).text)
        members = re.findall(r'href="(/teams/[^"/]+/members/[^"]+)"', (await ada.open(f"/teams/{self.team}")).text)
        users = re.findall(r'href="(/operations/users/[^"]+)"', (await ada.open("/operations/users?suspended=true")).text)
        return {
            "sign-in": "/sign-in",
            "sign-up": "/sign-up",
            "applications": "/?team=all",
            "new-application": "/new",
            **self.inspections,
            "overview": app,
            **{name: f"{app}/{name}" for name in APPLICATION},
            "volume": volumes[0],
            "service-backups": backups,
            "configuration-staging": f"{app}/configuration?environment=staging",
            "logs-filtered": f"{app}/logs?search=order&where=level%3Derror",
            "deployment": deployments[0],
            "deployment-timeline": deployments[-1],
            "deployment-failed": self.failed,
            "alerts": "/alerts",
            "webhooks": "/webhooks?team=all",
            "webhook": webhooks[0],
            "billing": "/billing",
            "teams": "/teams",
            "team": f"/teams/{self.team}",
            "team-settings": f"/teams/{self.team}/settings",
            "team-member": members[0],
            "invitation": "/accept-invitation?token=abc",
            **{f"account{part.replace('/', '-')}": f"/account{part}" for part in ACCOUNT},
            **{f"operations{part.replace('/', '-')}": f"/operations{part}" for part in OPERATIONS},
            "operations-dead-letter": f"/operations/dead-letters/deploy/{self.letter}",
            "operations-user": users[0],
            "keys": "/shortcuts",
            "not-found": "/nothing",
        }


async def sign_in(page: Page) -> None:
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(ADDRESS)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("heading", name="Applications").wait_for()
