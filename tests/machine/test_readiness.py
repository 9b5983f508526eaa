"""`up` waits for objects as long as they become ready one after the other, and names those that do not."""

import time
from typing import Any

import pytest

from knative.machine.cluster import Cluster
from knative.machine.problems import Problem

OBJECTS: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{number}", "namespace": "n"}} for number in range(6)]
TIMEOUT_SECONDS = 1.0


class SlowCluster(Cluster):
    """One object becomes ready every `pause_seconds`, the first `count` of them."""

    def __init__(self, pause_seconds: float, count: int) -> None:  # no connection
        self._pause_seconds, self._count, self._began = pause_seconds, count, time.monotonic()

    def read(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        ready = min(int((time.monotonic() - self._began) / self._pause_seconds), self._count)
        return [{**each, "status": {"conditions": [{"type": "Ready", "status": str(number < ready)}]}} for number, each in enumerate(OBJECTS)]


def test_a_slow_machine_has_its_time() -> None:
    reports: list[tuple[int, int]] = []
    SlowCluster(TIMEOUT_SECONDS / 3, len(OBJECTS)).wait_until_ready(OBJECTS, TIMEOUT_SECONDS, lambda *each: reports.append(each))
    assert reports[-1] == (6, 6)


def test_what_stays_behind_is_named() -> None:
    with pytest.raises(Problem) as problem:
        SlowCluster(0.01, 4).wait_until_ready(OBJECTS, TIMEOUT_SECONDS, lambda *_: None)
    assert "Service s4: not ready" in problem.value.message and "s3" not in problem.value.message


class Recorded(Cluster):
    """A Service is ready, until it is not for one answer; a Job is ready from its third answer on. `reads`: kinds, in the order of the requests."""

    def __init__(self) -> None:  # no connection
        self.reads: list[str] = []

    def read(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        self.reads.append(kind)
        count = self.reads.count(kind)
        type, is_ready = ("Complete", count >= 3) if kind == "Job" else ("Ready", count != 2)
        return [{**each, "status": {"conditions": [{"type": type, "status": str(is_ready)}]}} for each in MIXED if each["kind"] == kind]


MIXED = [OBJECTS[0], {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "n"}}]


def test_kinds_that_are_ready_are_read_again_only_in_the_end() -> None:
    cluster = Recorded()
    reports: list[tuple[int, int]] = []
    cluster.wait_until_ready(MIXED, TIMEOUT_SECONDS, lambda *each: reports.append(each))
    first, partial, last = cluster.reads[:2], cluster.reads[2:4], cluster.reads[4:]
    assert sorted(first) == ["Job", "Service"] and partial == ["Job", "Job"]
    assert sorted(last[:2]) == ["Job", "Service"], "all at the same time"
    assert last[2:3] == ["Service"] and sorted(last[3:]) == ["Job", "Service"], "what was no longer ready is waited for"
    assert reports[-1] == (2, 2)
