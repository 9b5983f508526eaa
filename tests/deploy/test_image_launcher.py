"""Commands in an image that buildpacks made run under its launcher."""

import pytest

from functions.deploy.domain.image_launcher import launched
from functions.deploy.domain.manifests import Manifest

POD = {"spec": {"containers": [{"name": "x", "command": ["sh", "-c", "python work.py"]}]}}
WORKLOADS: list[Manifest] = [
    {"kind": "Job", "spec": {"template": POD}},
    {"kind": "Deployment", "spec": {"template": POD}},
    {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": POD}}}},
]


def command_of(workload: Manifest) -> list[str]:
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    command: list[str] = spec["template"]["spec"]["containers"][0].get("command", [])
    return command


@pytest.mark.parametrize("workload", WORKLOADS, ids=[each["kind"] for each in WORKLOADS])
def test_a_command_runs_under_the_launcher_of_its_image(workload: Manifest) -> None:
    assert command_of(launched(workload, "buildpacks")) == ["/cnb/lifecycle/launcher", "--", "sh", "-c", "python work.py"]
    assert launched(workload, "python") is workload
    assert command_of(workload) == ["sh", "-c", "python work.py"], "the manifest is unchanged"


def test_a_web_process_keeps_the_entry_point_of_its_image() -> None:
    web: Manifest = {"kind": "Service", "spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}}
    assert command_of(launched(web, "buildpacks")) == []
