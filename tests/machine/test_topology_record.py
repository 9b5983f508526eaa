"""The topology Job runs again when what it goes by has changed, or when RabbitMQ does not have what it made."""

import json
import urllib.error
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from knative.machine import topology_record
from knative.machine.home import Home
from knative.machine.topology_record import is_current, made_by_job, record

JOB = {"kind": "Job", "metadata": {"name": "capsule-topology"}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
Definitions = dict[str, list[dict[str, Any]]]
Objects = dict[str, dict[str, Any]]


def object_of(kind: str, name: str, uid: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "uid": uid, "resourceVersion": "1"}, "spec": {"broker": "main"}}


@pytest.fixture
def live() -> Objects:
    return {"a": object_of("Broker", "main", "1"), "b": object_of("Trigger", "profile", "2"), "c": object_of("Service", "profile", "3")}


@pytest.fixture
def definitions(monkeypatch: pytest.MonkeyPatch) -> Definitions:
    """What RabbitMQ has. An empty dictionary: it does not answer."""
    definitions: Definitions = {
        "exchanges": [
            {"name": "capsule.commands", "type": "direct"},
            {"name": "dlx", "type": "fanout"},
            {"name": "b.capsule.main", "type": "headers"},
        ],
        "queues": [{"name": "capsule.unroutable", "arguments": {"x-queue-type": "quorum"}}, {"name": "capsule-other.queue"}],
        "bindings": [
            {"source": "capsule.commands", "destination": "capsule.profile.1", "routing_key": "auth.profile"},
            {"source": "b.capsule.main", "destination": "capsule.profile.1", "routing_key": ""},
        ],
    }

    class Server:
        def __init__(self, home: Home) -> None:
            pass

        def management(self, method: str, path: str, body: object = None) -> Any:
            if not definitions:
                raise urllib.error.URLError("refused")
            return json.loads(json.dumps(definitions))

    monkeypatch.setattr(topology_record, "RabbitMQ", Server)
    monkeypatch.setattr(topology_record, "code_digest", lambda: "the code")
    return definitions


@pytest.fixture
def home(tmp_path: Path, live: Objects, definitions: Definitions) -> Home:
    """A state folder with the record of a Job that has succeeded."""
    home = Home(tmp_path)
    record(home, live)
    return home


def test_what_the_job_made_is_told_from_what_others_made(definitions: Definitions) -> None:
    made = [json.loads(each) for each in made_by_job(definitions)]
    assert [each.get("name") or each["destination"] for _, each in made] == ["capsule.profile.1", "capsule.commands", "dlx", "capsule.unroutable"]


def test_the_job_rests_while_nothing_has_changed(home: Home, live: Objects, definitions: Definitions) -> None:
    assert is_current(home, live, JOB)
    live["b"]["metadata"]["resourceVersion"] = "2"
    live["c"]["spec"] = {"other": 1}
    definitions["bindings"].append({"source": "b.capsule.main", "destination": "another", "routing_key": ""})
    definitions["bindings"].reverse()
    assert is_current(home, live, JOB), "nothing of it concerns the Job"


CHANGES: dict[str, Callable[[Objects, Definitions], object]] = {
    "a Trigger was created anew": lambda live, _: live["b"]["metadata"].update(uid="4"),
    "a Trigger has other functions": lambda live, _: live["b"]["metadata"].update(annotations={"capsule.dev/functions": "auth.profile"}),
    "a Trigger was deleted": lambda live, _: live.pop("b"),
    "another Broker": lambda live, _: live["a"]["metadata"].update(uid="5"),
    "a binding was deleted": lambda _, definitions: definitions["bindings"].pop(0),
    "a queue has other arguments": lambda _, definitions: definitions["queues"][0].update(arguments={}),
    "RabbitMQ was reset": lambda _, definitions: [each.clear() for each in definitions.values()],
    "RabbitMQ does not answer": lambda _, definitions: definitions.clear(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_job_runs_after_a_change(home: Home, live: Objects, definitions: Definitions, name: str) -> None:
    CHANGES[name](live, definitions)
    assert not is_current(home, live, JOB)


def test_the_job_runs_after_a_change_of_the_code(home: Home, live: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology_record, "code_digest", lambda: "other code")
    assert not is_current(home, live, JOB)


@pytest.mark.parametrize("condition", ["Failed", "none"])
def test_a_job_that_has_not_succeeded_runs(home: Home, live: Objects, condition: str) -> None:
    job = deepcopy(JOB)
    job["status"] = {"conditions": [{"type": condition, "status": "True"}]}
    assert not is_current(home, live, job)
    assert not is_current(home, live, None)


def test_the_job_runs_without_a_whole_record(home: Home, live: Objects) -> None:
    file = home.run / "topology.json"
    file.write_text(file.read_text()[:20])
    assert not is_current(home, live, JOB)
    file.unlink()
    assert not is_current(home, live, JOB)


def test_an_external_rabbitmq_is_not_compared(tmp_path: Path, live: Objects, definitions: Definitions) -> None:
    home = Home(tmp_path, environment={"CAPSULE_AMQP_URL": "amqp://rabbitmq.example"})
    record(home, live)
    assert not is_current(home, live, JOB)
    assert not (home.run / "topology.json").exists()
