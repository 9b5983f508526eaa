"""Billing details on the command line, against scripted responses."""

from collections.abc import Callable
from typing import Any

from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]


def test_details_are_shown_and_changed_field_by_field(terminal: Terminal, scripted: Start) -> None:
    stored: dict[str, Any] = {"details": None}

    def respond(request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/v1/billing/customer":
                return Response(200, {"email": "ada@example.org", "billingDetails": stored["details"]})
            case "PUT", "/v1/billing/details":
                stored["details"] = request.body
                return Response(200, request.body)
        return problem(404, "no-such-route", request.path)

    terminal.api, terminal.variables = scripted(respond).url, {"CAPSULE_TOKEN": "t"}
    assert "invoices name ada@example.org only" in " ".join(terminal.invoke("billing-details", code=0).out.split())
    terminal.invoke("billing-details", "--name", "Ada", "--address", "1 Road", "--address", "London", "--country", "GB", code=0)
    assert stored["details"] == {"name": "Ada", "address": ["1 Road", "London"], "country": "GB", "vatId": None}
    result = terminal.invoke("billing-details", "--vat-id", "DE123456789", code=0)
    assert stored["details"]["name"] == "Ada" and stored["details"]["vatId"] == "DE123456789" and "DE123456789" in result.out
    assert terminal.invoke("billing-details", "--json", code=0).document == stored["details"]
