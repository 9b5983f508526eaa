"""A dashboard on loopback whose pages all show something: an application with a past, teams, the account, operations."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page

from tests.dashboard.application import BrowserOfDeploy, capsule, deployed
from tests.dashboard.browser import ADDRESS, PASSWORD
from tests.dashboard.furnished import furnish, furnish_operations
from tests.dashboard.furnished_application import furnish_application
from tests.dashboard.furnished_emails import furnish_emails
from tests.dashboard.furnished_inspections import furnish_inspections
from tests.dashboard.site import Site

PAST = timedelta(minutes=46)
"""What the application has behind it."""
OF_VISITORS = ("/sign-in", "/sign-up", "/forgotten-password")
OF_EVERYBODY = (
    *("/new", "/shortcuts", "/nothing", "/teams", "/alerts", "/billing", "/accept-invitation", "/account", "/?team=all"),
    *("/webhooks?team=all", "/device"),
)
"""Pages that each user has: of their own things."""
OPERATIONS = (
    "",
    "/functions",
    "/queues",
    "/dead-letters",
    "/registrations",
    "/logs",
    "/users",
    "/customers",
    "/invoices",
    "/payments",
    "/email-suppressions",
    "/mailbox",
)
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
        self._folder = TemporaryDirectory()
        super().__init__(partial(capsule, CAPSULE_MAIL_URL=f"maildir://{self._folder.name}/mail"), BrowserOfDeploy)
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
        await furnish_emails(self.ada, Path(self._folder.name) / "mail")
        subscribed = await self.ada.send("/billing/plan", plan="pro", paymentMethod="pm_card_visa")
        assert subscribed.status_code == 303, subscribed.text
        await self.ada.capsule.settle()

    async def _links(self, page: str, pattern: str) -> Sequence[str]:
        """Paths that a page links to and that match the whole of a pattern, each once, in order."""
        return list(dict.fromkeys(re.findall(rf'href="({pattern})"', (await self.ada.open(page)).text)))

    async def pages(self) -> dict[str, str]:
        """Name → path of every page of a signed-in user and of a visitor."""
        app, teams = self.ada.path, f"/teams/{self.team}"
        links = self._links
        deployments = await links(f"{app}/deployments", rf"{app}/deployments/[^\"]+")
        [service, *_] = await links(f"{app}/services", rf"{app}/services/[^/\"]+")
        return {
            "sign-in": "/sign-in",
            "sign-up": "/sign-up",
            "forgotten-password": "/forgotten-password",
            "device": "/device?user_code=WDJB-MJHT",
            "applications": "/?team=all",
            "new-application": "/new",
            **self.inspections,
            "overview": app,
            **{name: f"{app}/{name}" for name in APPLICATION},
            "volume": (await links(f"{app}/volumes", rf"{app}/volumes/[^\"]+"))[-1],
            "schedule": (await links(f"{app}/schedules", rf"{app}/schedules/[^\"]+"))[0],
            "service": service,
            "service-backups": f"{service}/backups",
            "configuration-staging": f"{app}/configuration?environment=staging",
            "logs-filtered": f"{app}/logs?search=order&where=level%3Derror",
            "deployment": deployments[0],
            "deployment-timeline": deployments[-1],
            "timeline": (await links(deployments[-1], r"/timeline/[^\"]+"))[0],
            "deployment-failed": self.failed,
            "alerts": "/alerts",
            "webhooks": "/webhooks?team=all",
            "webhook": (await links("/webhooks?team=all", r"/webhooks/[^\"]+"))[0],
            "billing": "/billing",
            "invoice": (await links("/billing", r"/billing/invoices/[^/\"]+"))[0],
            "teams": "/teams",
            "team": teams,
            "team-settings": f"{teams}/settings",
            "team-member": (await links(teams, r"/teams/[^/\"]+/members/[^\"]+"))[0],
            "team-service-accounts": f"{teams}/service-accounts",
            "team-service-account": (await links(f"{teams}/service-accounts", rf"{teams}/service-accounts/[^\"]+"))[0],
            "invitation": "/accept-invitation?token=abc",
            **{f"account{part.replace('/', '-')}": f"/account{part}" for part in ACCOUNT},
            **{f"operations{part.replace('/', '-')}": f"/operations{part}" for part in OPERATIONS},
            "operations-dead-letter": f"/operations/dead-letters/deploy/{self.letter}",
            "operations-user": (await links("/operations/users?suspended=true", r"/operations/users/[^\"]+"))[0],
            "operations-mailbox-email": (await links("/operations/mailbox", r"/operations/mailbox/[^\"]+"))[0],
            "keys": "/shortcuts",
            "not-found": "/nothing",
        }


async def sign_in(page: Page) -> None:
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(ADDRESS)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("heading", name="Applications").wait_for()
