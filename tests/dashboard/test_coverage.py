"""Each operation of the API is on a page, or is listed here with the reason why not: a new one brings its page."""

import re
from pathlib import Path

from functions.edge import dashboard
from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry

WITHOUT_PAGE = {
    "auth.jwks": "for programs",
    "auth.begin_device_authorization": "for programs: capsule login --device",
    "auth.redeem_device_code": "for programs: capsule login --device",
    "auth.verify_email": "the gateway's page behind the link of the e-mail",
    "auth.receive_ses_notification": "for Amazon SNS",
    "auth.reset_password": "the gateway's page behind the link of the e-mail",
    "auth.confirm_email_change": "the gateway's page behind the link of the e-mail",
    "auth.registration": "the sign-up leads on by itself",
    "auth.audit_chain": "for a file that can be verified: capsule audit export",
    "billing.handle_stripe_webhook": "for Stripe",
    "auth.me": "for programs: capsule whoami",
    "auth.operation": "for programs: the account's page shows it",
    "auth.operation_events": "for programs: the account's page shows it",
    "billing.operation": "for programs: the invoice's page shows it",
    "billing.operation_events": "for programs: the invoice's page shows it",
    "deploy.service_backup": "the page of backups has the list: capsule services show-backup",
    "deploy.attach_run": "a terminal: capsule run",
    "deploy.open_service_tunnel": "programs of the user's machine: capsule services shell, capsule services tunnel",
    "deploy.run": "the page of runs shows it",
    "deploy.domain": "the page of domains has the list: capsule domains show",
    "deploy.operation": "for programs: the deployment's page shows it",
    "deploy.operation_events": "for programs: the deployment's page follows it",
    "deploy.release": "the deployment's page shows it",
    "deploy.rename_application": "only before the first deployment: capsule apps rename",
    "deploy.set_host_keys": "rare: capsule apps host-keys",
    "monitor.application_alerts": "the alerts page has them all",
    "monitor.operation": "for programs: the page of deliveries shows it",
    "monitor.operation_events": "for programs: the page of deliveries shows it",
}


def test_every_operation_has_a_page_or_a_reason() -> None:
    source = "\n".join(path.read_text() for path in Path(dashboard.__file__).parent.rglob("*.py"))
    called = set(re.findall(r'"((?:auth|billing|deploy|monitor)\.(?!html)\w+)"', source))
    routes = {route.name for route in Table(Registry.load().declarations).routes}
    assert called <= routes, "the dashboard calls functions without a route"
    assert routes - called == set(WITHOUT_PAGE)
