"""What always runs restarts with the Secrets and settings that it reads: every workload of the overlays."""

from pathlib import Path

import pytest

from knative.cluster.configuration_version import references
from knative.cluster.overlay import pod_spec
from tests.generated.rendering import KNATIVE, render


@pytest.mark.parametrize("overlay", ["production", "staging"])
def test_whatever_always_runs_restarts_with_what_it_reads(kubectl: Path, overlay: str) -> None:
    items = [each for each in render(kubectl, KNATIVE / "overlays" / overlay) if pod_spec(each)]
    assert {each["kind"] for each in items} <= {"Service", "Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob"}, (
        "a kind that no annotation reaches"
    )
    reads = {each["metadata"]["name"]: {name for _, _, name in references(each)} for each in items if each["kind"] != "Job"}
    assert {"edge-settings", "capsule-settings"} <= reads["edge-gateway"]
    assert "topology-amqp" in reads["capsule-topology"]
    assert "collector-amqp" in reads["capsule-collector"]
    assert all(reads.values()), "everything of Capsule reads its address of RabbitMQ"
