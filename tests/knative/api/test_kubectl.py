"""`kubectl` with the administrator's kubeconfig, if it is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from tests.knative.api.conftest import Server, eventually

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed on this machine")

MANIFEST = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{image: capsule.local/capsule:dev, env: [{name: A, value: "1"}]}]
---
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: {name: tick}
spec: {schedule: "*/10 * * * *", sink: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: web}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: main, image: x}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: plain}
spec: {ports: [{port: 80, name: a}, {port: 81, name: b}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data: {one: "1", two: "2"}
"""


class Kubectl:
    def __init__(self, server: Server, namespace: str, home: Path) -> None:
        self.environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "HOME": str(home)}
        self.namespace = namespace
        self.server = f"https://127.0.0.1:{7030 + server.offset}"
        self.authority = server.home / "knative" / "tls" / "ca.crt"

    def run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = ["kubectl", "-n", self.namespace, *arguments]
        return subprocess.run(command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=60)

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        process = self.run(*arguments, stdin=stdin)
        assert process.returncode == 0, process.stderr
        return process.stdout


@pytest.fixture
def kubectl(server: Server, namespace: str, tmp_path: Path) -> Kubectl:
    return Kubectl(server, namespace, tmp_path)


def test_a_second_server_side_apply_changes_nothing(kubectl: Kubectl) -> None:
    first = kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    assert first.count("serverside-applied") == 5
    before = kubectl("get", "ksvc,pingsource,job", "-o", "yaml")
    kubectl("apply", "--server-side", "--validate=false", "-f", "-", stdin=MANIFEST)
    assert kubectl("get", "ksvc,pingsource,job", "-o", "yaml") == before


def test_client_side_apply_removes_fields_that_were_left_out(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=MANIFEST).count("created") == 5
    before = kubectl("get", "ksvc,job", "-o", "yaml")
    assert kubectl("apply", "-f", "-", stdin=MANIFEST).count("unchanged") == 4  # a ksvc's defaulted containers always make a patch, as upstream
    assert kubectl("get", "ksvc,job", "-o", "yaml") == before
    less = MANIFEST.replace(", {port: 81, name: b}", "").replace(', two: "2"', "").replace("*/10", "*/5")
    assert kubectl("apply", "-f", "-", stdin=less).count("unchanged") == 1
    assert kubectl("get", "svc", "plain", "-o", "jsonpath={.spec.ports[*].port}") == "80"
    assert yaml.safe_load(kubectl("get", "cm", "words", "-o", "yaml"))["data"] == {"one": "1"}


def test_server_side_apply_takes_over_from_client_side_apply(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=MANIFEST)
    kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    less = MANIFEST.replace(', two: "2"', "")
    kubectl("apply", "--server-side", "-f", "-", stdin=less)
    assert yaml.safe_load(kubectl("get", "cm", "words", "-o", "yaml"))["data"] == {"one": "1"}


def test_an_apply_conflict_is_explained(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=MANIFEST)
    refused = kubectl.run("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=MANIFEST.replace('"*/10', '"*/5'))
    assert refused.returncode != 0 and 'Apply failed with 1 conflict: conflict with "one": .spec.schedule' in refused.stderr
    kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", "-", stdin=MANIFEST.replace('"*/10', '"*/5'))


def test_get_prints_the_columns_of_upstream(kubectl: Kubectl, http: httpx.Client) -> None:
    kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    path = f"/apis/serving.knative.dev/v1/namespaces/{kubectl.namespace}/services/web/status"
    status = {"url": "http://web.localhost", "conditions": [{"type": "Ready", "status": "False", "reason": "RevisionFailed"}]}
    http.patch(path, headers={"Content-Type": "application/merge-patch+json"}, json={"status": status}).raise_for_status()
    head, row = kubectl("get", "ksvc").splitlines()
    assert head.split() == ["NAME", "URL", "LATESTCREATED", "LATESTREADY", "READY", "REASON"]
    assert row.split() == ["web", "http://web.localhost", "False", "RevisionFailed"]
    everything = kubectl("get", "ksvc,triggers,pingsources,jobs", "-A")
    assert "service.serving.knative.dev/web" in everything and "pingsource.sources.knative.dev/tick" in everything
    assert set(kubectl("get", "knative", "-o", "name").split()) == {"pingsource.sources.knative.dev/tick", "service.serving.knative.dev/web"}


def test_describe_explain_label_wait_diff(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST)
    assert "Schedule:" in kubectl("describe", "pingsource", "tick") and "once" in kubectl("describe", "job", "once")
    assert "timeoutSeconds" in kubectl("explain", "ksvc.spec.template.spec")
    kubectl("label", "ksvc", "web", "a=b")
    assert kubectl("get", "ksvc", "-l", "a in (b,c)", "-o", "name").strip() == "service.serving.knative.dev/web"
    assert kubectl.run("wait", "--for=condition=Ready", "ksvc/web", "--timeout=1s").returncode == 1
    assert kubectl.run("diff", "--server-side", "-f", "-", stdin=MANIFEST.replace('"*/10', '"*/5')).stdout.count("*/5") == 1


def test_an_unknown_field_and_kind_are_refused(kubectl: Kubectl) -> None:
    strange = MANIFEST.replace("{image", "{hostPID: true, image")
    refused = kubectl.run("apply", "--server-side", "--validate=false", "-f", "-", stdin=strange)
    assert refused.returncode != 0 and 'unknown field "spec.template.spec.containers[0].hostPID"' in refused.stderr
    unknown = kubectl.run("apply", "-f", "-", stdin="{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: x}}")
    assert 'no matches for kind "StatefulSet" in version "apps/v1"' in unknown.stderr
    assert 'the server doesn\'t have a resource type "statefulsets"' in kubectl.run("get", "statefulsets").stderr


def test_create_commands_that_send_protobuf(kubectl: Kubectl) -> None:
    kubectl("create", "secret", "generic", "s", "--from-literal=url=amqp://ü")
    assert kubectl("get", "secret", "s", "-o", "go-template={{.data.url | base64decode}} {{.type}}") == "amqp://ü Opaque"
    kubectl("create", "configmap", "c", "--from-literal=a=b", "--from-literal=empty=")
    assert yaml.safe_load(kubectl("get", "cm", "c", "-o", "yaml"))["data"] == {"a": "b", "empty": ""}
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods,secrets", "--resource-name=x")
    kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={kubectl.namespace}:robot")
    kubectl("create", "quota", "q", "--hard=secrets=5,limits.memory=1Gi")
    assert yaml.safe_load(kubectl("get", "quota", "q", "-o", "yaml"))["spec"]["hard"] == {"secrets": "5", "limits.memory": "1Gi"}
    token = kubectl("create", "token", "robot", "--duration=10m").strip()
    robot = ["--kubeconfig=/dev/null", f"--server={kubectl.server}", f"--certificate-authority={kubectl.authority}", f"--token={token}"]
    assert kubectl(*robot, "auth", "can-i", "get", "secrets/x").strip() == "yes"
    assert kubectl.run(*robot, "auth", "can-i", "delete", "secrets/x").stdout.strip() == "no"
    other = f"{kubectl.namespace}-other"
    kubectl("create", "namespace", other)
    kubectl("delete", "namespace", other)
    refused = kubectl.run("create", "job", "j", "--image=x")
    assert refused.returncode != 0 and "Job is not supported as protobuf: send it as YAML or JSON" in refused.stderr


def test_delete_waits_for_the_deletion(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert kubectl("delete", "--timeout=20s", "-f", "-", stdin=MANIFEST).count("deleted") == 5
    assert kubectl.run("get", "ksvc,pingsource,job").stdout == ""
    kubectl("delete", "namespace", kubectl.namespace, "--timeout=20s")
    eventually(lambda: "NotFound" in kubectl.run("get", "namespace", kubectl.namespace).stderr)


def test_kustomize_is_applied(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(MANIFEST)
    (tmp_path / "kustomization.yaml").write_text("resources: [objects.yaml]\nlabels: [{pairs: {a: b}}]\n")
    rendered = kubectl("kustomize", str(tmp_path))
    assert kubectl("apply", "--server-side", "--validate=false", "-f", "-", stdin=rendered).count("serverside-applied") == 5
    assert len(kubectl("get", "ksvc,cm,job", "-l", "a=b", "-o", "name").split()) == 3
