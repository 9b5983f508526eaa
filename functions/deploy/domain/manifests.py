"""Manifests of builds and releases, rendered from values.

A tenant's values cannot add fields: no host path, privilege, service account or host network. What Capsule applies is
what it exports.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from functions.deploy.domain import web_scaling
from functions.deploy.domain.build_secret import BuildSecret
from functions.deploy.domain.environment import Size, Terms
from functions.deploy.domain.names import build_job_of, namespace_of, service_of

Manifest = dict[str, Any]

PORT = 8080
MIN_IDLE_SECONDS = 30
"""An instance without requests lives at least this long (`stable-window` of config-autoscaler: 30 s on one machine, 60 s on a cluster)."""
OBSERVATION_MARGIN_SECONDS = 20
"""So much later than an instance is ready may an observation begin and end."""
APPLICATION, ENVIRONMENT, DEPLOYMENT = "capsule.dev/application", "capsule.dev/environment", "capsule.dev/deployment"
PROCESS = "capsule.dev/process"
"""Label with the process type of a worker."""
AUTOSCALED = "capsule.dev/autoscaled"
"""Label of a Deployment with the number of instances that an autoscaler sets. Its changes are reported."""
RUN = "capsule.dev/run"
"""Label with the id of a one-off command."""
COMPONENT, MANAGED, COLLECT = "capsule.dev/component", "capsule.dev/managed", "capsule.dev/collect"
OBSERVATION = "capsule.dev/observation-seconds"
"""Annotation of a revision: how long it is observed. The collector reports an observed release although it has no requests."""
AWAIT_CLIENT = 'IFS= read -r _ && exec sh -c "$0"'
"""The shell script of an attachable command: `read` takes the line and not a byte more (POSIX, read)."""
WAKING_PAGE = "capsule.dev/waking-page"
"""Annotation that only the one-machine Knative reads: a browser that waits for the first instance gets a page meanwhile."""
PROCESS_COMPONENT = "process"
RELEASE, COMMIT, CONFIG = "capsule.dev/release", "capsule.dev/commit", "capsule.dev/config-version"
SERVING_PATH = "capsule.dev/serving-path"
"""Annotation of a revision without a health path. On one machine its first instance must answer this path with a status
below 500 before it takes traffic. Kubernetes' probes have no such range, so a cluster only waits until it listens;
there `on_deployment_timed_out` makes the request before the deployment succeeds."""

UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def build_job(
    template: Mapping[str, Any],
    *,
    parameters: Mapping[str, str],
    application: str,
    attempt: int,
    labels: Mapping[str, str],
    secret: BuildSecret | None = None,
) -> Manifest:
    """Render the build Job from the operator's template. `parameters` replace the template's environment variables of
    the same name. `secret` fills the template's volumes."""
    job = copy.deepcopy(dict(template))
    deployment_id = UUID(labels[DEPLOYMENT])
    metadata = job.setdefault("metadata", {})
    metadata.update(name=build_job_of(deployment_id, attempt), namespace=namespace_of(application))
    metadata["labels"] = {**metadata.get("labels", {}), **labels, MANAGED: "true", COMPONENT: "build"}
    pod = job["spec"]["template"]
    pod_metadata = pod.setdefault("metadata", {})
    pod_metadata["labels"] = {**pod_metadata.get("labels", {}), **labels, COLLECT: "true", COMPONENT: "build"}
    for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
        template_env = [variable for variable in container.get("env", []) if variable["name"] not in parameters]
        container["env"] = template_env + [{"name": name, "value": literal(value)} for name, value in sorted(parameters.items())]
    (secret or BuildSecret()).fill_volumes(job)
    return job


def pod_spec(image: str, health_path: str | None = None, port: int | None = None) -> Manifest:
    """Render `spec.template.spec` of an application's Service, without size and configuration. The root file system is
    writable and ephemeral. `port`: None is PORT."""
    probed = 0  # Knative probes the port that it assigns
    probe: Manifest = {"httpGet": {"path": health_path, "port": probed}} if health_path else {"tcpSocket": {"port": probed}}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containerConcurrency": 0,
        "timeoutSeconds": 300,
        "containers": [
            {
                "name": "web",
                "image": image,
                "ports": [{"containerPort": port or PORT}],
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
    """Render the Knative Service of an application in one environment.

    `labels`: application, environment and deployment. `release`: annotations of the revision.
    """
    environment = labels[ENVIRONMENT]
    shared = {each: labels[each] for each in (APPLICATION, ENVIRONMENT)}
    spec = copy.deepcopy(dict(pod))
    spec["containers"][0] |= resources_and_env(terms.size, variables)
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": service_of(application, environment),
            "namespace": namespace_of(application),
            "labels": {**shared, MANAGED: "true", COLLECT: "true", COMPONENT: "web"},
            **({"annotations": {WAKING_PAGE: "true"}} if terms.settings.waking_page else {}),
        },
        "spec": {
            "template": {
                "metadata": {
                    "labels": {**labels, COLLECT: "true", COMPONENT: "web"},
                    "annotations": {
                        **web_scaling.pace_annotations(
                            terms.size.scale_window_seconds, terms.size.scale_down_delay_seconds, terms.size.initial_scale
                        ),
                        "autoscaling.knative.dev/min-scale": str(terms.size.min_scale),
                        "autoscaling.knative.dev/max-scale": str(terms.size.max_scale),
                        **web_scaling.annotations(
                            terms.size.scale_metric, terms.size.scale_target, cpu_millis=terms.size.cpu_millis, memory_mib=terms.size.memory_mib
                        ),
                        "serving.knative.dev/progress-deadline": f"{terms.ready_timeout_seconds}s",
                        **({} if health_path_of(pod) else {SERVING_PATH: "/"}),
                        **({OBSERVATION: str(terms.observation_seconds)} if terms.observation_seconds else {}),
                        **_retention(terms.observation_seconds),
                        **release,
                    },
                },
                "spec": spec,
            },
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }


def _retention(observation_seconds: int) -> Manifest:
    """Keep the last instance awake through a long observation, also on a busy machine: one that sleeps cannot fail."""
    seconds = observation_seconds + OBSERVATION_MARGIN_SECONDS
    return {"autoscaling.knative.dev/scale-to-zero-pod-retention-period": f"{seconds}s"} if seconds > MIN_IDLE_SECONDS else {}


def health_path_of(pod: Mapping[str, Any]) -> str | None:
    """Return the health path of a `pod_spec`; None: an instance is ready when it listens."""
    path: str | None = pod["containers"][0]["readinessProbe"].get("httpGet", {}).get("path")
    return path


def pin_traffic(service: Manifest, revision: str) -> Manifest:
    """Return the Service with all traffic on an existing revision. It gets the traffic at once, without waiting for a
    new revision."""
    return {**service, "spec": {**service["spec"], "traffic": [{"revisionName": revision, "latestRevision": False, "percent": 100}]}}


def release_job(
    *,
    name: str,
    application: str,
    labels: Mapping[str, str],
    command: str,
    pod: Mapping[str, Any],
    size: Size,
    variables: Sequence[Manifest] = (),
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Render the Job that runs the release command once, with the image, configuration and size of the release."""
    manifest = job(name, application, labels, "release", command, pod, size, variables, timeout_seconds=600, kept_seconds=3600)
    return annotated(manifest, annotations)


def one_off_job(
    *,
    name: str,
    application: str,
    labels: Mapping[str, str],
    command: str,
    pod: Mapping[str, Any],
    size: Size,
    variables: Sequence[Manifest],
    timeout_seconds: int,
    kept_seconds: int,
    stop_seconds: int,
    is_attachable: bool = False,
    has_terminal: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Render the Job of a one-off command, with the image and configuration of a release. `kept_seconds`: after its end.

    `is_attachable`: it has standard input and its output is not collected. Kubernetes passes on only what is written while
    a client is attached, so the command starts when the first line of its input arrives.
    """
    times = {"timeout_seconds": timeout_seconds, "kept_seconds": kept_seconds, "stop_seconds": stop_seconds}
    manifest = job(name, application, labels, "run", command, pod, size, variables, **times)
    if is_attachable:
        template = manifest["spec"]["template"]
        template["metadata"]["labels"][COLLECT] = "false"
        (container,) = template["spec"]["containers"]
        container |= {"stdin": True, "stdinOnce": not has_terminal, "tty": has_terminal, "command": ["sh", "-c", AWAIT_CLIENT, command]}
    return annotated(manifest, annotations)


def annotated(manifest: Manifest, annotations: Mapping[str, str] | None) -> Manifest:
    """Add annotations to the pods of a workload, and return it."""
    if annotations:
        manifest["spec"]["template"]["metadata"]["annotations"] = dict(annotations)
    return manifest


def job(
    name: str,
    application: str,
    labels: Mapping[str, str],
    component: str,
    command: str,
    pod: Mapping[str, Any],
    size: Size,
    variables: Sequence[Manifest],
    *,
    timeout_seconds: int,
    kept_seconds: int,
    stop_seconds: int = 30,
) -> Manifest:
    """Render a Job that runs a command once. `stop_seconds`: between SIGTERM and SIGKILL."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace_of(application), "labels": {**labels, MANAGED: "true", COMPONENT: component}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": timeout_seconds,
            "ttlSecondsAfterFinished": kept_seconds,
            "template": {
                "metadata": {"labels": {**labels, COLLECT: "true", COMPONENT: component}},
                "spec": {"restartPolicy": "Never", **command_pod(component, command, pod, size, variables, stop_seconds)},
            },
        },
    }


def command_pod(name: str, command: str, pod: Mapping[str, Any], size: Size, variables: Sequence[Manifest], stop_seconds: int) -> Manifest:
    """Render the pod specification of a command that runs beside the Service of a release, with the image and volumes of its `pod`."""
    web = pod["containers"][0]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": stop_seconds,
        "containers": [
            {
                "name": name,
                "command": ["sh", "-c", command],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                **{each: copy.deepcopy(web[each]) for each in ("image", "securityContext", "volumeMounts")},
                **resources_and_env(size, variables),
            }
        ],
        "volumes": copy.deepcopy(pod["volumes"]),
    }


def literal(value: str) -> str:
    """Return the value so that the cluster does not expand `$(NAME)` in it."""
    return value.replace("$", "$$")


def resources_and_env(size: Size, variables: Sequence[Manifest]) -> Manifest:
    limits = {"cpu": f"{size.cpu_millis}m", "memory": f"{size.memory_mib}Mi"}
    return {
        "resources": {"requests": {"cpu": f"{web_scaling.REQUESTED_CPU_MILLIS}m", "memory": f"{min(64, size.memory_mib)}Mi"}, "limits": limits},
        **({"env": list(variables)} if variables else {}),
    }
