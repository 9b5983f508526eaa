"""The cells of `kubectl get`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from knative.local import definitions
from knative.local.api import cells, tables


def pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", **metadata}, "spec": {"containers": [{"name": "main"}]}, "status": status}


def running(**state: Any) -> dict[str, Any]:
    return {"phase": "Running", "containerStatuses": [{"name": "main", "ready": not state, "restartCount": 2, "state": state or {"running": {}}}]}


@pytest.mark.parametrize(
    ("object", "row"),
    [
        (pod({}), ("0/1", "Pending", 0)),
        (pod(running()), ("1/1", "Running", 2)),
        (pod(running(waiting={"reason": "CrashLoopBackOff"})), ("0/1", "CrashLoopBackOff", 2)),
        (pod({**running(terminated={"reason": "Completed"}), "phase": "Succeeded"}), ("0/1", "Completed", 2)),
        (pod(running(), deletionTimestamp="2026-01-01T00:00:00Z"), ("1/1", "Terminating", 2)),
    ],
)
def test_pods(object: dict[str, Any], row: tuple[str, str, int]) -> None:
    assert (cells.pod_ready(object), cells.pod_status(object), cells.pod_restarts(object)) == row


@pytest.mark.parametrize(
    ("status", "row"),
    [
        ({}, ("Running", "0/1", "")),
        ({"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:09Z", "succeeded": 1,
          "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]}, ("Complete", "1/1", "9s")),
        ({"startTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:02:05Z"}]},
         ("Failed", "0/1", "2m5s")),
    ],
)  # fmt: skip
def test_jobs(status: dict[str, Any], row: tuple[str, str, str]) -> None:
    job = {"metadata": {"name": "j"}, "spec": {"completions": 1}, "status": status}
    assert (cells.job_status(job), cells.job_completions(job), cells.job_duration(job)) == row


AGES = [(5, "5s"), (119, "119s"), (190, "3m10s"), (3000, "50m"), (20000, "5h33m"), (100000, "27h"), (300000, "3d")]


@pytest.mark.parametrize(("seconds", "text"), AGES)
def test_format_duration(seconds: int, text: str) -> None:
    assert tables.age((datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()) == text


def test_columns_are_read_by_path() -> None:
    labels = {"serving.knative.dev/configuration": "web", "serving.knative.dev/configurationGeneration": "3"}
    conditions = [{"type": "Active", "status": "False"}, {"type": "Ready", "status": "True"}]
    revision = {"metadata": {"name": "web-3", "labels": labels}, "status": {"conditions": conditions, "actualReplicas": 0}}
    result = tables.table(definitions.load().of("Revision.serving.knative.dev"), [revision], "7", "None")
    assert result["rows"] == [{"cells": ["web-3", "web", "3", "True", "", 0, None]}]
