"""Objects of the account, and their ids: requests about objects that exist reach further than requests about none."""

import secrets
from typing import Any

import httpx

LISTS = {
    "invoiceId": ("/v1/billing/invoices", "invoiceId"),
    "alertId": ("/v1/alerts", "id"),
    "sessionId": ("/v1/sessions", "id"),
    "passkeyId": ("/v1/users/me/passkeys", "id"),
    "identityId": ("/v1/users/me/identities", "id"),
}
"""Parameter → path of a list, name of the id. They arise by themselves, so they may be missing."""


def create_objects(client: httpx.Client) -> dict[str, Any]:
    """Create an application and what belongs to it. Returns parameters of paths by name. Raises httpx.HTTPStatusError."""
    name = f"fuzz-{secrets.token_hex(4)}"
    application = _post(client, "/v1/apps", {"name": name, "repository": "https://git.example.com/fuzz/fuzz.git"})
    path = f"/v1/apps/{application.json()['id']}"
    team = _team(client, name)
    deployment = _post(client, f"{path}/deployments", {"environment": "staging"}).json()
    webhook = _post(client, "/v1/webhooks", {"url": "https://hooks.example.org/fuzz", "eventTypes": ["*"]}).json()["id"]
    ids = {
        "teamId": team,
        "invitationId": _post(client, f"/v1/teams/{team}/invitations", {"email": f"{name}@example.org", "role": "viewer"}).json()["id"],
        "tokenId": _post(client, "/v1/tokens", {"name": name, "scopes": ["read"]}).json()["id"],
        "operationId": deployment["operationId"],
        "provider": "github",
        "applicationId": application.json()["id"],
        "environment": "staging",
        "number": 1,
        "correlationId": application.headers["x-request-id"],
        "userId": client.get("/v1/users/me").raise_for_status().json()["id"],
        "deploymentId": deployment["id"],
        "channelId": _post(client, f"{path}/alert-channels", {"url": "https://hooks.example.org/fuzz"}).json()["id"],
        "webhookId": webhook,
        "deliveryId": _post(client, f"/v1/webhooks/{webhook}/test", {}).json()["deliveryId"],
        "ruleId": _post(client, f"{path}/alert-rules", {"kind": "latency", "threshold": 5000}).json()["id"],
    }
    for parameter, (list_path, id_name) in LISTS.items():
        if items := client.get(list_path).raise_for_status().json()["items"]:
            ids[parameter] = items[0][id_name]
    return ids


def _team(client: httpx.Client, name: str) -> str:
    """A team of the account. A new one only if it has none: an account creates few."""
    teams = client.get("/v1/teams").raise_for_status().json()["items"]
    return str(next((each["id"] for each in teams if not each["isPersonal"]), None) or _post(client, "/v1/teams", {"name": name}).json()["id"])


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    return client.post(path, json=body).raise_for_status()
