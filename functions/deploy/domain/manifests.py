"""What is applied to the cluster for one build or one release, rendered from values alone. Nothing that a tenant chose can add a field: no host
path, no privilege, no account, no host network can be asked for, and what is applied is what will be exported."""

import base64
import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.environment import Size, Terms
from functions.deploy.domain.names import job_of, namespace_of, service_of

Manifest = dict[str, Any]

PORT = 8080
APPLICATION, ENVIRONMENT, DEPLOYMENT = "capsule.dev/application", "capsule.dev/environment", "capsule.dev/deployment"
COMPONENT, MANAGED, COLLECT = "capsule.dev/component", "capsule.dev/managed", "capsule.dev/collect"
RELEASE, COMMIT, CONFIG = "capsule.dev/release", "capsule.dev/commit", "capsule.dev/config-version"

UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
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


def pod_of(image: str, health_path: str | None = None) -> Manifest:
    """`spec.template.spec` of an application's Service, without what differs between environments. Its root file system is writable and ephemeral."""
    probe: Manifest = (
        {"httpGet": {"path": health_path, "port": 0}} if health_path else {"tcpSocket": {"port": 0}}
    )  # 0: the port that Knative gives it
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
                "readinessProbe": {**probe, "successThreshold": 1},
                "securityContext": copy.deepcopy(UNPRIVILEGED),
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
    }


def service(
    *,
    application: str,
    labels: Mapping[str, str],
    release: Mapping[str, str],
    pod: Mapping[str, Any],
    terms: Terms,
    variables: Sequence[Manifest] = (),
) -> Manifest:
    """The Knative Service of one application in one environment. `labels` say whose it is, `release` what runs (annotations of the revision)."""
    environment = labels[ENVIRONMENT]
    shared = {each: labels[each] for each in (APPLICATION, ENVIRONMENT)}
    spec = copy.deepcopy(dict(pod))
    spec["containers"][0] |= _given(terms.size, variables)
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
                        "autoscaling.knative.dev/min-scale": str(terms.size.min_scale),
                        "autoscaling.knative.dev/max-scale": str(terms.size.max_scale),
                        "serving.knative.dev/progress-deadline": f"{terms.until_ready_seconds}s",
                        **release,
                    },
                },
                "spec": spec,
            },
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }


def pinned(service: Manifest, revision: str) -> Manifest:
    """The same Service with all its traffic on a revision that is there already: it has it at once, and not when a new one is ready."""
    return {**service, "spec": {**service["spec"], "traffic": [{"revisionName": revision, "latestRevision": False, "percent": 100}]}}


def task(
    *,
    name: str,
    application: str,
    labels: Mapping[str, str],
    command: str,
    pod: Mapping[str, Any],
    size: Size,
    variables: Sequence[Manifest] = (),
) -> Manifest:
    """A Job that runs one command with a release's image, configuration and size, once."""
    web = pod["containers"][0]
    container = {each: copy.deepcopy(web[each]) for each in ("image", "securityContext", "volumeMounts")}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace_of(application), "labels": {**labels, MANAGED: "true", COMPONENT: "release"}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 600,
            "ttlSecondsAfterFinished": 3600,
            "template": {
                "metadata": {"labels": {**labels, COLLECT: "true", COMPONENT: "release"}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "containers": [
                        {
                            "name": "release",
                            "command": ["sh", "-c", command],
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                            **container,
                            **_given(size, variables),
                        }
                    ],
                    "volumes": copy.deepcopy(pod["volumes"]),
                },
            },
        },
    }


def variables_of(entries: Iterable[Entry], secret: str) -> list[Manifest]:
    """`env` of a container: what may be read stands there, a secret is a reference into the Secret of this version."""
    return [
        {"name": each.name, "valueFrom": {"secretKeyRef": {"name": secret, "key": each.name}}}
        if each.secret
        else {"name": each.name, "value": (each.value or "").replace("$", "$$")}  # $(NAME) is Kubernetes' own and would be replaced
        for each in entries
    ]


def secret(*, name: str, application: str, labels: Mapping[str, str], values: Mapping[str, str]) -> Manifest:
    """Never changed: another version has another name."""
    shared = {each: labels[each] for each in (APPLICATION, ENVIRONMENT)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace_of(application), "labels": {**shared, MANAGED: "true"}},
        "type": "Opaque",
        "immutable": True,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def _given(size: Size, variables: Sequence[Manifest]) -> Manifest:
    limits = {"cpu": f"{size.cpu_millis}m", "memory": f"{size.memory_mib}Mi"}
    return {
        "resources": {"requests": {"cpu": "50m", "memory": f"{min(64, size.memory_mib)}Mi"}, "limits": limits},
        **({"env": list(variables)} if variables else {}),
    }
