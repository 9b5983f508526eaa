"""What is applied to the cluster, rendered from values alone. Nothing that a tenant chose can add a field: no host path, no privilege, no
account, no host network can be asked for, and what is applied is what will be exported."""

import copy
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from functions.deploy.domain.names import job_of, namespace_of, service_of

Manifest = dict[str, Any]

PORT = 8080
PROGRESS_DEADLINE = "120s"
APPLICATION, ENVIRONMENT, DEPLOYMENT = "capsule.dev/application", "capsule.dev/environment", "capsule.dev/deployment"
COMPONENT, MANAGED, COLLECT = "capsule.dev/component", "capsule.dev/managed", "capsule.dev/collect"
RELEASE, COMMIT, CONFIG = "capsule.dev/release", "capsule.dev/commit", "capsule.dev/config-version"

UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace(application: str, application_id: UUID) -> Manifest:
    """One for each application; the cluster itself refuses privileged pods in it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_of(application),
            "labels": {
                MANAGED: "true",
                APPLICATION: str(application_id),
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
    }


def build_job(template: Mapping[str, Any], *, parameters: Mapping[str, str], application: str, attempt: int, labels: Mapping[str, str]) -> Manifest:
    """The operator's template with this build's names, labels and parameters; its own variables stay where they have no name of ours."""
    job = copy.deepcopy(dict(template))
    deployment_id = UUID(labels[DEPLOYMENT])
    metadata = job.setdefault("metadata", {})
    metadata.update(name=job_of(deployment_id, attempt), namespace=namespace_of(application))
    metadata["labels"] = {**metadata.get("labels", {}), **labels, MANAGED: "true", COMPONENT: "build"}
    pod = job["spec"]["template"]
    pod_metadata = pod.setdefault("metadata", {})
    pod_metadata["labels"] = {**pod_metadata.get("labels", {}), **labels, COLLECT: "true", COMPONENT: "build"}
    for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
        own = [variable for variable in container.get("env", []) if variable["name"] not in parameters]
        container["env"] = own + [{"name": name, "value": value} for name, value in sorted(parameters.items())]
    return job


def pod_of(image: str) -> Manifest:
    """`spec.template.spec` of an application's Service. /tmp is the one place it can write to."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containerConcurrency": 0,
        "timeoutSeconds": 300,
        "containers": [
            {
                "name": "web",
                "image": image,
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {"tcpSocket": {"port": 0}, "successThreshold": 1},  # 0: the port that Knative gives it
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1000m", "memory": "512Mi"}},
                "securityContext": copy.deepcopy(UNPRIVILEGED),
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
    }


def service(*, application: str, labels: Mapping[str, str], release: Mapping[str, str], pod: Mapping[str, Any]) -> Manifest:
    """The Knative Service of one application in one environment. `labels` say whose it is, `release` what runs (annotations of the revision)."""
    environment = labels[ENVIRONMENT]
    shared = {each: labels[each] for each in (APPLICATION, ENVIRONMENT)}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": service_of(application, environment),
            "namespace": namespace_of(application),
            "labels": {**shared, MANAGED: "true", COLLECT: "true", COMPONENT: "web"},
        },
        "spec": {
            "template": {
                "metadata": {
                    "labels": {**labels, COLLECT: "true", COMPONENT: "web"},
                    "annotations": {
                        "autoscaling.knative.dev/initial-scale": "1",  # a release shows that it starts, even where the cluster's default is 0
                        "autoscaling.knative.dev/min-scale": "0",
                        "autoscaling.knative.dev/max-scale": "3",
                        "serving.knative.dev/progress-deadline": PROGRESS_DEADLINE,
                        **release,
                    },
                },
                "spec": copy.deepcopy(dict(pod)),
            },
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }
