"""Two operators at the same time: one goes on, the other one reads who it is; one that ended without a word is succeeded."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from knative.cluster import lease
from knative.cluster.__main__ import main
from knative.cluster.connection import ClusterApi, connect
from knative.machine.installation_objects import NAMESPACE
from knative.machine.problems import Problem
from tests.cluster import small
from tests.cluster.test_secrets import INPUTS
from tests.knative.machine import Machine, until

PRESENT = {"apiVersion": lease.API, "kind": lease.KIND, "metadata": {"name": lease.NAME, "namespace": NAMESPACE}}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lease, "SECONDS", 1)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.05)
    yield


def names(cluster: ClusterApi) -> list[str]:
    return [each["metadata"]["name"] for each in cluster.listed("v1", "Secret", NAMESPACE)]


def test_one_operator_at_a_time_changes_the_platform(
    cluster: ClusterApi, machine: Machine, quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "capsule.env").write_text("\n".join(f"{name}={value}" for name, value in INPUTS.items()))
    (tmp_path / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all(small.overlay(small.service()).objects))
    command = ["secrets", "--kubeconfig", str(machine.home / "kubeconfig"), "-k", str(tmp_path), "--file", str(tmp_path / "capsule.env"), "--apply"]
    before = names(cluster)
    with lease.exclusive(cluster) as held:
        assert main(command) == 1
        assert f"{lease.identity()} is changing the platform" in " ".join(capsys.readouterr().out.split())
        assert names(cluster) == before, "the other one writes nothing"
        held.check()
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=time.monotonic))  # a Lease that was let go needs no waiting
    with lease.exclusive(cluster) as held:
        held.check()


def test_one_that_ended_without_a_word_is_succeeded_and_writes_nothing_more(
    cluster: ClusterApi, machine: Machine, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = connect(machine.home / "kubeconfig")
    sleeping = threading.Event()
    with pytest.raises(Problem, match="second goes on instead of this command"), lease.exclusive(cluster) as first:
        before = (other.get(PRESENT) or {})["spec"]["leaseTransitions"]
        monkeypatch.setattr(first, "_write", lambda present: sleeping.wait(30))  # as a machine that sleeps: nothing is renewed
        monkeypatch.setattr(lease, "identity", lambda: "second")
        with lease.exclusive(other):
            sleeping.set()
            until(lambda: first._lost_to == "second")
            other.apply([small.settings(A="second")], "test")
            cluster.apply([small.settings(A="first")], "test")
    kept, spec = other.get(small.settings()), (other.get(PRESENT) or {})["spec"]
    assert kept is not None and kept["data"] == {"A": "second"}
    assert spec["holderIdentity"] == "" and spec["leaseTransitions"] == before + 1


def test_a_namespace_that_is_being_deleted_is_named(cluster: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClusterApi, "get", lambda *_: {"status": {"phase": "Terminating"}})
    with pytest.raises(Problem, match="is being deleted"), lease.exclusive(cluster):
        raise AssertionError("never held")
