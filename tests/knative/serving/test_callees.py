"""A Service of the platform that starts for a visit wakes those that the visit will call."""

import json

from tests.knative.machine import Machine, service, until

ZERO = {"autoscaling.knative.dev/initial-scale": "0"}
CALLED = ("called-first", "called-second")


def _create(machine: Machine, namespace: str) -> None:
    wakes = {"local.capsule.dev/wakes": json.dumps({"/": [*CALLED, "no-such-service"]})}
    machine.create(service(namespace, "page", annotations={**ZERO, **wakes}))
    for name in CALLED:
        machine.create(service(namespace, name, annotations=ZERO))
        machine.ready(namespace, name)


def _awake(machine: Machine, namespace: str) -> list[str]:
    return [name for name in CALLED if machine.pods(namespace, name)]


def test_a_visit_wakes_what_it_will_call(machine: Machine) -> None:
    _create(machine, "capsule")
    with machine.http(machine.ready("capsule", "page")) as http:
        assert http.get("/?team=all", headers={"cookie": "session=some"}).json()["run"]
        until(lambda: _awake(machine, "capsule") == [*CALLED])
        for name in CALLED:
            until(lambda name=name: any(f'service="{name}"' in line and "ready_pods" in line and line.endswith(" 1.0")
                                        for line in machine.metrics().splitlines()))  # fmt: skip
    for name in ("page", *CALLED):
        machine.delete("capsule", name)


def test_other_requests_wake_nothing(machine: Machine, namespace: str) -> None:
    """Another path, a visitor without a session; and a tenant's Service may not start others."""
    _create(machine, "capsule")
    _create(machine, namespace)
    with machine.http(machine.ready("capsule", "page")) as http:
        assert http.get("/env", headers={"cookie": "session=some"}).status_code == 200
        assert http.get("/").status_code == 200
        assert http.get("/", headers={"cookie": "session=some"}).status_code == 200, "it has a pod: what it calls starts when it is called"
    with machine.http(machine.ready(namespace, "page")) as http:
        assert http.get("/", headers={"cookie": "session=some"}).status_code == 200
    assert _awake(machine, "capsule") == _awake(machine, namespace) == []
    for name in ("page", *CALLED):
        machine.delete("capsule", name)
