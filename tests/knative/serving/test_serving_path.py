"""A revision with the annotation `capsule.dev/serving-path` is ready once its first pod answers that path with a status below 500."""

from typing import Any

import pytest

from knative.local.serving.initial_readiness import EXITED_UNREADY, SERVING_PATH
from tests.knative.machine import Machine, condition, service

DEADLINE = {"serving.knative.dev/progress-deadline": "8s"}
"""Long enough for a start on a loaded machine: a revision that is given up before its first answer gives another reason."""


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.mark.parametrize("status", [302, 404])
def test_an_answer_below_500_serves(machine: Machine, namespace: str, status: int) -> None:
    machine.create(service(namespace, annotations={SERVING_PATH: "/health"}, env=env(HEALTH=str(status))))
    machine.ready(namespace, "sample")


@pytest.mark.parametrize(
    ("path", "container", "words"),
    [
        ("/health", {"HEALTH": "503"}, "GET /health answered 503"),
        ("/exit?code=3", {}, EXITED_UNREADY),  # given up after some exits
        ("/", {"LISTEN_ON": "20123"}, "It listens on 20123"),
    ],
)
def test_another_answer_or_none_does_not_serve(machine: Machine, namespace: str, path: str, container: dict[str, str], words: str) -> None:
    machine.create(service(namespace, annotations={**(DEADLINE if words != EXITED_UNREADY else {}), SERVING_PATH: path}, env=env(**container)))
    assert words in condition(machine.failed(namespace, "sample"), "Ready")["message"]


def test_the_old_revision_keeps_the_traffic_from_one_that_answers_500(machine: Machine, namespace: str) -> None:
    annotations = {**DEADLINE, SERVING_PATH: "/health"}
    machine.create(service(namespace, annotations=annotations, env=env(VERSION="1")))
    ready = machine.ready(namespace, "sample")
    bad: dict[str, Any] = service(namespace, annotations=annotations, env=env(VERSION="2", HEALTH="500"))
    machine.patch(namespace, "sample", {"spec": bad["spec"]})
    machine.failed(namespace, "sample")
    with machine.http(ready) as http:
        assert http.get("/").json()["version"] == "1"
