"""Several functions in one process: each is reached alone, bounded alone, tried again alone. (The whole of tests/runtime runs a group of probes.)"""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

from functions.runtime.serving import topology
from functions.runtime.serving.topology import Binding
from tests.runtime.harness import World, until
from tests.runtime.messages import message
from tests.runtime.test_pure import _cluster, _object


def test_of_two_that_take_one_type_each_is_tried_again_alone(world: World) -> None:
    """Otherwise each failure of one would be a message more for both, and twice as many with each try."""
    worker = world.worker()
    world.pump(lambda: worker.port)
    event = message("probe.deposited")
    body = json.dumps({"depositId": str(uuid.uuid4()), "account": "away", "cents": 1}).encode()
    assert worker.post(event, body) == 204

    def lines() -> list[tuple[str, str, int]]:
        mine = [each for each in worker.lines() if each["message"] == event["id"] and not each["detail"].startswith("not before")]
        return [(each["function"], each["outcome"], each["attempt"]) for each in mine]

    until(lambda: sum(outcome == "dead" for _, outcome, _ in lines()) == 2, 40, "for the last of three tries of both")
    tries = [("retried", 1), ("retried", 2), ("dead", 3)]
    assert sorted(lines()) == sorted((name, *each) for name in ("probe.on_deposited", "probe.on_deposited_ring") for each in tries)


CALLS = 12


def test_a_function_takes_its_share_of_an_instance_and_the_others_go_on(world: World) -> None:
    """It may be once in the world with two messages (max=1, concurrency=2); the group has five instances: so one at a time here."""
    worker = world.worker(CAPSULE_FUNCTION="probe.on_waited,probe.on_moved,probe.total")
    bodies = [json.dumps({"account": f"{number}"}).encode() for number in range(CALLS)]
    with ThreadPoolExecutor(CALLS) as pool:
        slow = [pool.submit(worker.post, message("probe.waited"), body) for body in bodies]
        moved = json.dumps({"account": "x", "destination": {"place": "Rome", "country": "Italy"}}).encode()
        assert worker.post(message("probe.moved", dataversion="3"), moved) == 204
        assert world.count("notes WHERE what = 'waited'") < CALLS, "it did not wait for those in line"
        assert [each.result() for each in slow] == [204] * CALLS
    line = [what for (what,) in world.rows("SELECT what FROM notes WHERE what IN ('begun', 'waited') ORDER BY id")]
    assert line == ["begun", "waited"] * CALLS, "each has committed before the next begins"


def test_a_groups_queue_is_bound_to_every_name_and_type_that_it_takes() -> None:
    of_trigger = {topology.BROKER_LABEL: "capsule", topology.TRIGGER_LABEL: "billing"}
    trigger = _object("billing", {}, broker="capsule", filter={"attributes": {"type": "capsule.group.billing"}})
    trigger["metadata"]["annotations"] = {
        topology.FUNCTIONS: "billing.*,billing.plans,billing.on_user_created",
        topology.GROUPED_EVENTS: "user.created",
    }
    broker, _, exchanges, queues, bindings = _cluster()
    found = topology.plan(broker, [trigger], exchanges, [*queues, _object("g", of_trigger, name="group-queue")], bindings)
    assert {each for each in found if each.destination == "group-queue"} == {
        Binding("capsule.commands", "group-queue", "billing.*", to_queue=True),
        Binding("capsule.commands", "group-queue", "billing.plans", to_queue=True),
        Binding("capsule.commands", "group-queue", "billing.on_user_created", to_queue=True),
        Binding("b.main", "group-queue", "", to_queue=True, type="user.created"),
        Binding("capsule.events", "group-queue", "user.created", to_queue=True),
    }
