"""Dead letters for administrators, against a server that keeps them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.cli.scripted import Request, Response, ScriptedServer, problem
from tests.cli.terminal import Terminal

Start = Callable[[Callable[[Request], Response]], ScriptedServer]
AT = "2026-11-29T12:00:00Z"
FIRST, SECOND, THIRD = (f"01a2b3c{number}-0000-7000-8000-000000000000" for number in (4, 5, 6))
AT_ONCE = 2
"""Letters that one request settles."""


def letter(id: str, function: str, error: str) -> dict[str, Any]:
    return {
        "id": id, "function": function, "type": "capsule.deploy.ReleaseStarted", "error": error, "detail": "There is no rate for it.", "attempts": 5,
        "state": "open", "diedAt": AT, "payload": {"amount": 3, "name": "\x1b[2Jshop"}, "headers": {}, "stack": "Traceback …", "history": [],
    }  # fmt: skip


class Contexts:
    def __init__(self) -> None:
        self.letters = [
            letter(FIRST, "billing.on_usage_measured", "RateUnknown"),
            letter(SECOND, "billing.on_usage_measured", "RateUnknown"),
            letter(THIRD, "monitor.on_alert", "RateUnknown"),
        ]
        self.payloads: list[Any] = []
        self.die_again = False

    def respond(self, request: Request) -> Response:
        path, _, text = request.path.partition("?")
        if not path.endswith("/dead-letters"):
            return problem(404, "no-such-route", f"There is no route {request.path}")
        context = path.split("/")[-2]
        fields: dict[str, Any] = request.body or {name: values[0] for name, values in parse_qs(text).items()}
        state = None if "id" in fields or request.body else fields.get("state", "open")
        ids = fields.get("ids") or ([fields["id"]] if "id" in fields else None)
        found = [
            each
            for each in self.letters
            if each["function"].startswith(f"{context}.")
            and (each["state"] == (state or each["state"]))
            and (ids is None or each["id"] in ids)
            and all(each[name] == fields.get(name, each[name]) for name in ("function", "error"))
        ]
        if request.body:
            found = [each for each in found if each["state"] == "open"]
            if not found:
                return problem(404, "dead-letter-not-found", "No open dead letter matches.")
            self.payloads.append(fields.get("payload"))
            for each in found[:AT_ONCE]:
                if self.die_again:
                    self.letters.append({**each, "id": f"{len(self.letters):08x}{each['id'][8:]}"})
                each["state"] = {"replay": "replayed", "discard": "discarded"}[fields["action"]]
            again = AT_ONCE if self.die_again else 0
            return Response(200, {"settled": len(found[:AT_ONCE]), "left": len(found[AT_ONCE:]) + again})
        causes = {(each["function"], each["error"]) for each in found}
        return Response(
            200,
            {
                "letters": found,
                "causes": [
                    {"function": function, "error": error, "count": sum(each["function"] == function for each in found), "oldest": AT, "newest": AT}
                    for function, error in sorted(causes)
                ],
            },
        )


@pytest.fixture
def contexts() -> Contexts:
    return Contexts()


@pytest.fixture
def root(terminal: Terminal, scripted: Start, contexts: Contexts) -> Terminal:
    terminal.api, terminal.variables = scripted(contexts.respond).url, {"CAPSULE_TOKEN": "t"}
    return terminal


def test_letters_are_listed_by_cause_and_one_by_one(root: Terminal) -> None:
    out = root.invoke("admin", "dead-letters", "list", code=0).out
    assert out.splitlines()[0] == "3 dead letters open, by cause"
    assert out.index("billing.on_usage_measured") < out.index("monitor.on_alert") < out.index("01a2b3c4")
    of_monitor = root.invoke("admin", "dead-letters", "list", "--context", "monitor", "--json", code=0).document
    assert [each["id"] for each in of_monitor["letters"]] == [THIRD]
    assert root.invoke("admin", "dead-letters", "list", "--state", "discarded", code=0).out.strip() == "No discarded dead letters."
    assert "States: open, replayed, discarded" in root.invoke("admin", "dead-letters", "list", "--state", "gone", code=2).err
    assert "Contexts: auth" in root.invoke("admin", "dead-letters", "list", "--context", "shop", code=2).err


def test_one_is_shown_by_the_beginning_of_its_id(root: Terminal) -> None:
    out = root.invoke("admin", "dead-letters", "show", "01a2b3c5", code=0).out
    assert SECOND in out and "RateUnknown: There is no rate for it." in out and '"amount": 3' in out and "\x1b[2J" not in out
    assert root.invoke("admin", "dead-letters", "show", SECOND, "--json", code=0).document["id"] == SECOND
    assert "matches 3 dead letters" in root.invoke("admin", "dead-letters", "show", "01a2", code=2).err
    root.invoke("admin", "dead-letters", "show", "ffffffff", code=4)
    root.invoke("admin", "dead-letters", "show", FIRST.replace("1a2", "fff"), code=4)


def test_a_cause_is_replayed_whole_in_each_context_that_has_it(root: Terminal, contexts: Contexts) -> None:
    contexts.letters += [letter(f"01a2b3d{number}-0000-7000-8000-000000000000", "billing.on_usage_measured", "RateUnknown") for number in range(3)]
    assert root.invoke("admin", "dead-letters", "replay", "--error", "RateUnknown", "--json", code=0).document == {"replayed": 6}
    assert {each["state"] for each in contexts.letters} == {"replayed"}
    assert "no open dead letter" in root.invoke("admin", "dead-letters", "replay", "--error", "RateUnknown", code=4).err


def test_a_payload_replaces_that_of_a_single_letter(root: Terminal, contexts: Contexts, tmp_path: Path) -> None:
    fixed, broken = tmp_path / "fixed.json", tmp_path / "broken.json"
    fixed.write_text('{"amount": 5}')
    broken.write_text("[1]")
    root.invoke("admin", "dead-letters", "replay", "01a2b3c4", "--payload", str(fixed), code=0)
    assert contexts.payloads == [{"amount": 5}] and [each["state"] for each in contexts.letters] == ["replayed", "open", "open"]
    for arguments in (["01a2b3c5", "01a2b3c6"], ["--error", "RateUnknown"], []):
        root.invoke("admin", "dead-letters", "replay", *arguments, "--payload", str(fixed), code=2)
    assert "no JSON object" in root.invoke("admin", "dead-letters", "replay", "01a2b3c5", "--payload", str(broken), code=2).err
    assert len(contexts.payloads) == 1


def test_a_cause_is_discarded_after_a_confirmation_only(root: Terminal, contexts: Contexts) -> None:
    assert "--yes" in root.invoke("admin", "dead-letters", "discard", "--function", "monitor.on_alert", code=2).err
    assert {each["state"] for each in contexts.letters} == {"open"}
    root.invoke("admin", "dead-letters", "discard", "--function", "monitor.on_alert", "--yes", code=0)
    assert root.invoke("admin", "dead-letters", "discard", "01a2b3c4", THIRD.replace("6", "5", 1), code=0).out.startswith(
        "✓ Discarded 2 dead letters"
    )
    for arguments in ([], ["01a2b3c4", "--error", "RateUnknown"]):
        root.invoke("admin", "dead-letters", "discard", *arguments, code=2)


def test_letters_that_die_again_at_once_are_not_replayed_for_ever(root: Terminal, contexts: Contexts) -> None:
    contexts.die_again = True
    assert root.invoke("admin", "dead-letters", "replay", "--function", "billing.on_usage_measured", "--json", code=0).document == {"replayed": 2}
