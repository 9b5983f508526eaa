"""Objects of the account, and their ids: requests about objects that exist reach further than requests about none."""

import secrets
from typing import Any

import httpx

LISTS = {
    "invoiceId": ("/v1/billing/invoices", "invoiceId"),
    "alertId": ("/v1/alerts", "id"),
}
"""Parameter → path of a list, name of the id. They arise by themselves, so they may be missing."""


def create_objects(client: httpx.Client) -> dict[str, Any]:
    """Create an application and what belongs to it. Returns parameters of paths by name. Raises httpx.HTTPStatusError."""
    name = f"fuzz-{secrets.token_hex(4)}"
    application = _post(client, "/v1/apps", {"name": name, "repository": "https://git.example.com/fuzz/fuzz.git"})
    path = f"/v1/apps/{application.json()['id']}"
    ids = {
        "applicationId": application.json()["id"],
        "environment": "staging",
        "number": 1,
        "correlationId": application.headers["x-request-id"],
        "userId": client.get("/v1/users/me").raise_for_status().json()["id"],
        "deploymentId": _post(client, f"{path}/deployments", {"environment": "staging"}).json()["id"],
        "channelId": _post(client, f"{path}/alert-channels", {"url": "https://hooks.example.org/fuzz"}).json()["id"],
        "webhookId": _post(client, "/v1/webhooks", {"url": "https://hooks.example.org/fuzz", "eventTypes": ["*"]}).json()["id"],
        "ruleId": _post(client, f"{path}/alert-rules", {"kind": "latency", "threshold": 5000}).json()["id"],
    }
    for parameter, (list_path, id_name) in LISTS.items():
        if items := client.get(list_path).raise_for_status().json()["items"]:
            ids[parameter] = items[0][id_name]
    return ids


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    return client.post(path, json=body).raise_for_status()
