"""Jobs as objects: make one, wait for its end, find its pods."""

from typing import Any

from kubernetes import client

from tests.knative.machine import PLATFORM, Machine, until


def job(
    name: str, script: str, *, spec: dict[str, Any] | None = None, pod: dict[str, Any] | None = None, annotations: Any = None, **container: Any
) -> Any:
    template = {
        "metadata": {"annotations": annotations or {}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": PLATFORM, "command": ["python", "-c", script], **container}],
            **(pod or {}),
        },
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **(spec or {})}}


def finished(machine: Machine, namespace: str, name: str, seconds: float = 30) -> client.V1Job:
    def look() -> client.V1Job | None:
        job_object = machine.batch.read_namespaced_job(name, namespace)
        return job_object if {each.type for each in job_object.status.conditions or []} & {"Complete", "Failed"} else None

    return until(look, seconds)


def conditions(job_object: client.V1Job) -> dict[str, str]:
    return {each.type: each.reason for each in job_object.status.conditions if each.status == "True"}


def pods(machine: Machine, namespace: str, name: str) -> list[client.V1Pod]:
    job_object: list[client.V1Pod] = machine.core.list_namespaced_pod(namespace, label_selector=f"job-name={name}").items
    return job_object
