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
    "auth.reset_password": "the gateway's page behind the link of the e-mail",
    "auth.confirm_email_change": "the gateway's page behind the link of the e-mail",
    "auth.email_change": "capsule email show",
    "auth.request_email_change": "capsule email change",
    "auth.cancel_email_change": "capsule email cancel",
    "auth.export": "for a file: capsule account export",
    "billing.export": "for a file: capsule account export",
    "deploy.export": "for a file: capsule account export",
    "monitor.export": "for a file: capsule account export",
    "auth.revoke_sessions": "capsule sessions revoke; the account's page ends each of them",
    "auth.tokens": "for programs: capsule tokens list",
    "auth.create_token": "for programs: capsule tokens create",
    "auth.revoke_token": "for programs: capsule tokens revoke",
    "auth.second_factor": "capsule account 2fa status",
    "auth.begin_second_factor": "capsule account 2fa on",
    "auth.enable_second_factor": "capsule account 2fa on",
    "auth.disable_second_factor": "capsule account 2fa off",
    "auth.replace_recovery_codes": "capsule account 2fa recovery-codes",
    "auth.accept_invitation": "no page yet: capsule teams accept",
    "auth.change_member_role": "no page yet: capsule teams role",
    "auth.create_team": "no page yet: capsule teams create",
    "auth.delete_team": "no page yet: capsule teams delete",
    "auth.invitations": "no page yet: capsule teams invitations",
    "auth.invite_member": "no page yet: capsule teams invite",
    "auth.leave_team": "no page yet: capsule teams leave",
    "auth.remove_member": "no page yet: capsule teams remove",
    "auth.revoke_invitation": "no page yet: capsule teams uninvite",
    "auth.set_member_grants": "no page yet: capsule teams grant",
    "auth.team": "no page yet: capsule teams show",
    "auth.team_members": "no page yet: capsule teams members",
    "auth.teams": "no page yet: capsule teams list",
    "auth.transfer_team": "no page yet: capsule teams transfer",
    "auth.update_team": "no page yet: capsule teams rename",
    "auth.permissions": "no page yet: capsule permissions",
    "auth.audit": "no page yet: capsule audit list",
    "auth.registration": "the sign-up leads on by itself",
    "billing.customer": "the billing page shows it",
    "billing.handle_stripe_webhook": "for Stripe",
    "deploy.start_run": "a command line: capsule run",
    "deploy.runs": "a command line: capsule runs",
    "deploy.attach_run": "a terminal: capsule run",
    "deploy.run": "a command line: capsule run",
    "deploy.cancel_run": "a command line: capsule run",
    "deploy.operation": "for programs: the deployment's page shows it",
    "deploy.operation_events": "for programs: the deployment's page follows it",
    "deploy.release": "the deployment's page shows it",
    "deploy.rename_application": "only before the first deployment: capsule apps rename",
    "deploy.set_host_keys": "rare: capsule apps host-keys",
    "monitor.application_alerts": "the alerts page has them all",
    "monitor.alert_deliveries": "capsule alerts deliveries",
    "monitor.create_webhook": "for integrators: capsule webhooks add",
    "monitor.delete_webhook": "for integrators: capsule webhooks delete",
    "monitor.redeliver_webhook": "for integrators: capsule webhooks redeliver",
    "monitor.rotate_webhook_secret": "for integrators: capsule webhooks rotate-secret",
    "monitor.send_test_event": "for integrators: capsule webhooks test",
    "monitor.update_webhook": "for integrators: capsule webhooks update",
    "monitor.webhook": "for integrators: capsule webhooks show",
    "monitor.webhook_deliveries": "for integrators: capsule webhooks deliveries",
    "monitor.webhook_event_types": "for integrators: capsule webhooks event-types",
    "monitor.webhooks": "for integrators: capsule webhooks list",
    "monitor.try_alert_channel": "capsule alerts test",
}


def test_every_operation_has_a_page_or_a_reason() -> None:
    source = "\n".join(path.read_text() for path in Path(dashboard.__file__).parent.rglob("*.py"))
    called = set(re.findall(r'"((?:auth|billing|deploy|monitor)\.(?!html)\w+)"', source))
    routes = {route.name: route for route in Table(Registry.load().declarations).routes}
    assert called <= set(routes), "the dashboard calls functions without a route"
    without = {name for name, route in routes.items() if name not in called and not route.declaration.allow.roles}
    assert without == set(WITHOUT_PAGE)
