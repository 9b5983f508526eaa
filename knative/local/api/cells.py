"""Cells of `kubectl get` that are computed from several fields, as Kubernetes does for Pods and Jobs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from knative.local.objects import Object


def _statuses(pod: Object) -> list[Object]:
    return list((pod.get("status") or {}).get("containerStatuses") or ())


def pod_ready(pod: Object) -> str:
    ready = sum(bool(each.get("ready")) for each in _statuses(pod))
    return f"{ready}/{len(pod['spec']['containers'])}"


def pod_status(pod: Object) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    status = pod.get("status") or {}
    for each in _statuses(pod):
        for state in ("waiting", "terminated"):
            if reason := (each.get("state") or {}).get(state, {}).get("reason"):
                return str(reason)
    return str(status.get("reason") or status.get("phase") or "Pending")


def pod_restarts(pod: Object) -> int:
    return sum(int(each.get("restartCount") or 0) for each in _statuses(pod))


def job_status(job: Object) -> str:
    true_types = {each["type"] for each in (job.get("status") or {}).get("conditions") or () if each.get("status") == "True"}
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    return next((type for type in ("Complete", "Failed", "Suspended") if type in true_types), "Running")


def deployment_ready(deployment: Object) -> str:
    return f"{(deployment.get('status') or {}).get('readyReplicas') or 0}/{deployment['spec'].get('replicas', 1)}"


def cron_job_active(cron_job: Object) -> int:
    return len((cron_job.get("status") or {}).get("active") or ())


def job_completions(job: Object) -> str:
    return f"{(job.get('status') or {}).get('succeeded') or 0}/{job['spec'].get('completions') or 1}"


def job_duration(job: Object) -> str:
    status = job.get("status") or {}
    failed = next((each.get("lastTransitionTime") for each in status.get("conditions") or () if each["type"] == "Failed"), None)
    if not (start := status.get("startTime")):
        return ""
    end = status.get("completionTime") or failed
    return format_duration((datetime.fromisoformat(end) if end else datetime.now(UTC)) - datetime.fromisoformat(start))


def format_duration(passed: timedelta) -> str:
    """Format a duration as kubectl does: 42s, 3m10s, 25h, 12d."""
    seconds = int(passed.total_seconds())
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{days}d"


def policy_validations(policy: Object) -> int:
    return len(policy["spec"].get("validations") or ())


def policy_param_kind(policy: Object) -> str:
    """Policies with parameters are not supported; kubectl shows this for those without."""
    return "<unset>"


COMPUTED: Mapping[str, Callable[[Object], Any]] = {
    "=pod ready": pod_ready, "=pod status": pod_status, "=pod restarts": pod_restarts,
    "=policy validations": policy_validations, "=policy param kind": policy_param_kind,
    "=job status": job_status, "=job completions": job_completions, "=job duration": job_duration,
    "=deployment ready": deployment_ready, "=cron job active": cron_job_active,
}  # fmt: skip
