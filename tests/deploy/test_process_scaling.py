"""What autoscaling did is reported once for changes that follow each other closely, with its cause."""

from typing import Any

from events.workloads import ProcessScaled
from functions.deploy.domain.deployment import Deployment
from tests.deploy.deploy_capsule import DeployCapsule
from tests.deploy.test_autoscaling import CPU, QUEUE, autoscale, autoscaler
from tests.deploy.test_processes import deployed, listed, scale, worker


async def change(capsule: DeployCapsule, serving: Deployment, instances: int, manager: str = "kube-controller-manager") -> None:
    """An autoscaler, or another manager of fields, sets the number."""
    deployment = worker(capsule, serving)
    deployment["spec"]["replicas"] = instances
    entry = {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    deployment["metadata"]["managedFields"] = [entry]
    await capsule.update_object("Deployment", serving.namespace, f"{serving.service}-worker")


def measure(capsule: DeployCapsule, serving: Deployment, current: int, **values: str) -> None:
    """What the autoscaler reports: quantities by resource, or of the queue."""
    metrics: list[Any] = [
        {"type": "External", "external": {"metric": {"name": "s0-postgresql"}, "current": {"averageValue": value}}}
        if name == "queue"
        else {"type": "Resource", "resource": {"name": name, "current": {"averageValue": value}}}
        for name, value in values.items()
    ]
    key = ("HorizontalPodAutoscaler", serving.namespace, f"{serving.service}-worker")
    labels = worker(capsule, serving)["metadata"]["labels"]
    hpa = capsule.cluster.objects.setdefault(key, {"kind": key[0], "metadata": {"namespace": key[1], "name": key[2], "labels": labels}})
    hpa["status"] = {"currentReplicas": current, "desiredReplicas": current, "currentMetrics": metrics}


def reported(capsule: DeployCapsule) -> list[tuple[int, int, str | None, float | None, int | None]]:
    return [(each.former_instances, each.instances, each.metric, each.value, each.target) for each in capsule.events(ProcessScaled)]


async def test_a_ramp_is_one_event_with_the_value_that_began_it(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU, high=3)
    assert worker(capsule, serving)["metadata"]["labels"]["capsule.dev/autoscaled"] == "true"
    measure(capsule, serving, 1, cpu="950m")
    await change(capsule, serving, 2)
    measure(capsule, serving, 2, cpu="800m")
    await change(capsule, serving, 3)
    await change(capsule, serving, 3)
    assert reported(capsule) == []
    await capsule.advance(seconds=30)
    assert reported(capsule) == [(1, 3, "cpu", 95.0, 70)]
    (event,) = capsule.events(ProcessScaled)
    assert (event.application_id, event.process, event.environment) == (serving.application_id, "worker", "staging")
    await capsule.advance(minutes=10)
    assert len(reported(capsule)) == 1

    measure(capsule, serving, 3, cpu="100m")
    await change(capsule, serving, 1)
    await capsule.advance(seconds=30)
    assert reported(capsule)[1:] == [(3, 1, "cpu", 10.0, 70)]
    autoscaling = (await listed(capsule, serving)).processes[0].autoscaling
    assert autoscaling is not None and autoscaling.last_scaling is not None
    last = autoscaling.last_scaling
    assert (last.former_instances, last.instances, last.metric, last.value) == (3, 1, "cpu", 10.0)


async def test_from_zero_the_value_is_that_of_the_first_look(capsule: DeployCapsule) -> None:
    """At zero nothing is measured: a HorizontalPodAutoscaler looks when an instance runs."""
    serving = await deployed(capsule)
    await autoscale(capsule, serving, QUEUE, low=0)
    await change(capsule, serving, 0, "keda-operator")
    await capsule.advance(seconds=30)
    assert reported(capsule) == [(1, 0, None, None, None)]
    await change(capsule, serving, 1, "keda-operator")
    measure(capsule, serving, 1, queue="35")
    await change(capsule, serving, 2)
    await capsule.advance(seconds=30)
    assert reported(capsule)[1:] == [(0, 2, "queue", 35.0, 20)]


async def test_a_number_that_returns_is_not_reported(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU)
    await change(capsule, serving, 2)
    await change(capsule, serving, 1)
    await capsule.advance(seconds=30)
    assert reported(capsule) == []
    await change(capsule, serving, 2)
    await capsule.advance(seconds=30)
    assert reported(capsule) == [(1, 2, None, None, None)]


async def test_what_capsule_changes_itself_is_no_scaling(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU)
    await change(capsule, serving, 3)
    await capsule.advance(seconds=30)
    await change(capsule, serving, 1, "capsule-autoscaling")
    await change(capsule, serving, 2)
    await capsule.advance(seconds=30)
    assert reported(capsule) == [(1, 3, None, None, None), (1, 2, None, None, None)]


async def test_a_fixed_number_ends_the_reports_and_its_own_is_where_they_begin_again(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU)
    await change(capsule, serving, 3)
    await scale(capsule, serving, worker={"instances": 2})
    await capsule.settle()
    assert "capsule.dev/autoscaled" not in worker(capsule, serving)["metadata"]["labels"]
    await capsule.advance(seconds=30)
    assert reported(capsule) == []
    await autoscale(capsule, serving, CPU)
    assert autoscaler(capsule, serving, "HorizontalPodAutoscaler") is not None
    await change(capsule, serving, 3)
    await capsule.advance(seconds=30)
    assert reported(capsule) == [(2, 3, None, None, None)]


async def test_a_lost_request_is_made_again_and_a_deleted_environment_reports_nothing(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU)
    await change(capsule, serving, 2)
    capsule.lose_messages()
    await capsule.advance(minutes=6)
    assert reported(capsule) == []
    await change(capsule, serving, 2)
    await capsule.advance(seconds=30)
    assert reported(capsule) == [(1, 2, None, None, None)]
    await change(capsule, serving, 3)
    await capsule.delete_environment(serving.application_id, "staging")
    await capsule.advance(seconds=30)
    assert len(reported(capsule)) == 1
