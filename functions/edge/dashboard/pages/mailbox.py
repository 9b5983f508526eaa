"""The mailbox of one machine: e-mails that Capsule has written into files in place of sending them. For administrators, and only where there is one.

An e-mail's HTML is a document of its own, in a frame: sandboxed, without scripts, forms and requests to anywhere. Its links open in a new tab.
"""

from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from functions.edge.dashboard.pages.page import Page
from functions.edge.dashboard.visit import Visit

MAILBOX = "/operations/mailbox"
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
OPEN_LINKS_IN_A_TAB = '<base target="_blank" rel="noopener">'
SHOWN = "100"


async def index(visit: Visit) -> Response:
    return visit.render("operations/mailbox.html", page=await visit.call("auth.mailbox", limit=SHOWN))


async def show(visit: Visit) -> Response:
    email = await visit.call("auth.mailbox_email", emailId=visit.path_value("email"))
    address = f"{MAILBOX}/{quote(email['id'], safe='')}/html"
    return visit.render("operations/mailbox_email.html", email=email, html_address=address)


async def show_html(visit: Visit) -> Response:
    email = await visit.call("auth.mailbox_email", emailId=visit.path_value("email"))
    headers = {"content-security-policy": FRAME_POLICY, "x-frame-options": "SAMEORIGIN", "referrer-policy": "no-referrer"}
    return HTMLResponse(OPEN_LINKS_IN_A_TAB + email["html"], headers=headers)


PAGES = (
    Page("GET", MAILBOX, index),
    Page("GET", f"{MAILBOX}/{{email}}", show),
    Page("GET", f"{MAILBOX}/{{email}}/html", show_html),
)
