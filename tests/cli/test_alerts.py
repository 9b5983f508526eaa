"""Which alerts a person sees: of all applications, of one, and of the platform itself."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.cli.scripted import Asked, Said, Scripted
from tests.cli.terminal import Terminal

SHOP, BLOG, PLATFORM = str(UUID(int=1)), str(UUID(int=2)), str(UUID(int=0))


def alert(application: str, name: str, kind: str) -> dict[str, object]:
    said = {"environment": "staging", "state": "firing", "summary": "something", "occurrences": 1, "acknowledgedAt": None, "notifiedAt": None}
    return {"id": f"{name}-1", "applicationId": application, "application": name, "kind": kind, "beganAt": "2026-01-01T00:00:00Z", **said}


def api(asked: Asked) -> Said:
    if asked.path.startswith("/v1/alerts"):
        found = [alert(SHOP, "shop", "error-rate"), alert(BLOG, "blog", "error-rate"), alert(PLATFORM, "capsule", "dead-letters")]
        return Said(200, {"alerts": found})
    return Said(200, {"items": [{"id": SHOP, "name": "shop"}, {"id": BLOG, "name": "blog"}]})


@pytest.mark.parametrize(
    ("words", "environment", "seen"),
    [
        ((), {}, ["shop", "blog", "capsule"]),
        (("--app", "shop"), {}, ["shop"]),
        ((), {"CAPSULE_APP": "shop"}, ["shop", "capsule"]),
    ],
    ids=["all", "one that is asked for", "the one of this folder"],
)
def test_an_admin_sees_the_platforms_own_alerts_unless_another_application_is_asked_for(
    terminal: Terminal, scripted: Callable[[Callable[[Asked], Said]], Scripted], words: tuple[str, ...], environment: dict[str, str], seen: list[str]
) -> None:
    terminal.api, terminal.more = scripted(api).url, {"CAPSULE_TOKEN": "t", **environment}
    found = terminal.type("alerts", "list", *words, "--json", code=0).document
    assert [each["application"] for each in found] == seen
    assert "dead-letters: something" in terminal.type("alerts", "list", code=0).out
