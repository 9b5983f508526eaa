"""Alerts of all applications, of one, and of the platform; acknowledging by the beginning of an id."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer
from tests.cli.terminal import Terminal

StartServer = Callable[[Callable[[Request], Response]], ScriptedServer]
SHOP, BLOG, PLATFORM = str(UUID(int=1)), str(UUID(int=2)), str(UUID(int=0))


def alert(application: str, name: str, kind: str) -> dict[str, object]:
    fields = {"environment": "staging", "state": "firing", "summary": "something", "occurrences": 1, "acknowledgedAt": None, "notifiedAt": None}
    return {"id": f"{name}-0001", "applicationId": application, "application": name, "kind": kind, "beganAt": "2026-01-01T00:00:00Z", **fields}


def respond(request: Request) -> Response:
    if request.path.endswith("/acknowledge"):
        return Response(200, {"id": request.path.split("/")[3]})
    if request.path.startswith("/v1/alerts"):
        alerts = [alert(SHOP, "shop", "error-rate"), alert(BLOG, "blog", "error-rate"), alert(PLATFORM, "capsule", "dead-letters")]
        return Response(200, {"items": alerts, "next": None})
    return Response(200, {"items": [{"id": SHOP, "name": "shop"}, {"id": BLOG, "name": "blog"}]})


@pytest.mark.parametrize(
    ("arguments", "variables", "applications"),
    [
        ((), {}, ["shop", "blog", "capsule"]),
        (("--app", "shop"), {}, ["shop"]),
        ((), {"CAPSULE_APP": "shop"}, ["shop", "capsule"]),
    ],
    ids=["all", "the one of --app", "the one of this folder"],
)
def test_admins_also_see_alerts_of_the_platform_unless_they_name_an_application(
    terminal: Terminal, scripted: StartServer, arguments: tuple[str, ...], variables: dict[str, str], applications: list[str]
) -> None:
    terminal.api, terminal.variables = scripted(respond).url, {"CAPSULE_TOKEN": "t", **variables}
    alerts = terminal.invoke("alerts", "list", *arguments, "--json", code=0).document
    assert [each["application"] for each in alerts] == applications
    assert "dead-letters: something" in terminal.invoke("alerts", "list", code=0).out


def test_an_alert_is_acknowledged_by_the_beginning_of_its_id(terminal: Terminal, scripted: StartServer) -> None:
    server = scripted(respond)
    terminal.api, terminal.variables = server.url, {"CAPSULE_TOKEN": "t"}
    assert terminal.invoke("alerts", "ack", "sho", "--json", code=0).document == {"id": "shop-0001"}
    assert 'There is no alert "x"' in terminal.invoke("alerts", "ack", "x", code=4).err
