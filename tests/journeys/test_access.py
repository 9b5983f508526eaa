"""The walk of every route over HTTP, in a running Capsule with real objects. `tests/access` has the rules and the same walk in memory."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from functions.edge.gateway.routing import Route, Table
from functions.kernel import EventStream, File, Kind
from functions.runtime.config.registry import Registry
from knative.machine import keys
from tests.access.inputs import valid_input
from tests.access.rules import BY_ROUTE, Access
from tests.auth.authenticator import Authenticator
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = proof("access")

ROUTES = Table(Registry.load().declarations).routes
OF_OBJECTS = (Access.OBJECT, Access.OBJECT_OR_ADMIN, Access.TEAM)
LIVE = {
    *(
        "deploy.data_service_metrics",
        "deploy.deployment",
        "deploy.deployments",
        "deploy.domain",
        "deploy.domains",
        "deploy.inspection",
        "deploy.instances",
        "deploy.operation",
        "deploy.run",
        "deploy.volume",
        "deploy.volumes",
        "monitor.logs",
        "monitor.metrics",
        "monitor.operation",
    ),
    *("monitor.alert_deliveries", "monitor.webhook", "monitor.webhook_deliveries"),
}
"""What changes by itself: measurements, and what is still under way."""


@dataclass
class People:
    owner: Person
    other: Person
    admin: Person
    ids: dict[str, Any] = field(default_factory=dict)


def send(person: Person, route: Route, ids: dict[str, Any]) -> httpx.Response:
    if route.name.startswith("billing.operation"):
        ids = ids | {"operationId": ids["creditNoteId"]}
    fields = valid_input(route, {name: value for name, value in ids.items() if name != "teamId" or BY_ROUTE[route.name] is Access.TEAM})
    path = re.sub(r"{(\w+)}", lambda match: str(fields.pop(match[1])), route.path)
    return person.send(route.method, path, fields if route.takes_body else None)


def register_passkey(whole: Whole, person: Person) -> str:
    """Return the id of a new passkey."""
    begun = person.post("/v1/users/me/passkey-registrations", {}, 201)
    device = Authenticator(f"http://dashboard.localhost:{whole.home.ports.ingress}")
    registration = {"challengeId": begun["challengeId"], "name": "Laptop", "credential": device.create(begun["options"])}
    return str(person.post("/v1/users/me/passkeys", registration, 201)["id"])


def create_stored(person: Person, application_path: str) -> dict[str, Any]:
    """Create what stores data, and a domain, for an application. Returns their ids, when nothing of it changes by itself any more."""
    service = person.post(f"{application_path}/services", {"name": "main"}, 202)
    volume = person.post(f"{application_path}/volumes", {"name": "uploads", "sizeMib": 64}, 202)
    domain = person.post(f"{application_path}/environments/staging/domains", {"host": "shop.example.com"}, 201)
    for each in (service, volume):
        until_ended(person, each["operationId"])
    backups = f"{application_path}/services/{service['id']}/backups"
    backup = person.post(backups, {}, 202)
    until(lambda: person.get(f"{backups}/{backup['id']}")["verifiedAt"], why="for the verified backup")
    snapshot = person.post(f"{application_path}/volumes/{volume['id']}/snapshots", {}, 202)
    until_ended(person, snapshot["operationId"])
    ids = {"serviceId": service["id"], "volumeId": volume["id"], "backupId": backup["id"], "snapshotId": snapshot["id"]}
    return ids | {"host": domain["host"]}


def until_ended(person: Person, operation_id: str) -> None:
    operation = until(lambda: (view := person.get(f"/v1/operations/{operation_id}"))["state"] != "running" and view, why="for the operation")
    assert operation and operation["state"] == "succeeded", operation


@pytest.fixture(scope="module")
def people(whole: Whole) -> People:
    found = People(*(Person(whole).become_a_user() for _ in range(3)))
    with psycopg.connect(keys.migration_url(whole.home, "auth"), autocommit=True) as connection:
        connection.execute("UPDATE users SET roles = '{user,admin}' WHERE email = %s", (found.admin.email,))
    found.admin.sign_in()

    owner = found.owner
    application = owner.create(whole.repository(f"w-{uuid4().hex[:6]}", {"index.html": "here"}).url)
    path = f"/v1/apps/{application['id']}"
    deployment = owner.deploy(application)
    assert deployment["status"] == "succeeded", deployment
    failed = owner.ended(owner.ask_to_deploy(application, ref="no-such-branch"))
    assert failed["status"] == "failed"
    run = owner.post(f"{path}/environments/staging/runs", {"command": "true"}, 202)
    channel = owner.post(f"{path}/alert-channels", {"url": "https://hooks.example.org/x"}, 201)
    tested = owner.post(f"{path}/alert-channels/{channel['id']}/test", {}, 202)
    webhook = owner.post("/v1/webhooks", {"url": "https://hooks.example.org/x", "eventTypes": ["webhook.disabled"]}, 201)
    delivery = owner.post(f"/v1/webhooks/{webhook['id']}/test", {}, 202)
    team = owner.post("/v1/teams", {"name": "The owner's"}, 201)
    invitation = owner.post(f"/v1/teams/{team['id']}/invitations", {"email": f"guest-{owner.email}", "role": "viewer"}, 201)
    account = owner.post(f"/v1/teams/{team['id']}/service-accounts", {"name": "ci", "role": "viewer"}, 201)
    rule = owner.post(f"{path}/alert-rules", {"kind": "latency", "threshold": 5000}, 201)
    schedule = owner.post(f"{path}/environments/staging/schedules", {"cron": "0 3 * * *", "command": "true"}, 202)
    stored = create_stored(owner, path)
    assert owner.send("PUT", "/v1/users/me/email-change", {"email": f"new-{owner.email}", "password": owner.password}).status_code == 202
    subscribed = owner.send("POST", "/v1/billing/subscription", {"plan": "pro", "paymentMethod": "pm_card_visa"})
    assert subscribed.is_success, subscribed.text
    found.ids = {
        "applicationId": application["id"],
        "deploymentId": failed["id"],
        "environment": "staging",
        "number": deployment["release"],
        "runId": run["id"],
        "inspectionId": owner.post("/v1/inspections", {"repository": application["repository"]}, 202)["id"],
        "operationId": failed["id"],
        "webhookId": webhook["id"],
        "teamId": team["id"],
        "invitationId": invitation["id"],
        "serviceAccountId": account["id"],
        "passkeyId": register_passkey(whole, owner),
        "identityId": str(uuid4()),  # no identity provider: nobody has one
        "deliveryId": delivery["deliveryId"],
        "scheduleId": schedule["id"],
        "channelId": channel["id"],
        "alertDeliveryId": tested["operationId"],
        "ruleId": rule["id"],
        "alertId": until(lambda: owner.get("/v1/alerts")["items"], why="for an alert")[0]["id"],
        "invoiceId": until(lambda: owner.get("/v1/billing/invoices")["items"], why="for an invoice")[0]["invoiceId"],
        "userId": owner.get("/v1/users/me")["id"],
        "sessionId": owner.get("/v1/sessions")["items"][0]["id"],
        "tokenId": owner.post("/v1/tokens", {"name": "of-the-owner", "scopes": ["read"]}, 201)["id"],
        "correlationId": subscribed.headers["x-request-id"],
        "address": "bounced@example.org",
        "emailId": found.admin.get("/v1/operations/mailbox")["items"][0]["id"],
    } | stored
    refund = {"amount": 100, "reason": "sorry"}
    path = f"/v1/billing/invoices/{found.ids['invoiceId']}/refunds"
    refunded = until(lambda: (answer := found.admin.send("POST", path, refund)).status_code == 202 and answer.json(), why="for the payment")
    found.ids["creditNoteId"] = refunded["creditNoteId"]
    owner.found(f"/v1/timeline/{found.ids['correlationId']}")
    return found


def reads(people: People) -> dict[str, Any]:
    """What the owner reads of their objects."""
    found = {}
    for route in ROUTES:
        if route.declaration.kind is Kind.QUERY and BY_ROUTE[route.name] in OF_OBJECTS:
            response = send(people.owner, route, people.ids)
            assert response.status_code == 200, (route.name, response.text)
            if route.name not in LIVE and not issubclass(route.declaration.output, File | EventStream):
                found[route.name] = response.json()
    return found


def test_every_route_as_everybody(whole: Whole, people: People) -> None:
    before = reads(people)
    anonymous = Person(whole)
    unknown = {name: str(uuid4()) if name.endswith("Id") else value for name, value in people.ids.items()}
    own = {str(value) for name, value in people.ids.items() if name.endswith("Id")} | {people.owner.email}
    for route in ROUTES:
        access = BY_ROUTE[route.name]
        if access is Access.ANYONE:
            continue
        assert send(anonymous, route, people.ids).status_code == 401, route.name
        if access is Access.ADMIN:
            for person in (people.other, people.owner):
                assert send(person, route, people.ids).status_code == 403, route.name
            if route.declaration.kind is Kind.QUERY:
                assert send(people.admin, route, people.ids).status_code == 200, route.name
        elif access in OF_OBJECTS:
            for person in (people.other,) if access is Access.OBJECT_OR_ADMIN else (people.other, people.admin):
                refused, nothing = send(person, route, people.ids), send(person, route, unknown)
                assert refused.status_code == nothing.status_code == 404, (route.name, refused.text, nothing.text)
                assert refused.json()["type"] == nothing.json()["type"], route.name
                assert not any(text in refused.json()["detail"] for text in own - set(refused.request.url.path.split("/"))), route.name
            if access is Access.OBJECT_OR_ADMIN and route.declaration.kind is Kind.QUERY:
                assert send(people.admin, route, people.ids).status_code == 200, route.name
        elif route.declaration.kind is Kind.QUERY:
            response = send(people.other, route, people.ids)  # 404: the other one has no such thing, the owner has
            private = {people.owner.email} if route.name == "auth.audit" else own  # its entries name the ids of what their actor requested
            private = private - set(response.request.url.path.split("/"))  # a problem names the id of its request
            assert response.status_code in (200, 404) and not any(text in response.text for text in private), (route.name, response.text)
    after = reads(people)
    assert {name for name in before if before[name] != after[name]} == set()
