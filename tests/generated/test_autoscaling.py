"""What Knative scales a function by follows from its `Scale`; the component `queue-depth` has KEDA follow its queue."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.describe import autoscaling
from functions.describe.catalog import Catalog
from functions.describe.knative import function_manifests
from functions.describe.services import Manifest
from functions.kernel import Declaration, Scale, ScaleMetric
from functions.runtime.config.registry import Registry, wiring_of
from knative.local.api import serving_rules
from knative.local.eventing.naming import trigger_queue
from tests.generated.rendering import production_with_servers

CATALOG = Catalog.of(Registry.load().declarations)
PREFIX = autoscaling.PREFIX


def declaration(scale: Scale) -> Declaration:
    [found] = [each for each in CATALOG.declarations if each.name == "auth.login"]
    return replace(found, scale=scale)


def service(scale: Scale) -> Manifest:
    return function_manifests(declaration(scale), wiring_of("auth"))[0]


def annotations(manifest: Manifest) -> dict[str, str]:
    found: dict[str, str] = manifest["spec"]["template"]["metadata"]["annotations"]
    return found


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(), {}),
        (Scale(concurrency=20, target=8), {"target": "8", "target-utilization-percentage": "100"}),
        (Scale(min=1, metric=ScaleMetric.CPU, target=400), {"class": autoscaling.HPA, "metric": "cpu", "target": "800"}),
        (Scale(min=1, metric=ScaleMetric.MEMORY, target=180), {"class": autoscaling.HPA, "metric": "memory", "target": "180"}),
    ],
)
def test_the_metric_becomes_what_knative_reads(scale: Scale, expected: dict[str, str]) -> None:
    """400 millicores are 800 % of the 50 that the function and its sidecar request."""
    found = service(scale)
    own = {"class", "metric", "target", "target-utilization-percentage"}
    assert {key.removeprefix(PREFIX): value for key, value in annotations(found).items() if key.removeprefix(PREFIX) in own} == expected
    assert list(serving_rules.autoscaling(found)) == []
    assert ("initial-scale" in {key.removeprefix(PREFIX) for key in annotations(found)}) is (scale.min == 0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"min": 4, "max": 3}, "min ≤ max"),
        ({"max": 0}, "max ≥ 1"),
        ({"target": 21}, "1 to 20, the concurrency"),
        ({"metric": ScaleMetric.CPU, "min": 1}, "millicores"),
        ({"metric": ScaleMetric.MEMORY, "target": 100}, "Use min=1"),
        ({"queue_depth": 0}, "1 or more messages"),
    ],
)
def test_a_scale_that_no_cluster_accepts_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Scale(**values)


@pytest.fixture(scope="module")
def rendered(kubectl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    manifests = production_with_servers(kubectl, tmp_path_factory.mktemp("overlays"))
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in manifests}


def test_functions_with_a_queue_depth_follow_their_queue(rendered: dict[str, Manifest]) -> None:
    scaled = [each for each in CATALOG.declarations if each.scale.queue_depth is not None]
    assert scaled
    for each in scaled:
        found = annotations(rendered[f"Service/{each.resource_name}"])
        assert (found[autoscaling.CLASS], found[f"{PREFIX}min-scale"]) == (autoscaling.HPA, "1")
        assert not {f"{PREFIX}initial-scale", autoscaling.METRIC, autoscaling.TARGET} & set(found)
        spec = json.loads(found[autoscaling.SCALED_OBJECT])["spec"]
        assert spec["minReplicaCount"] == 1 and "advanced" not in spec, "the extension fails on one without horizontalPodAutoscalerConfig"
        [trigger] = spec["triggers"]
        assert trigger["metadata"]["value"] == str(each.scale.queue_depth)
        names = {"namespace": "capsule", "uid": "4f1c2a7e-0d5b-4b7e-9a53-0c1d2e3f4a5b"}
        queue = trigger_queue({"metadata": {**names, "name": each.resource_name}}, {"metadata": {**names, "name": "capsule"}})
        longer = trigger_queue({"metadata": {**names, "name": f"{each.resource_name}-late"}}, {"metadata": {**names, "name": "capsule"}})
        assert re.search(trigger["metadata"]["queueName"], queue) and not re.search(trigger["metadata"]["queueName"], longer)
        authentication = rendered[f"TriggerAuthentication/{trigger['authenticationRef']['name']}"]["spec"]
        assert {each["name"] for each in authentication["secretTargetRef"]} == {"monitor-amqp"}
        assert rendered["User/monitor"]["spec"]["tags"] == ["management"], "KEDA reads RabbitMQ's management API as this user"


def test_all_other_functions_stay_as_they_are(rendered: dict[str, Manifest]) -> None:
    services = {name: annotations(each) for name, each in rendered.items() if name.startswith("Service/")}
    scaled = {name for name, found in services.items() if autoscaling.SCALED_OBJECT in found}
    assert scaled == {f"Service/{each.resource_name}" for each in CATALOG.declarations if each.scale.queue_depth is not None}
    assert not [name for name, found in services.items() if autoscaling.CLASS in found and name not in scaled]
