"""Valid input for every route: a sample of its schema, or a body that stands here."""

from collections.abc import Mapping
from typing import Any

from functions.auth.domain.identity import IdentityProvider
from functions.edge.gateway.routing import Route
from functions.edge.gateway.samples import sample

OPERATIONS = {"auth": "userId", "billing": "creditNoteId", "monitor": "alertDeliveryId"}
"""The object whose operation a context shows: a registration, a refund, the test of an alert channel. That of deploy is a deployment."""
LINK_TOKEN = "cpi_of-the-owner"
"""With which the owner began to link an identity."""
PROVIDER = IdentityProvider("corp", "Example", "https://sso.example.com", "capsule", "a-client-secret")
PASSWORD = "correct horse battery staple"

BODIES: dict[str, dict[str, Any]] = {
    "auth.change_password": {"currentPassword": PASSWORD, "password": "another good password 77"},
    "auth.change_member_role": {"role": "owner"},
    "auth.create_service_account": {"name": "another"},
    "auth.create_service_account_token": {"name": "another", "scopes": ["read"]},
    "auth.create_team": {"name": "another"},
    "auth.update_service_account": {"grants": []},
    "auth.invite_member": {"email": "newcomer@example.org"},
    "auth.set_member_grants": {"grants": []},
    "auth.update_team": {"name": "renamed"},
    "auth.create_token": {"name": "another", "scopes": ["read"]},
    "auth.begin_identity_link": {"provider": PROVIDER.name},
    "auth.finish_identity_link": {"token": LINK_TOKEN},
    "auth.rename_passkey": {"name": "Phone"},
    "auth.register_passkey": {"challengeId": "0190f0a0-0000-7000-8000-000000000009", "name": "Phone", "credential": "{}"},
    "billing.refund_invoice": {"reason": "sorry"},
    "billing.set_billing_details": {"name": "Ada Lovelace", "address": ["12 St James's Square", "London"], "country": "GB"},
    "billing.set_payment_method": {"paymentMethod": "pm_card_visa"},
    "billing.subscribe": {"plan": "pro", "paymentMethod": "pm_card_visa"},
    "deploy.add_domain": {"host": "other.example.com"},
    "deploy.change_domain": {"redirects": False},
    "deploy.set_domain_certificate": {"certificate": "-----BEGIN CERTIFICATE-----", "key": "-----BEGIN PRIVATE KEY-----"},
    "deploy.create_application": {"name": "another", "repository": "https://git.example.com/ada/hello.git"},
    "deploy.inspect_repository": {"repository": "https://git.example.com/ada/hello.git"},
    "deploy.create_schedule": {"cron": "0 3 * * *", "command": "./nightly"},
    "deploy.change_schedule": {"isPaused": True},
    "deploy.scale_processes": {"processes": {"worker": {"instances": 1}}},
    "deploy.start_maintenance": {"message": "Back soon."},
    "deploy.change_application": {"branch": "main"},
    "deploy.configure_application": {"variables": {"NAME": "value"}},
    "deploy.configure_environment": {"variables": {"NAME": "value"}},
    "deploy.create_environment": {"name": "review"},
    "deploy.protect_environment": {"isProtected": False},
    "deploy.promote": {"from": "staging", "to": "production"},
    "deploy.rename_application": {"name": "renamed"},
    "deploy.roll_back": {},
    "deploy.scale_environment": {"memoryMib": 256},
    "deploy.set_host_keys": {"hostKeys": ["git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"]},
    "deploy.set_repository_token": {"token": "a-token-of-the-owner"},
    "deploy.start_run": {"command": "true"},
    "deploy.create_data_service": {"name": "another"},
    "deploy.add_external_data_service": {"name": "another", "url": "postgresql://u:p@db.example.com/shop"},
    "deploy.bind_data_service": {},
    "deploy.set_backup_policy": {"schedule": "0 3 * * *"},
    "deploy.attach_volume": {"environment": "staging", "mountPath": "/data"},
    "deploy.create_volume": {"name": "another", "sizeMib": 64},
    "deploy.resize_volume": {"sizeMib": 128},
    "monitor.create_alert_channel": {"url": "https://hooks.example.org/other"},
    "monitor.create_webhook": {"url": "https://hooks.example.org/other", "eventTypes": ["deployment.failed"]},
    "monitor.update_webhook": {"description": "changed"},
    "monitor.create_alert_rule": {"kind": "deployment-failed"},
}
"""Bodies that a schema's sample is no valid example of."""
IN_BODIES = ("teamId", "backupId", "snapshotId")
"""Ids that a body names."""


def valid_input(route: Route, ids: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request. `ids`: parameters of paths, of which the route's own are used, and the team where it is a field."""
    of_operation = OPERATIONS.get(route.declaration.context, "")
    if "operationId" in route.path_names and of_operation in ids:
        ids = {**ids, "operationId": ids[of_operation]}
    schema = route.input.model_json_schema()
    body = BODIES.get(route.name) if route.takes_body else {}
    fields: dict[str, Any] = sample(schema, schema.get("$defs", {})) if body is None else dict(body)
    fields.pop("teamId", None)  # the personal team, unless `ids` names another
    fields |= {name: value for name, value in ids.items() if name in route.path_names or (name in IN_BODIES and name in schema["properties"])}
    if route.name == "auth.transfer_team":
        fields["userId"] = ids["userId"]
    if route.name == "auth.accept_invitation" and "token" in ids:
        fields["token"] = ids["token"]
    assert set(route.path_names) <= set(fields), f"{route.name}: there is no object for its path"
    return fields
