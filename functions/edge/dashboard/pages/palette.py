"""What the palette finds: applications with their pages, and the pages of the account. And the page that lists the keys."""

from starlette.responses import Response

from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit, permitted

PAGES_OF_THE_ACCOUNT = (
    ("/new", "New application"),
    ("/account/security", "Security: second factor, passkeys, sessions"),
    ("/account/tokens", "API tokens"),
    ("/account/permissions", "Permissions"),
    ("/account/audit", "Audit log"),
    ("/shortcuts", "Keys"),
)
PAGES_OF_OPERATIONS = (
    ("/operations", "Operations: health"),
    ("/operations/functions", "Operations: functions"),
    ("/operations/queues", "Operations: queues"),
    ("/operations/dead-letters", "Operations: dead letters"),
    ("/operations/registrations", "Operations: registrations"),
    ("/operations/logs", "Operations: logs of functions"),
    ("/operations/users", "Operations: users"),
    ("/operations/customers", "Operations: customers"),
    ("/operations/invoices", "Operations: invoices"),
    ("/operations/payments", "Operations: payments"),
)


async def palette(visit: Visit) -> Response:
    """The applications of all teams, and pages, as entries of a list."""
    listed = await permitted(visit.call("deploy.applications", limit="100"))
    pages = PAGES_OF_THE_ACCOUNT + (PAGES_OF_OPERATIONS if visit.is_administrator else ())
    return visit.render("palette.html", applications=listed["items"] if listed else [], pages=pages)


async def shortcuts(visit: Visit) -> Response:
    return visit.render("shortcuts.html")


PAGES = (Page("GET", "/palette", palette), Page("GET", "/shortcuts", shortcuts))
