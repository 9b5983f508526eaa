"""`capsule webhooks`: the requests of each command, and what it prints."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer
from tests.cli.terminal import Terminal

StartServer = Callable[[Callable[[Request], Response]], ScriptedServer]
ID, OTHER, DELIVERY, TEAM = "0190aaaa-0000-7000-8000-000000000001", "0190bbbb-0000-7000-8000-000000000002", str(UUID(int=9)), str(UUID(int=5))
WEBHOOK: dict[str, Any] = {
    "id": ID,
    "teamId": TEAM,
    "url": "https://example.org/hook",
    "eventTypes": ["deployment.failed"],
    "description": "chat",
    "isEnabled": False,
    "disabledReason": "failing",
    "disabledAt": "2026-01-01T00:00:00Z",
    "failingSince": "2026-01-01T00:00:00Z",
    "previousSecretExpiresAt": None,
    "createdAt": "2026-01-01T00:00:00Z",
}
SENT = {
    "id": DELIVERY,
    "eventType": "deployment.failed",
    "state": "failed",
    "attempts": 8,
    "response": "example.org answered 404 Not Found",
    "nextAttemptAt": None,
    "createdAt": "2026-01-01T00:00:00Z",
    "finishedAt": "2026-01-02T00:00:00Z",
    "payload": {},
}


def respond(request: Request) -> Response:
    path = request.path.partition("?")[0]
    if path == "/v1/webhooks" and request.method == "POST":
        return Response(201, {**WEBHOOK, "secret": "whsec_new"})
    if path == "/v1/webhooks":
        return Response(200, {"items": [WEBHOOK, {**WEBHOOK, "id": OTHER}], "next": None})
    if path == "/v1/webhook-event-types":
        return Response(200, {"items": [{"type": "alert.fired", "summary": "An alert fired."}], "next": None})
    if path == "/v1/teams":
        return Response(200, {"items": [{"id": TEAM, "name": "crew"}], "next": None})
    if path.endswith("/deliveries"):
        return Response(200, {"items": [SENT], "next": None})
    if path.endswith("/secret-rotation"):
        return Response(200, {"id": ID, "secret": "whsec_rotated", "previousSecretExpiresAt": "2026-01-02T12:30:00Z"})
    if path.endswith(("/test", "/redelivery")):
        return Response(202, {"deliveryId": DELIVERY})
    return Response(204) if request.method == "DELETE" else Response(200, WEBHOOK)


@pytest.mark.parametrize(
    ("arguments", "method", "path", "body", "out"),
    [
        (("add", "https://example.org/hook"), "POST", "/v1/webhooks", {"url": "https://example.org/hook", "eventTypes": ["*"]}, "whsec_new"),
        (
            ("add", "https://e.org", "--event", "alert.fired", "--team", "crew"),
            "POST",
            "/v1/webhooks",
            {"eventTypes": ["alert.fired"], "teamId": TEAM},
            "whsec_new",
        ),
        (("update", "0190aaaa", "--enable"), "PATCH", f"/v1/webhooks/{ID}", {"enabled": True}, "disabled (failing)"),
        (("delete", "0190aaaa"), "DELETE", f"/v1/webhooks/{ID}", None, f"Deleted webhook {ID}"),
        (("show", "0190aaaa"), "GET", f"/v1/webhooks/{ID}", None, "failing since"),
        (("deliveries", "0190aaaa", "--state", "failed"), "GET", f"/v1/webhooks/{ID}/deliveries", None, "example.org answered 404 Not Found"),
        (("redeliver", "0190aaaa", DELIVERY[:8]), "POST", f"/v1/webhooks/{ID}/deliveries/{DELIVERY}/redelivery", None, "again"),
        (("test", "0190aaaa"), "POST", f"/v1/webhooks/{ID}/test", None, "Sending a test event."),
        (("rotate-secret", "0190aaaa"), "POST", f"/v1/webhooks/{ID}/secret-rotation", None, "whsec_rotated"),
        (("list",), "GET", "/v1/webhooks", None, "https://example.org/hook (chat)"),
        (("event-types",), "GET", "/v1/webhook-event-types", None, "An alert fired."),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, tuple) else "",
)
def test_each_command_sends_its_request(
    terminal: Terminal, scripted: StartServer, arguments: tuple[str, ...], method: str, path: str, body: dict[str, Any] | None, out: str
) -> None:
    server = scripted(respond)
    terminal.api, terminal.variables = server.url, {"CAPSULE_TOKEN": "t"}
    assert out in terminal.invoke("webhooks", *arguments, code=0).out
    request = server.requests[-1]
    assert (request.method, request.path.partition("?")[0]) == (method, path)
    if body is not None:
        assert body.items() <= request.body.items()


def test_an_update_without_a_change_is_a_usage_error(terminal: Terminal, scripted: StartServer) -> None:
    terminal.api, terminal.variables = scripted(respond).url, {"CAPSULE_TOKEN": "t"}
    assert "--enable" in terminal.invoke("webhooks", "update", "0190aaaa", code=2).err
