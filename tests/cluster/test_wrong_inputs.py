"""The commands with wrong inputs, on a real API: a message without a traceback, exit code 1, and nothing half done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from knative.cluster import releases, rollout
from knative.cluster.__main__ import INTERRUPTED, main
from knative.cluster.connection import ClusterApi
from knative.machine import kustomize
from knative.machine.home import Home
from knative.machine.installation_objects import NAMESPACE
from tests.cluster import small
from tests.cluster.test_secrets import INPUTS
from tests.knative.machine import Machine

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay, and one that is no YAML."""
    tmp_path = tmp_path_factory.mktemp("overlays")
    for name, text in (("good", yaml.safe_dump_all(small.overlay(small.service()).objects)), ("broken", "a: [1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "objects.yaml").write_text(text)
        (tmp_path / name / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    return tmp_path


@pytest.fixture(scope="module")
def render() -> Callable[[Home, Path], list[small.Object]]:
    """Renders each overlay once: kustomize takes longer than the commands."""
    known: dict[Path, list[small.Object]] = {}
    original = kustomize.render_folder

    def render_folder(home: Home, folder: Path) -> list[small.Object]:
        if folder not in known:
            known[folder] = original(home, folder)
        return known[folder]

    return render_folder


@pytest.fixture
def run(machine: Machine, folder: Path, render: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the good overlay. Returns its exit code and what it printed, white space as single spaces."""
    monkeypatch.setattr(kustomize, "render_folder", render)

    def run(command: str, *arguments: str, kubeconfig: Path | None = None, overlay: str = "good") -> tuple[int, str]:
        capsys.readouterr()
        chosen = overlay if overlay == "unknown" else str(folder / overlay)
        code = main([command, "--kubeconfig", str(kubeconfig or machine.home / "kubeconfig"), "-k", chosen, *arguments])
        printed = capsys.readouterr()
        return code, " ".join((printed.out + printed.err).split())

    return run


def kubeconfig(machine: Machine, path: Path, *, server: str | None = None, token: str | None = None) -> Path:
    found: Any = yaml.safe_load((machine.home / "kubeconfig").read_text())
    if server:
        found["clusters"][0]["cluster"]["server"] = server
    if token:
        found["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(found))
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1\n", "is not YAML"), ("hello\n", "is no kubeconfig"), ("", "No cluster"), ("a: 1\n", "No cluster"), (None, "No cluster")],
)
def test_a_file_that_is_no_kubeconfig_is_named(run: Run, tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "kubeconfig"
    if text is not None:
        file.write_text(text)
    code, printed = run("diff", kubeconfig=file)
    assert code == 1 and message in printed and "--kubeconfig FILE" in printed


def test_a_wrong_context_is_answered_with_those_that_exist(run: Run) -> None:
    assert run("check", "--context", "nowhere") == (1, '✗ The kubeconfig has no context "nowhere". → One of: capsule')


def test_an_api_that_does_not_answer_is_told_from_a_login_that_it_refuses(run: Run, machine: Machine, tmp_path: Path) -> None:
    code, printed = run("apply", "--yes", kubeconfig=kubeconfig(machine, tmp_path / "k", server="https://127.0.0.1:9"))
    assert code == 1 and "https://127.0.0.1:9 does not answer" in printed
    code, printed = run("secrets", "--apply", kubeconfig=kubeconfig(machine, tmp_path / "k", token="expired"))
    assert code == 1 and "does not accept the login" in printed and "expired" in printed


def test_a_login_without_permissions_is_told_what_it_may_not_do(run: Run, machine: Machine, tmp_path: Path) -> None:
    namespace = machine.namespace()
    machine.core.create_namespaced_service_account(namespace, {"metadata": {"name": "nobody"}})
    body = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
    token = machine.core.create_namespaced_service_account_token("nobody", namespace, body).status.token
    for command in (["diff"], ["secrets", "--apply"], ["rollback", "--list"], ["apply", "--yes", "--skip-checks"]):
        code, printed = run(*command, kubeconfig=kubeconfig(machine, tmp_path / "k", token=token))
        assert code == 1 and "administrator of the cluster" in printed, printed


@pytest.mark.parametrize(("overlay", "message"), [("unknown", '"unknown" is no overlay'), ("broken", "objects.yaml")])
def test_an_overlay_that_cannot_be_rendered_is_named(run: Run, overlay: str, message: str) -> None:
    code, printed = run("diff", overlay=overlay)
    assert code == 1 and message in printed and "run.go" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--replace", "auth-amqq"), "Nothing is named auth-amqq"),
        (("--registry", "/etc/hostname"), "is no Docker configuration"),
        (("--authorities", "/etc/hostname"), "has no certificates in PEM"),
        (("--file", "/bin/true"), "is no text in UTF-8"),
        (("--rotate", "everything"), "One of: signing, sealing, broker"),
    ],
)
def test_inputs_of_secrets_are_checked_before_anything_is_written(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, printed = run("secrets", *arguments, *(("--apply",) if "--rotate" not in arguments else ()))
    assert code == 1 and message in printed


def test_secrets_of_which_the_api_refuses_one_are_not_written(run: Run, cluster: ClusterApi, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knative.cluster.secrets.catalog.AUTHORITIES_KEY", "not a key")
    (folder / "capsule.env").write_text("\n".join(f"{name}={value}" for name, value in INPUTS.items()))
    monkeypatch.setattr("knative.cluster.secrets.inputs._certificates", lambda path: "PEM")
    before = len(cluster.listed("v1", "Secret", NAMESPACE))
    code, printed = run("secrets", "--file", str(folder / "capsule.env"), "--authorities", "x", "--replace", "all", "--apply")
    assert code == 1 and "The API refused ConfigMap capsule-authorities" in printed
    assert len(cluster.listed("v1", "Secret", NAMESPACE)) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--address", "a@b.test", "--ca-file", "/none"), "has no certificates that can be read"),
        (("--address", "a@b.test", "--ca-file", "/etc/hostname"), "has no certificates that can be read"),
        ((), "needs a mailbox or an account"),
    ],
)
def test_inputs_of_the_smoke_test_are_checked(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, printed = run("smoke", *arguments)
    assert code == 1 and message in printed


def test_an_unknown_release_and_a_batch_of_none_are_refused(run: Run) -> None:
    code, printed = run("rollback", "--to", "999", "--yes")
    assert code == 1 and "There is no release 999" in printed
    with pytest.raises(SystemExit) as usage:
        run("apply", "--batch", "0")
    assert usage.value.code == 2


def test_an_interrupted_apply_is_recorded_and_can_be_repeated(run: Run, cluster: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rollout, "wait", interrupt)
        code, printed = run("apply", "--yes", "--skip-checks")
    assert code == INTERRUPTED and "Interrupted" in printed
    code, printed = run("apply", "--yes", "--skip-checks")
    assert code == 0, printed
    [newest, *_] = releases.history(cluster)
    assert newest.state == releases.APPLIED
    assert run("diff", "--exit-code") == (0, run("diff")[1]), "an empty diff"
    code, printed = run("apply", "--yes", "--skip-checks")
    assert code == 0 and f"Unchanged: release {newest.number}" in printed


def test_a_record_that_somebody_edited_is_named(run: Run, cluster: ClusterApi) -> None:
    name = "capsule-release-edited"
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {releases.LABEL: "7"}}
    cluster.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}], "test")
    code, printed = run("rollback", "--list")
    cluster.delete({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    assert code == 1 and f"The ConfigMap {name} is no record of a release" in printed


def test_a_namespace_that_is_being_deleted_gets_nothing(run: Run, cluster: ClusterApi, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cluster.get
    gone = {"metadata": {"name": NAMESPACE}, "status": {"phase": "Terminating"}}
    monkeypatch.setattr(ClusterApi, "get", lambda self, item: gone if item["kind"] == "Namespace" else found(item))
    (folder / "capsule.env").write_text("\n".join(f"{name}={value}" for name, value in INPUTS.items()))
    for command in (["apply", "--yes", "--skip-checks"], ["secrets", "--file", str(folder / "capsule.env"), "--replace", "all", "--apply"]):
        code, printed = run(*command)
        assert code == 1 and f"The namespace {NAMESPACE} is being deleted" in printed, printed
