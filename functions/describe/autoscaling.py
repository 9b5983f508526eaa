"""By what Knative scales a function, from `Scale`, and the component `knative/components/queue-depth`.

    metric         annotations of the revision                               who decides
    concurrency    `target` only if declared: Knative takes 70 % of it       Knative's autoscaler (class kpa), to zero
    cpu, memory    class hpa with a target                                   a HorizontalPodAutoscaler, from one instance on
    queue depth    class hpa with a ScaledObject, in the component only      KEDA, from one instance on

CPU is a percentage of what a pod requests, and a pod has Knative's sidecar beside the function. Source: Knative, "Supported autoscaler types".

Knative's own autoscaler sees no queue, only what the dispatcher has sent: at most `max` × `concurrency` messages. With KEDA and Knative's
extension for it (https://github.com/knative-extensions/autoscaler-keda) a function follows its queue. The extension makes a ScaledObject
for each revision from an annotation, because a revision's Deployment has another name each time. It keeps one instance: the class hpa has no
activator that holds requests while none runs. A Trigger's queue has the Broker's UID in its name, so KEDA finds it by a regular expression in
RabbitMQ's management API, as monitor's user, which lists queues for operators.
"""

import json
import math
from collections.abc import Sequence

from functions.describe.rabbitmq import CLUSTER, VHOST
from functions.describe.services import INITIAL_SCALE, MIN_SCALE, NAMESPACE, RESOURCES, Manifest, amqp_secret
from functions.describe.sizing import QUEUE_PROXY_MILLICORES
from functions.kernel import Declaration, Scale, ScaleMetric

PREFIX = "autoscaling.knative.dev/"
CLASS, METRIC, TARGET = f"{PREFIX}class", f"{PREFIX}metric", f"{PREFIX}target"
HPA = "hpa.autoscaling.knative.dev"
SCALED_OBJECT = f"{PREFIX}scaled-object-override"
FUNCTION_MILLICORES = int(RESOURCES["requests"]["cpu"].removesuffix("m"))
AUTHENTICATION = "capsule-queues"
READER = "monitor"
"""The user of RabbitMQ that may read its management API."""
MANAGEMENT_PORT = 15671
"""With TLS, as the component `rabbitmq` has it."""
POLL_SECONDS = 5
UID = "[0-9a-f-]{36}"


def annotations(scale: Scale) -> dict[str, str]:
    """Return what a revision's template says about `metric` and `target`; nothing for Knative's defaults."""
    if scale.target is None:
        return {}
    match scale.metric:
        case ScaleMetric.CONCURRENCY:
            return {TARGET: str(scale.target), f"{PREFIX}target-utilization-percentage": "100"}
        case ScaleMetric.CPU:
            percent = math.ceil(100 * scale.target / (FUNCTION_MILLICORES + QUEUE_PROXY_MILLICORES))
            return {CLASS: HPA, METRIC: "cpu", TARGET: str(percent)}
        case ScaleMetric.MEMORY:
            return {CLASS: HPA, METRIC: "memory", TARGET: str(scale.target)}


def queue_depth_component(declarations: Sequence[Declaration]) -> Manifest:
    """Return the Kustomize component that has KEDA scale the functions with a `queue_depth`."""
    scaled = [each for each in declarations if each.scale.queue_depth is not None]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["authentication.yaml"],
        "patches": [
            {"target": {"group": "serving.knative.dev", "kind": "Service", "name": each.resource_name}, "patch": _patch(each)} for each in scaled
        ],
    }


def queue_depth_authentication() -> list[Manifest]:
    """Return what KEDA logs in to RabbitMQ with."""
    parameters = [{"parameter": key, "name": amqp_secret(READER), "key": key} for key in ("username", "password")]
    return [
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "TriggerAuthentication",
            "metadata": {"name": AUTHENTICATION, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}},
            "spec": {
                "secretTargetRef": parameters,
                "configMapTargetRef": [{"parameter": "ca", "name": "capsule-authorities", "key": "ca.crt"}],
            },
        }
    ]


def _patch(declaration: Declaration) -> str:
    added = {
        CLASS: HPA,
        MIN_SCALE: str(max(declaration.scale.min, 1)),
        SCALED_OBJECT: json.dumps({"spec": scaled_object(declaration)}, separators=(",", ":")),
    }
    removed = dict.fromkeys((METRIC, TARGET, INITIAL_SCALE))
    patch = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": declaration.resource_name},
        "spec": {"template": {"metadata": {"annotations": {**removed, **added}}}},
    }
    return json.dumps(patch, indent=1)


def scaled_object(declaration: Declaration) -> Manifest:
    """Return the specification of a function's ScaledObject. The extension adds its name, owner, Deployment and `max`."""
    host = f"https://{CLUSTER['name']}.{CLUSTER['namespace']}.svc:{MANAGEMENT_PORT}/"
    metadata = {
        "protocol": "http",
        "host": host,
        "vhostName": VHOST,
        "tls": "enable",
        "queueName": f"^{NAMESPACE}\\.{declaration.resource_name}\\.{UID}$",
        "useRegex": "true",
        "mode": "QueueLength",
        "value": str(declaration.scale.queue_depth),
    }
    return {
        "minReplicaCount": max(declaration.scale.min, 1),
        "pollingInterval": POLL_SECONDS,
        "triggers": [{"type": "rabbitmq", "metadata": metadata, "authenticationRef": {"name": AUTHENTICATION}}],
    }
