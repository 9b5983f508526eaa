"""Manifests of what an environment runs beside its Service: a Deployment for each process type, a CronJob for each schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.deploy.domain.environment import Size
from functions.deploy.domain.manifests import (
    APPLICATION,
    AUTOSCALED,
    COLLECT,
    COMPONENT,
    ENVIRONMENT,
    MANAGED,
    PROCESS,
    PROCESS_COMPONENT,
    RUN,
    Manifest,
    annotated,
    command_pod,
    job,
)
from functions.deploy.domain.names import namespace_of
from functions.deploy.domain.schedule import LATEST_START, Schedule

HISTORY = 3
"""Ended Jobs of each kind that the cluster keeps. Capsule's own history is longer."""
KEPT_SECONDS = 3600


def process(
    *,
    name: str,
    process_type: str,
    command: str,
    application: str,
    labels: Mapping[str, str],
    release: Mapping[str, str],
    pod: Mapping[str, Any],
    replicas: int | None,
    stop_seconds: int,
    size: Size,
    variables: Sequence[Manifest] = (),
) -> Manifest:
    """Render the Deployment of a process type other than web, with the image and configuration of a release.

    `replicas`: None if an autoscaler decides. `Recreate`: instances of two releases never run together, and never more than the number set, so
    a scheduler such as celery beat may be a process.
    """
    shared = {APPLICATION: labels[APPLICATION], ENVIRONMENT: labels[ENVIRONMENT], PROCESS: process_type}
    own = {**shared, MANAGED: "true", COMPONENT: PROCESS_COMPONENT, **({AUTOSCALED: "true"} if replicas is None else {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace_of(application), "labels": own},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": shared},
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {
                    "labels": {**labels, PROCESS: process_type, COLLECT: "true", COMPONENT: PROCESS_COMPONENT},
                    "annotations": dict(release),
                },
                "spec": command_pod(process_type, command, pod, size, variables, stop_seconds),
            },
        },
    }


def cron_job(
    schedule: Schedule,
    *,
    application: str,
    labels: Mapping[str, str],
    pod: Mapping[str, Any],
    size: Size,
    is_suspended: bool,
    variables: Sequence[Manifest] = (),
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Render the CronJob of a schedule, with the image and configuration of a release. `is_suspended`: the environment runs nothing."""
    shared = {APPLICATION: labels[APPLICATION], ENVIRONMENT: labels[ENVIRONMENT]}
    template = job(
        schedule.cron_job,
        application,
        {**shared, RUN: str(schedule.id)},
        "cron",
        schedule.command,
        pod,
        size,
        variables,
        timeout_seconds=schedule.timeout_seconds,
        kept_seconds=KEPT_SECONDS,
        stop_seconds=schedule.stop_seconds,
    )
    annotated(template, annotations)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": schedule.cron_job, "namespace": namespace_of(application), "labels": {**shared, MANAGED: "true", COMPONENT: "cron"}},
        "spec": {
            "schedule": schedule.cron,
            "timeZone": schedule.time_zone,
            "concurrencyPolicy": schedule.overlap.capitalize(),
            "startingDeadlineSeconds": LATEST_START.seconds,
            "suspend": is_suspended or schedule.paused_at is not None,
            "successfulJobsHistoryLimit": HISTORY,
            "failedJobsHistoryLimit": HISTORY,
            "jobTemplate": {"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]},
        },
    }
