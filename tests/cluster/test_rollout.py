"""`apply`, `diff`, `rollback` and `secrets` on a real API with real Jobs, Services and Revisions."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from rich.console import Console

from knative.cluster import differences, releases, rollback, rollout
from knative.cluster.__main__ import main
from knative.cluster.connection import ClusterApi, connect
from knative.cluster.secrets.planned import EXTERNAL
from knative.machine.installation_objects import NAMESPACE
from knative.machine.problems import Problem
from knative.machine.progress import Progress
from tests.cluster import small
from tests.cluster.test_secrets import INPUTS
from tests.knative.machine import Machine

QUICK = rollout.Options(batch=1, poll_seconds=0.1)


@dataclass
class Output:
    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()


def progress() -> tuple[Progress, Output]:
    stream = io.StringIO()
    return Progress(Console(file=stream, width=200)), Output(stream)


def roll_out(cluster: ClusterApi, *objects: small.Object) -> releases.Release:
    overlay = small.overlay(*objects)
    return rollout.roll_out(cluster, overlay.objects, "image", "small", progress()[0], QUICK)


def jobs(cluster: ClusterApi) -> list[str]:
    return sorted(each["metadata"]["name"] for each in cluster.listed("batch/v1", "Job", NAMESPACE))


def names(found: Any, action: str) -> list[str]:
    return [each.item["metadata"]["name"] for each in found if each.action == action]


def test_a_release_is_applied_changed_and_rolled_back(cluster: ClusterApi) -> None:
    first = small.overlay(small.service(), small.job())
    assert "auth-migration" in " ".join(names(differences.differences(cluster, first), "create"))
    done = roll_out(cluster, small.service(), small.job())
    assert done.state == releases.APPLIED and len(jobs(cluster)) == 1
    before = jobs(cluster)
    assert roll_out(cluster, small.service(), small.job()).number == done.number + 1
    assert jobs(cluster) == before, "a migration of this version runs once"
    assert not [each for each in differences.differences(cluster, first) if each.action != "keep"]

    changed = small.service(env=[{"name": "GREETING", "value": "second"}])
    second = small.overlay(changed, small.job(script="print(2)"))
    [change] = [each for each in differences.differences(cluster, second) if each.action == "change"]
    assert change.item["kind"] == "Service" and [(each.path, each.after) for each in change.changes] == [
        (".spec.template.spec.containers[0].env", '[{"name": "GREETING", "value": "second"}]')
    ]
    roll_out(cluster, changed, small.job(script="print(2)"))
    assert len(jobs(cluster)) == 1 and jobs(cluster) != before, "Jobs of earlier versions are deleted"

    lines, output = progress()
    back = rollback.roll_back(cluster, None, lines, rollout.Options(1, migrates=False, poll_seconds=0.1))
    service = cluster.get(small.service())
    assert service is not None and "env" not in service["spec"]["template"]["spec"]["containers"][0]
    assert back.source.startswith("rollback to") and f"Release {back.number - 2}" in output.text
    assert [each.state for each in releases.history(cluster)] == [releases.APPLIED] * 4


def test_a_failed_migration_stops_the_roll_out_and_says_why(cluster: ClusterApi) -> None:
    script = "import sys; print('relation users does not exist', flush=True); sys.exit(3)"
    with pytest.raises(Problem) as problem:
        roll_out(cluster, small.service(env=[{"name": "A", "value": "b"}]), small.job("billing-migration", script))
    assert "billing-migration" in problem.value.message and "relation users does not exist" in problem.value.message
    service = cluster.get(small.service())
    assert service is None or "env" not in service["spec"]["template"]["spec"]["containers"][0], "functions wait for their schema"
    assert releases.history(cluster)[0].state == releases.FAILED
    cluster.delete({**small.job("billing-migration"), "metadata": {"name": jobs(cluster)[-1], "namespace": NAMESPACE}})


def test_what_the_next_release_has_not_is_named_and_pruned_only_on_request(cluster: ClusterApi) -> None:
    roll_out(cluster, small.settings(CAPSULE_ISSUER="x"), {**small.settings(), "metadata": small.metadata("left-over")})
    lines, output = progress()
    overlay = small.overlay()
    rollout.roll_out(cluster, overlay.objects, "image", "small", lines, QUICK)
    left: Any = {**small.settings(), "metadata": small.metadata("left-over")}
    assert "left-over" in output.text and cluster.get(left) is not None
    cluster.apply([left], "test")
    roll_out(cluster, left)
    assert "left-over" in names(differences.differences(cluster, overlay), "remove")
    roll_out(cluster)
    assert "left-over" in names(differences.differences(cluster, overlay), "remove"), "also after a release that does not know it"
    rollout.roll_out(cluster, overlay.objects, "image", "small", progress()[0], rollout.Options(1, prune=True, poll_seconds=0.1))
    assert cluster.get(left) is None and not names(differences.differences(cluster, overlay), "remove")


def test_values_of_secrets_are_not_in_a_difference(cluster: ClusterApi) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": small.metadata("hidden"), "data": {"password": "c2VudGluZWw="}}
    cluster.apply([secret], "test")
    found = differences.difference(cluster, {**secret, "data": {"password": "b3RoZXI="}})
    assert [(each.path, each.before, each.after) for each in found.changes] == [(".data.password", "(hidden)", "(hidden)")]


def test_the_commands_make_secrets_and_find_what_is_missing(
    cluster: ClusterApi, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all(small.overlay(small.service()).objects))
    (tmp_path / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    (tmp_path / "capsule.env").write_text("\n".join(f"{name}={value}" for name, value in INPUTS.items()))
    common = ["--kubeconfig", str(machine.home / "kubeconfig"), "-k", str(tmp_path)]

    assert main(["secrets", *common, "--apply"]) == 1 and "CAPSULE_MAIL_URL" in capsys.readouterr().out
    assert main(["secrets", *common, "--file", str(tmp_path / "capsule.env"), "--apply", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["applied"] and {each["name"] for each in document["objects"]} >= {"auth-amqp", "capsule-jwks", "edge-settings"}
    signing = client.CoreV1Api(machine.api).read_namespaced_secret("auth-signing", NAMESPACE).data
    assert main(["secrets", *common, "--apply"]) == 0, "a second run needs no file"
    assert client.CoreV1Api(machine.api).read_namespaced_secret("auth-signing", NAMESPACE).data == signing
    capsys.readouterr()

    assert main(["secrets", *common, "--rotate", "signing"]) == 0
    rotated = client.CoreV1Api(machine.api).read_namespaced_secret("auth-signing", NAMESPACE).data
    jwks = json.loads(client.CoreV1Api(machine.api).read_namespaced_config_map("capsule-jwks", NAMESPACE).data["jwks.json"])
    assert rotated != signing and len(jwks["keys"]) == 3
    assert main(["secrets", *common, "--rotate", "signing"]) == 1 and "may be valid" in capsys.readouterr().out
    assert main(["secrets", *common, "--rotate", "sealing"]) == 0
    assert main(["secrets", *common, "--rotate", "sealing"]) == 1 and "two minutes ago" in capsys.readouterr().out
    body = {"metadata": {"annotations": {EXTERNAL: "vault"}}}
    client.CoreV1Api(machine.api).patch_namespaced_secret("auth-signing", NAMESPACE, body)
    assert main(["secrets", *common, "--rotate", "signing"]) == 1 and "secret store" in capsys.readouterr().out

    assert main(["check", *common, "--json"]) == 1
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found["secrets"]["level"] == "good" and found["rabbitmq"]["level"] == "fault" and found["image"]["level"] == "fault"
    assert main(["apply", *common, "--yes"]) == 1 and "nothing was changed" in capsys.readouterr().out
    assert main(["rollback", *common, "--list", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


def test_without_a_cluster_the_problem_says_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No cluster"):
        connect(tmp_path / "none")
