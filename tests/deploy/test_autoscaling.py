"""Process types that scale by metrics: what is applied to the cluster, what is refused, and what is shown."""

from base64 import b64decode
from typing import Any

import pytest

from functions.deploy.commands.add_external_data_service import AddExternalDataService
from functions.deploy.commands.scale_processes import ProcessScaleAccepted
from functions.deploy.domain.autoscaling import Autoscaling, Metric, MetricType
from functions.deploy.domain.processes import ProcessSize, ProcessSizes
from functions.deploy.domain.rejections import InvalidScale, MemoryQuotaExceeded
from functions.deploy.domain.workload_rejections import InvalidAutoscaling
from tests.deploy.data_services import bind
from tests.deploy.deploy_capsule import OWNER, DeployCapsule
from tests.deploy.test_processes import deployed, listed, scale, worker

CPU, MEMORY = {"type": "cpu", "target": 70}, {"type": "memory", "target": 80}
QUEUE = {"type": "queue", "target": 20, "query": "SELECT count(*) FROM jobs"}

LIST = {"type": "queue", "target": 20, "redis_list": "celery"}


async def autoscale(capsule: DeployCapsule, serving: Any, *metrics: Any, low: int = 1, high: int = 3) -> ProcessScaleAccepted:
    accepted = await scale(capsule, serving, worker={"autoscaling": {"min_instances": low, "max_instances": high, "metrics": list(metrics)}})
    await capsule.settle()
    return accepted


def autoscaler(capsule: DeployCapsule, serving: Any, kind: str) -> Any:
    return capsule.cluster.objects.get((kind, serving.namespace, f"{serving.service}-worker"))


async def test_cpu_and_memory_are_a_horizontal_pod_autoscaler_with_shares_of_the_limits(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    accepted = await autoscale(capsule, serving, CPU, MEMORY)
    assert "replicas" not in worker(capsule, serving)["spec"], "the autoscaler owns the number"
    spec = autoscaler(capsule, serving, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"], spec["scaleTargetRef"]["name"]) == (1, 3, f"{serving.service}-worker")
    assert [each["resource"]["target"]["averageValue"] for each in spec["metrics"]] == ["700m", str(512 * 1024 * 1024 * 80 // 100)]
    assert await capsule.memory_used_mib() == 512 * (1 + 3), "all instances count as quota"
    (view,) = accepted.processes
    assert view.autoscaling and (view.autoscaling.min_instances, view.autoscaling.max_instances) == (1, 3)


async def test_a_queue_is_a_scaled_object_and_a_fixed_number_ends_it(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, QUEUE, CPU, low=0)
    assert autoscaler(capsule, serving, "HorizontalPodAutoscaler") is None
    spec = autoscaler(capsule, serving, "ScaledObject")["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 3)
    assert spec["triggers"] == [
        {
            "type": "postgresql",
            "metricType": "AverageValue",
            "useCachedMetrics": True,
            "metadata": {"connectionFromEnv": "DATABASE_URL", "query": "SELECT count(*) FROM jobs", "targetQueryValue": "20"},
        },
        {"type": "cpu", "metricType": "AverageValue", "metadata": {"value": "700m"}},
    ]
    await scale(capsule, serving, worker={"instances": 2})
    await capsule.settle()
    assert autoscaler(capsule, serving, "ScaledObject") is None and worker(capsule, serving)["spec"]["replicas"] == 2
    assert (await listed(capsule, serving)).processes[0].autoscaling is None


async def test_a_queue_that_the_application_tells_is_read_within_the_cluster(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, {"type": "queue", "target": 5, "path": "/queue?name=mail", "value": "queues.mail"})
    (trigger,) = autoscaler(capsule, serving, "ScaledObject")["spec"]["triggers"]
    url = f"http://{serving.service}.{serving.namespace}.svc.cluster.local/queue?name=mail"
    assert (trigger["type"], trigger["metadata"]) == ("metrics-api", {"url": url, "valueLocation": "queues.mail", "targetValue": "5"})


async def test_a_redis_is_known_by_the_secret_of_its_service(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    url = "rediss://shop:p%40ss@redis.example.com/0"
    external = await capsule.call(AddExternalDataService(application_id=serving.application_id, name="cache", url=url), caller=OWNER)
    await capsule.complete((await bind(capsule, serving.application_id, external.id, variable="REDIS_URL")).operation_id)
    stream = {"type": "queue", "target": 5, "redis_stream": "orders"}
    await autoscale(capsule, serving, LIST, {**stream, "consumer_group": "mail"}, stream, low=0)
    spec = autoscaler(capsule, serving, "ScaledObject")["spec"]
    assert [each["metadata"] for each in spec["triggers"]] == [
        {"listName": "celery", "listLength": "20"},
        {"stream": "orders", "consumerGroup": "mail", "lagCount": "5"},
        {"stream": "orders", "streamLength": "5"},
    ]
    name = spec["triggers"][0]["authenticationRef"]["name"]
    references = capsule.cluster.objects["TriggerAuthentication", serving.namespace, name]["spec"]["secretTargetRef"]
    secret = capsule.cluster.objects["Secret", serving.namespace, references[0]["name"]]["data"]
    found = {each["parameter"]: b64decode(secret[each["key"]]).decode() for each in references}
    assert found == {"address": "redis.example.com:6379", "username": "shop", "password": "p@ss", "tls": "enable"}
    await scale(capsule, serving, worker={"instances": 2})
    await capsule.settle()
    assert not [key for key in capsule.cluster.objects if key[0] in ("TriggerAuthentication", "ScaledObject")]


async def test_a_queue_of_rabbitmq_is_read_by_the_url_in_a_variable(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await capsule.configure(serving.application_id, secrets={"CLOUDAMQP_URL": "amqp://shop:p@rabbit.example.com/shop"})
    await autoscale(capsule, serving, {"type": "queue", "target": 5, "rabbitmq_queue": "mail", "variable": "CLOUDAMQP_URL"})
    (trigger,) = autoscaler(capsule, serving, "ScaledObject")["spec"]["triggers"]
    details = {"hostFromEnv": "CLOUDAMQP_URL", "protocol": "amqp", "queueName": "mail", "mode": "QueueLength", "value": "5"}
    assert (trigger["type"], trigger["metadata"]) == ("rabbitmq", details)


async def test_a_stopped_environment_is_not_scaled_and_a_started_one_is_again(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU)
    await capsule.stop(serving.application_id)
    await capsule.settle()
    assert worker(capsule, serving)["spec"]["replicas"] == 0
    assert autoscaler(capsule, serving, "HorizontalPodAutoscaler") is None


async def test_what_is_measured_is_shown_beside_the_target(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await autoscale(capsule, serving, CPU)
    autoscaler(capsule, serving, "HorizontalPodAutoscaler")["status"] = {
        "desiredReplicas": 2,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageValue": "845m"}}}],
        "conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetMetrics", "message": "no metrics"}],
    }
    (process,) = (await listed(capsule, serving)).processes
    assert process.autoscaling is not None
    (metric,) = process.autoscaling.metrics
    assert (process.instances, metric.current, metric.target, process.autoscaling.problem) == (2, 84.5, 70, "no metrics")


@pytest.mark.parametrize(
    ("range_", "metrics", "message"),
    [
        ((4, 2), [CPU], "min instances 4: use 0–2"),
        ((1, 21), [CPU], "max instances 21: use 1–20"),
        ((0, 2), [CPU], "only a queue starts the first instance"),
        ((1, 2), [], "0 metrics: give 1–5"),
        ((1, 2), [CPU, CPU], "cpu is there twice"),
        ((1, 2), [{"type": "cpu", "target": 101}], "cpu=101: use 1–100"),
        ((1, 2), [{"type": "cpu", "target": 70, "query": "SELECT 1"}], "query belongs to the metric queue"),
        ((1, 2), [{"type": "queue", "target": 5}], "give one of query, path, redisList"),
        ((1, 2), [{**QUEUE, "path": "/queue", "value": "n"}], "give one of query, path, redisList"),
        ((1, 2), [{**LIST, "redis_stream": "s"}], "give one of query, path, redisList"),
        ((1, 2), [{**LIST, "consumer_group": "g"}], "consumerGroup does not belong to redisList"),
        ((1, 2), [{**LIST, "redis_list": "two words"}], "the key of a list"),
        ((1, 2), [{"type": "queue", "target": 5, "rabbitmq_queue": ""}], "the name of a queue"),
        ((1, 2), [LIST], "REDIS_URL is not the URL of a Redis service in staging"),
        ((1, 2), [{"type": "queue", "target": 5, "rabbitmq_queue": "mail"}], "AMQP_URL is not set in staging"),
        ((1, 2), [{**QUEUE, "query": "SELECT 1; DROP TABLE jobs"}], "one SQL statement"),
        ((1, 2), [{"type": "queue", "target": 5, "path": "//x y", "value": "n"}], "a path of the application"),
        ((1, 2), [{"type": "queue", "target": 5, "path": "/queue"}], "where the number is"),
    ],
)
async def test_what_cannot_scale_is_refused(capsule: DeployCapsule, range_: tuple[int, int], metrics: Any, message: str) -> None:
    serving = await deployed(capsule)
    with pytest.raises(InvalidAutoscaling, match=message):
        await autoscale(capsule, serving, *metrics, low=range_[0], high=range_[1])


async def test_a_maximum_beyond_the_quota_and_two_numbers_at_once_are_refused(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    with pytest.raises(MemoryQuotaExceeded):
        await autoscale(capsule, serving, CPU, high=9)
    with pytest.raises(InvalidAutoscaling, match="not both"):
        both = {"instances": 2, "autoscaling": {"min_instances": 1, "max_instances": 2, "metrics": [CPU]}}
        await scale(capsule, serving, worker=both)


def test_it_is_stored_with_the_size_and_rows_of_before_are_read() -> None:
    metric = Metric.parse(MetricType.QUEUE, 20, query="SELECT 1")
    sizes = ProcessSizes({"worker": ProcessSize(1, autoscaling=Autoscaling(0, 5, (metric,)))})
    stored = sizes.as_json()["worker"]["autoscaling"]["metrics"]
    assert ProcessSizes.from_json(sizes.as_json()) == sizes
    assert stored == [{"type": "queue", "target": 20, "query": "SELECT 1", "variable": "DATABASE_URL"}], "as before there were other queues"
    former = {"worker": {"instances": 2, "memory_mib": None, "cpu_millis": None, "stop_seconds": 30}}
    assert ProcessSizes.from_json(former).of("worker") == ProcessSize(2)


async def template_after(capsule: DeployCapsule, **size: Any) -> Any:
    serving = await deployed(capsule)
    await capsule.scale(serving.application_id, "staging", **size)
    await capsule.settle()
    return capsule.cluster.objects[("Service", serving.namespace, serving.service)]["spec"]["template"]["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"scale_metric": "rps", "scale_target": 50}, {"metric": "rps", "target": "50", "target-utilization-percentage": "100"}),
        ({"scale_metric": "concurrency", "scale_target": 8}, {"metric": "concurrency", "target": "8", "target-utilization-percentage": "100"}),
        ({"min_scale": 1, "scale_metric": "cpu", "scale_target": 70}, {"class": "hpa.autoscaling.knative.dev", "metric": "cpu", "target": "1400"}),
        (
            {"min_scale": 1, "scale_metric": "memory", "scale_target": 80},
            {"class": "hpa.autoscaling.knative.dev", "metric": "memory", "target": "409"},
        ),
        ({"max_scale": 2}, {}),
    ],
)
async def test_web_scales_by_the_annotations_of_knative(capsule: DeployCapsule, size: Any, expected: Any) -> None:
    """CPU: 70 % of 1000m is 1400 % of the 50m that an instance requests."""
    found = await template_after(capsule, **size)
    names = ("class", "metric", "target", "target-utilization-percentage")
    assert {name: found[f"autoscaling.knative.dev/{name}"] for name in names if f"autoscaling.knative.dev/{name}" in found} == expected


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"scale_metric": "rps"}, "rps needs a target"),
        ({"scale_metric": "rps", "scale_target": 0}, "rps=0: use 1–10000"),
        ({"scale_metric": "cpu", "scale_target": 70}, "min instances 0: nothing uses CPU"),
        ({"min_scale": 1, "scale_metric": "memory", "scale_target": 101}, "memory=101: use 1–100"),
    ],
)
async def test_a_metric_that_web_cannot_follow_is_refused(capsule: DeployCapsule, size: Any, message: str) -> None:
    serving = await deployed(capsule)
    with pytest.raises(InvalidScale, match=message):
        await capsule.scale(serving.application_id, "staging", **size)
