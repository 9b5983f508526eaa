"""Services through the API: revisions, conditions, a container's environment and volumes, and the reasons of failures."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from knative.local.serving.naming import STOPPED
from tests.knative.machine import Machine, alive, condition, service, until
from tests.proof import proof


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def test_a_service_becomes_ready_and_answers(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace))
    ready = machine.ready(namespace, "sample")
    status = ready["status"]
    assert status["latestCreatedRevisionName"] == status["latestReadyRevisionName"] == "sample-00001"
    assert status["url"] == f"http://sample.{namespace}.localhost:{7080 + machine.offset}"
    assert status["address"]["url"] == f"http://sample.{namespace}.svc.cluster.local"
    assert status["traffic"] == [{"percent": 100, "latestRevision": True, "revisionName": "sample-00001"}]
    assert {each["type"]: each["status"] for each in status["conditions"]} == {"ConfigurationsReady": "True", "RoutesReady": "True", "Ready": "True"}
    revision = machine.get("revisions", namespace, "sample-00001")
    assert {each["type"] for each in revision["status"]["conditions"]} == {"Ready", "ContainerHealthy", "ResourcesAvailable", "Active"}
    with machine.http(ready) as http:
        assert http.get("/").json()["revision"] == "sample-00001"
    (pod,) = machine.pods(namespace, "sample")
    assert pod.metadata.labels["serving.knative.dev/revision"] == "sample-00001"
    assert pod.status.phase == "Running" and pod.status.container_statuses[0].ready


def test_a_container_gets_only_the_variables_of_its_template(machine: Machine, namespace: str) -> None:
    machine.core.create_namespaced_secret(namespace, {"metadata": {"name": "keys"}, "stringData": {"password": "s3cret", "token": "t0ken"}})
    machine.core.create_namespaced_config_map(namespace, {"metadata": {"name": "words"}, "data": {"GREETING": "hello", "NAME": "world"}})
    machine.enable_feature("kubernetes.podspec-fieldref")
    container = {
        "env": [
            {"name": "PLAIN", "value": "text"},
            {"name": "COMPOSED", "value": "$(PLAIN) and $$(PLAIN) and $(NOBODY)"},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}},
            {"name": "OPTIONAL", "valueFrom": {"secretKeyRef": {"name": "nobody", "key": "x", "optional": True}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "envFrom": [{"prefix": "W_", "configMapRef": {"name": "words"}}, {"secretRef": {"name": "keys"}}],
    }
    machine.create(service(namespace, **container))
    with machine.http(machine.ready(namespace, "sample")) as http:
        found = http.get("/env").json()
    assert found["PLAIN"] == "text" and found["COMPOSED"] == "text and $(PLAIN) and $(NOBODY)"
    assert found["PASSWORD"] == "s3cret" and found["token"] == "t0ken" and "OPTIONAL" not in found
    assert found["W_GREETING"] == "hello" and found["W_NAME"] == "world"
    assert found["POD"].startswith("sample-00001-deployment-") and found["WHERE"] == namespace
    assert found["K_SERVICE"] == "sample" and found["K_REVISION"] == "sample-00001" and found["K_CONFIGURATION"] == "sample"
    assert "SECRET_OF_THE_PARENT" not in found and "CAPSULE_HOME" not in found and "KUBECONFIG" not in found


@pytest.mark.parametrize("where", ["capsule", "tenant"])
def test_mounted_secrets_rotate_without_a_redeploy(machine: Machine, namespace: str, where: str) -> None:
    space, name = ("capsule", f"rotates-{namespace}") if where == "capsule" else (namespace, "rotates")
    machine.core.create_namespaced_secret(space, {"metadata": {"name": name}, "stringData": {"password": "first"}})
    machine.core.create_namespaced_config_map(space, {"metadata": {"name": name}, "data": {"colour": "blue"}})
    volumes = [
        {
            "name": "all",
            "projected": {"sources": [{"secret": {"name": name}}, {"configMap": {"name": name, "items": [{"key": "colour", "path": "a/b"}]}}]},
        }
    ]
    mounts = [{"name": "all", "mountPath": "/etc/capsule-test", "readOnly": True}]
    machine.create(service(space, name, spec={"volumes": volumes}, volumeMounts=mounts))
    with machine.http(machine.ready(space, name)) as http:

        def read(path: str) -> str:
            return str(http.get("/read", params={"path": path, "root": "1"}).json().get("content"))

        assert (read("/etc/capsule-test/password"), read("/etc/capsule-test/a/b")) == ("first", "blue")
        run = http.get("/who").json()["run"]
        machine.core.patch_namespaced_secret(name, space, {"data": {"password": base64.b64encode(b"second").decode()}})
        until(lambda: read("/etc/capsule-test/password") == "second")
        assert http.get("/who").json()["run"] == run
    machine.delete(space, name)


def test_the_old_revision_serves_until_the_new_one_is_ready(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, env=env(VERSION="1")))
    with machine.http(machine.ready(namespace, "sample")) as http:
        changed = service(namespace, env=env(VERSION="2", SLEEP="1.5"))
        machine.patch(namespace, "sample", {"spec": changed["spec"]})
        seen = []
        until(lambda: seen.append(http.get("/").json()["version"]) or seen[-1] == "2", 30)
        assert seen[0] == "1" and sorted(seen) == seen
    assert machine.ready(namespace, "sample")["status"]["latestReadyRevisionName"] == "sample-00002"


def test_a_revision_that_exits_reports_it_and_the_old_one_keeps_serving(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, env=env(VERSION="1")))
    ready = machine.ready(namespace, "sample")
    machine.patch(namespace, "sample", {"spec": service(namespace, env=env(EXIT_WITH="3", SAY="no database: giving up"))["spec"]})
    failed = machine.failed(namespace, "sample")
    reported = condition(failed, "ConfigurationsReady")
    assert reported["reason"] == "RevisionFailed" and "no database: giving up" in reported["message"] and "sample-00002" in reported["message"]
    revision = machine.get("revisions", namespace, "sample-00002")
    assert condition(revision, "ContainerHealthy")["reason"] == "ExitCode3" == condition(revision, "Ready")["reason"]
    assert failed["status"]["latestReadyRevisionName"] == "sample-00001" and failed["status"]["latestCreatedRevisionName"] == "sample-00002"
    assert condition(failed, "RoutesReady")["status"] == "True"
    with machine.http(ready) as http:
        assert http.get("/").json()["version"] == "1"
    machine.patch(namespace, "sample", {"spec": service(namespace, env=env(VERSION="3"))["spec"]})
    assert machine.ready(namespace, "sample")["status"]["latestReadyRevisionName"] == "sample-00003"


def test_a_revision_that_exits_with_code_0_reports_its_output(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, env=env(EXIT_WITH="0", SAY="started in the background")))
    machine.failed(namespace, "sample")
    healthy = condition(machine.get("revisions", namespace, "sample-00001"), "ContainerHealthy")
    assert healthy["reason"] == "ExitCode0" and healthy["message"] == "started in the background"


DEADLINE = {"serving.knative.dev/progress-deadline": "6s"}


def test_a_revision_that_listens_on_another_port_reports_the_port(machine: Machine, namespace: str) -> None:
    port = str(20000 + os.getpid() % 10000)
    machine.create(service(namespace, annotations=DEADLINE, env=env(LISTEN_ON=port)))
    message = condition(machine.failed(namespace, "sample"), "Ready")["message"]
    assert "never listened on port 8080 (its $PORT)" in message and "within 6 s" in message and f"It listens on {port}" in message


def test_a_failed_probe_reports_the_answer(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, annotations=DEADLINE, env=env(HEALTH="500"), readinessProbe={"httpGet": {"path": "/health"}}))
    failed = machine.failed(namespace, "sample")
    assert "GET /health answered 500" in condition(failed, "Ready")["message"]
    until(lambda: not machine.pods(namespace, "sample"))


@proof("one-machine-knative")
def test_exec_probes_decide_readiness(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, "good", readinessProbe={"exec": {"command": ["sh", "-c", "exit 0"]}}))
    machine.create(service(namespace, "bad", annotations=DEADLINE, readinessProbe={"exec": {"command": ["sh", "-c", "exit 4"]}}))
    machine.ready(namespace, "good")
    assert "exited with 4" in condition(machine.failed(namespace, "bad"), "Ready")["message"]


def test_an_unknown_image_fails_at_once(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, image="docker.io/library/nginx:1.27"))
    failed = machine.failed(namespace, "sample", 5)
    assert "docker.io/library/nginx:1.27" in condition(failed, "Ready")["message"]
    assert condition(machine.get("revisions", namespace, "sample-00001"), "ResourcesAvailable")["reason"] == "ImagePullBackOff"
    assert condition(failed, "RoutesReady")["status"] == "False"


IF_ALLOWED = """
import os, runpy, sys
if open(os.environ['CAPSULE_ROOT'] + '/etc/capsule-test/go').read() != 'yes':
    sys.exit('not yet')
runpy.run_module('tests.knative.serving.sample', run_name='__main__')
"""


@proof("one-machine-knative")
def test_a_failed_platform_function_is_retried(machine: Machine, namespace: str) -> None:
    """An application's failed revision stays failed.

    A platform function is retried, for example until its database is available.
    """
    name = f"late-{namespace}"
    machine.core.create_namespaced_config_map("capsule", {"metadata": {"name": name}, "data": {"go": "no"}})
    mounted = {"volumeMounts": [{"name": "go", "mountPath": "/etc/capsule-test"}]}
    volumes = {"volumes": [{"name": "go", "configMap": {"name": name}}]}
    machine.create(service("capsule", name, spec=volumes, command=["python", "-c", IF_ALLOWED], **mounted))
    assert "not yet" in condition(machine.failed("capsule", name), "Ready")["message"]
    machine.core.patch_namespaced_config_map(name, "capsule", {"data": {"go": "yes"}})
    until(lambda: condition(machine.get("services", "capsule", name), "Ready")["status"] == "True", 40)
    machine.delete("capsule", name)


def test_a_pod_waits_for_a_missing_secret(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, env=[{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}]))
    until(lambda: condition(machine.get("services", namespace, "sample"), "Ready").get("reason") == "CreateContainerConfigError" or None)
    (pod,) = machine.pods(namespace, "sample")
    assert pod.status.container_statuses[0].state.waiting.reason == "CreateContainerConfigError"
    machine.core.create_namespaced_secret(namespace, {"metadata": {"name": "late"}, "stringData": {"k": "v"}})
    with machine.http(machine.ready(namespace, "sample")) as http:
        assert http.get("/env").json()["KEY"] == "v"


@pytest.mark.skipif(os.geteuid() != 0, reason="control groups are root's to make")
def test_exceeding_the_memory_limit_is_reported(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, resources={"limits": {"memory": "128Mi"}}))
    ready = machine.ready(namespace, "sample")
    with machine.http(ready) as http:
        assert http.get("/eat", params={"megabytes": "300"}).status_code == 502

    def ended() -> str | None:
        last = machine.pods(namespace, "sample")[0].status.container_statuses[0].last_state
        return last.terminated.reason if last and last.terminated else None

    assert until(ended) == "OOMKilled"
    with machine.http(ready) as http:
        assert until(lambda: http.get("/").status_code == 200)


def test_traffic_is_split_by_revision(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, env=env(VERSION="1")))
    machine.ready(namespace, "sample")
    machine.patch(namespace, "sample", {"spec": service(namespace, env=env(VERSION="2"))["spec"]})
    machine.ready(namespace, "sample")
    traffic = [{"revisionName": "sample-00001", "percent": 50, "tag": "old"}, {"latestRevision": True, "percent": 50}]
    machine.patch(namespace, "sample", {"spec": {"traffic": traffic}})
    ready = machine.ready(namespace, "sample")
    with machine.http(ready) as http:
        seen = [http.get("/").json()["version"] for _ in range(60)]
        assert 10 < seen.count("1") < 50 and 10 < seen.count("2") < 50
        tagged = next(each["url"] for each in ready["status"]["traffic"] if each.get("tag") == "old")
        host = tagged.removeprefix("http://")
        assert {http.get("/", headers={"Host": host}).json()["version"] for _ in range(5)} == {"1"}
    machine.patch(namespace, "sample", {"spec": {"traffic": [{"revisionName": "sample-00001", "percent": 100}]}})
    machine.ready(namespace, "sample")
    with machine.http(ready) as http:
        assert {http.get("/").json()["version"] for _ in range(10)} == {"1"}


def test_a_deleted_service_leaves_nothing(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace))
    ready = machine.ready(namespace, "sample")
    with machine.http(ready) as http:
        http.get("/")
        (pid,) = machine.pids(namespace)
        assert alive(pid)
        machine.delete(namespace, "sample")
        until(lambda: not alive(pid))
        until(lambda: http.get("/").status_code == 404)
    assert not machine.pods(namespace, "sample")
    assert not machine.custom.list_namespaced_custom_object("serving.knative.dev", "v1", namespace, "revisions")["items"]
    assert until(lambda: not list((machine.home / "knative" / "pods" / namespace).glob("*")))
    machine.create(service(namespace))
    assert machine.ready(namespace, "sample")["status"]["latestReadyRevisionName"] == "sample-00001"


def test_requests_are_answered_while_the_service_is_stopped(machine: Machine, namespace: str) -> None:
    """None waits for an instance that will not start."""
    machine.create(service(namespace))
    with machine.http(machine.ready(namespace, "sample")) as http, ThreadPoolExecutor(8) as threads:

        def request_until_refused(_: int) -> set[int]:
            statuses = {200}
            while 503 not in statuses:
                statuses.add(http.get("/").status_code)
            return statuses

        answers = threads.map(request_until_refused, range(8))
        machine.patch(namespace, "sample", {"metadata": {"annotations": {STOPPED: "true"}}})
        assert {status for each in answers for status in each} == {200, 503}
        assert "is stopped" in http.get("/").text
